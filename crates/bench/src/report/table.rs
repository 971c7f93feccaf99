//! Tables for a terminal.

use std::fmt::Write;

use super::{Ratio, Report};
use crate::contest::Runs;
use crate::cost::{Cost, Kind};
use crate::curve::Plot;
use crate::rows::OURS;
use crate::stats::Spread;

const MIB: f64 = 1024.0 * 1024.0;

/// Shows one benchmark: medians of each contestant, then ratios with their spread.
#[must_use]
pub fn details(report: &Report) -> String {
    let mut text = format!("{}: {}\n", report.name, report.about);
    if !report.runs.is_empty() {
        _ = writeln!(text, "  {:32}{}{:>11}", "medians", heads(), "peak");
    }
    for runs in &report.runs {
        _ = writeln!(text, "  {:32}{}", runs.name, medians(runs));
    }
    for ratio in &report.ratios {
        _ = writeln!(text, "  {}", line(ratio));
    }
    if let Some(peak) = report.peak {
        let (bytes, goal) = (peak.bytes as f64 / MIB, peak.goal as f64 / MIB);
        let judged = verdict(Some(peak.bytes <= peak.goal));
        _ = writeln!(
            text,
            "  peak of our largest process {bytes:.0} MiB, goal {goal:.0}: {judged}"
        );
    }
    report.plots.iter().for_each(|plot| text += &sizes(plot));
    for note in &report.notes {
        _ = writeln!(text, "  {note}");
    }
    text
}

/// A plot as figures: a line a curve, a column a size.
fn sizes(plot: &Plot) -> String {
    let mut text = format!("  {}, by {}\n", plot.title, plot.of);
    for curve in &plot.curves {
        let points = curve.points.iter().map(|(x, y)| format!("{x:>10}: {:9}", seconds(*y)));
        let growth = curve.growth().map_or_else(String::new, |power| format!("  size^{power:.2}"));
        _ = writeln!(text, "  {:32}{}{growth}", curve.name, points.collect::<String>());
    }
    text
}

fn heads() -> String {
    Kind::ALL.map(|kind| format!("{:>11}", kind.name())).concat()
}

fn medians(runs: &Runs) -> String {
    let median = |of: &dyn Fn(&Cost) -> f64| {
        Spread::of(&runs.costs.iter().map(of).collect::<Vec<_>>()).map_or(0.0, |all| all.median)
    };
    let times = Kind::ALL.map(|kind| format!("{:>11}", seconds(median(&|cost| cost.of(kind)))));
    let peak = median(&|cost| cost.peak as f64) / MIB;
    times.concat() + &format!("{:>11}", format!("{peak:.0} MiB"))
}

/// A time in the unit that gives it three digits.
pub(super) fn seconds(time: f64) -> String {
    if time < 1.0 { format!("{:.1} ms", time * 1e3) } else { format!("{time:.2} s") }
}

fn line(ratio: &Ratio) -> String {
    let Ratio { who, against, kind, spread, goal, reached } = ratio;
    let goal =
        goal.map_or_else(String::new, |goal| format!(", goal {goal:.2}: {}", verdict(*reached)));
    let Spread { median, min, max } = spread;
    let other = who.strip_prefix(OURS).unwrap_or(who).trim_start_matches(", ");
    let what = format!("{} / {against}", kind.name());
    let what = if other.is_empty() { what } else { format!("{what} ({other})") };
    format!("{what:32}{median:6.2} ({min:.2} to {max:.2}){goal}")
}

/// A word for whether a goal was reached.
pub(super) fn verdict(reached: Option<bool>) -> &'static str {
    match reached {
        Some(true) => "reached",
        Some(false) => "NOT reached",
        None => "",
    }
}

/// Shows the goals of all benchmarks, a line each.
#[must_use]
pub fn summary(reports: &[Report]) -> String {
    let mut text = String::from("all goals:\n");
    for report in reports {
        for ratio in report.ratios.iter().filter(|ratio| ratio.goal.is_some()) {
            _ = writeln!(text, "  {:16}{}", report.name, line(ratio));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_reached_is_called_so() {
        let spread = Spread { median: 0.7, min: 0.5, max: 0.9 };
        let ratio = |goal, reached| Ratio {
            who: OURS.into(),
            against: "x".into(),
            kind: Kind::Cpu,
            spread,
            goal,
            reached,
        };
        assert!(
            line(&ratio(Some(0.6), Some(false)))
                .ends_with("(0.50 to 0.90), goal 0.60: NOT reached")
        );
        assert!(line(&ratio(None, None)).ends_with("(0.50 to 0.90)"));
        assert_eq!((seconds(0.0123), seconds(12.345)), ("12.3 ms".into(), "12.35 s".into()));
    }
}
