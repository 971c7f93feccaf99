//! What was measured, in the documentation: tables between two marks, and plots.
//!
//! The hazard is a figure that somebody typed: all of them come from the files that the suite has written, and
//! those of a quick run never get there.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use super::table::seconds;
use super::{Peak, Ratio, Report, read, svg};
use crate::contest::Runs;
use crate::cost::Kind;
use crate::curve::Plot;
use crate::rows::{ALL, OURS};
use crate::stats::Spread;

const MIB: f64 = 1024.0 * 1024.0;

/// Puts what is in `out` into the documentation below `root`.
///
/// # Errors
/// A file that cannot be read or written, or that lacks its marks.
pub fn update(out: &Path, root: &Path) -> io::Result<()> {
    let mut reports = Vec::new();
    for row in ALL {
        reports.extend(read(out, row.name)?.filter(|report| !report.quick));
    }
    replace(&root.join("docs/benchmarks.md"), "results", &results(&reports))?;
    replace(&root.join("README.md"), "results", &goals(&reports))?;
    let plots = root.join("docs/plots");
    fs::create_dir_all(&plots)?;
    let mut all = reports.iter().flat_map(|report| &report.plots);
    all.try_for_each(|plot| fs::write(plots.join(format!("{}.svg", plot.name)), svg(plot)))
}

fn replace(path: &Path, mark: &str, with: &str) -> io::Result<()> {
    let text = fs::read_to_string(path)?;
    let text = between(&text, mark, with).ok_or_else(|| {
        io::Error::other(format!("{} has no marks for the {mark}", path.display()))
    })?;
    fs::write(path, text)
}

/// Replaces what is between `<!-- mark -->` and `<!-- end of mark -->`.
fn between(text: &str, mark: &str, with: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {mark} -->\n"), format!("<!-- end of {mark} -->"));
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{with}{end}{after}"))
}

/// The goals alone, and where they were measured.
fn goals(reports: &[Report]) -> String {
    let mut text = String::from(
        "\n| benchmark | against | wall | goal | CPU | goal |\n|---|---|---|---|---|---|\n",
    );
    for report in reports {
        for peer in peers(report).filter(|peer| has_goal(report, peer)) {
            text += &row(&report.about, report, peer, |ratio| figure(ratio.spread.median));
        }
    }
    text + "\n" + &hosts(reports) + "\n"
}

/// All ratios, then all medians, and the plots.
fn results(reports: &[Report]) -> String {
    let mut text = format!("\n{}\n\n", hosts(reports));
    text += "| benchmark | against | wall | goal | CPU | goal |\n|---|---|---|---|---|---|\n";
    for report in reports {
        let name = format!("`{}`", report.name);
        peers(report).for_each(|peer| text += &row(&name, report, peer, spread));
    }
    reports.iter().for_each(|report| text += &section(report));
    text + "\n"
}

fn peers(report: &Report) -> impl Iterator<Item = &str> {
    let others = report.runs.iter().filter(|runs| !runs.name.starts_with(OURS));
    others.map(|runs| runs.name.as_str())
}

fn find<'a>(report: &'a Report, peer: &str, kind: Kind) -> Option<&'a Ratio> {
    let fits = |ratio: &&Ratio| ratio.who == OURS && ratio.against == peer && ratio.kind == kind;
    report.ratios.iter().find(fits)
}

fn has_goal(report: &Report, peer: &str) -> bool {
    Kind::ALL.iter().any(|kind| find(report, peer, *kind).is_some_and(|ratio| ratio.goal.is_some()))
}

fn row(name: &str, report: &Report, peer: &str, show: impl Fn(&Ratio) -> String) -> String {
    let mut row = format!("| {name} | {peer} |");
    for kind in [Kind::Wall, Kind::Cpu] {
        let ratio = find(report, peer, kind);
        let shown = ratio.map_or_else(String::new, &show);
        _ = write!(row, " {shown} | {} |", ratio.map_or_else(String::new, goal));
    }
    row + "\n"
}

fn goal(ratio: &Ratio) -> String {
    let word = if ratio.reached == Some(true) { "reached" } else { "not reached" };
    ratio.goal.map_or_else(String::new, |goal| format!("≤ {goal:.2}, {word}"))
}

/// A ratio with two digits that count.
fn figure(ratio: f64) -> String {
    if ratio < 0.1 { format!("{ratio:.3}") } else { format!("{ratio:.2}") }
}

fn spread(ratio: &Ratio) -> String {
    let Spread { median, min, max } = ratio.spread;
    format!("{} ({} to {})", figure(median), figure(min), figure(max))
}

/// Where all was measured: a line for each machine, day and commit.
fn hosts(reports: &[Report]) -> String {
    let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
    for report in reports {
        let idle = if report.host.warning().is_some() { "; the machine was not idle" } else { "" };
        let line = report.host.line() + idle;
        match lines.iter_mut().find(|(known, _)| *known == line) {
            Some((_, names)) => names.push(&report.name),
            None => lines.push((line, vec![&report.name])),
        }
    }
    if let [(line, _)] = &lines[..] {
        return format!("{line}.");
    }
    let line = |(line, names): &(String, Vec<&str>)| format!("- {}: {line}.", names.join(", "));
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn section(report: &Report) -> String {
    let mut text = format!("\n### {}\n\n{}.", report.name, capital(&report.about));
    if let Some(runs) = report.runs.first() {
        _ = writeln!(text, " {}:\n", rounds(runs.costs.len()));
        text += "| | wall | CPU | busy | peak of a process |\n|---|---|---|---|---|\n";
        report.runs.iter().for_each(|runs| text += &medians(runs));
    } else {
        text += "\n";
    }
    let notes = report.peak.map(peak).into_iter().chain(report.notes.iter().cloned());
    let notes: String = notes.map(|note| format!("- {note}\n")).collect();
    if !notes.is_empty() {
        text += &format!("\n{notes}");
    }
    for plot in &report.plots {
        text += &sizes(plot);
        _ = write!(text, "\n![{} by {}](plots/{}.svg)\n", plot.title, plot.of, plot.name);
    }
    text
}

/// The figures of a plot: a line a curve, a column a size.
fn sizes(plot: &Plot) -> String {
    let Some(first) = plot.curves.first() else { return String::new() };
    let heads: String = first.points.iter().map(|point| format!(" {} |", point.0)).collect();
    let mut text = format!("\n| {}, by {} |{heads} growth |\n|---|", plot.title, plot.of);
    text += &"---|".repeat(first.points.len() + 1);
    for curve in &plot.curves {
        let times: String =
            curve.points.iter().map(|point| format!(" {} |", seconds(point.1))).collect();
        let growth = curve.growth().map_or_else(String::new, |power| format!("size^{power:.2}"));
        _ = write!(text, "\n| {} |{times} {growth} |", curve.name);
    }
    text + "\n"
}

fn rounds(count: usize) -> String {
    if count == 1 { "One round".into() } else { format!("Medians of {count} rounds") }
}

fn peak(peak: Peak) -> String {
    let [bytes, goal] = [peak.bytes, peak.goal].map(|bytes| bytes as f64 / MIB);
    let word = if peak.bytes <= peak.goal { "reached" } else { "not reached" };
    format!("the largest process of btrsync had {bytes:.0} MiB, goal {goal:.0}: {word}")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn medians(runs: &Runs) -> String {
    let median = |figures: Vec<f64>| Spread::of(&figures).map_or(0.0, |spread| spread.median);
    let of = |kind| median(runs.costs.iter().map(|cost| cost.of(kind)).collect());
    let times = Kind::ALL.map(|kind| seconds(of(kind))).join(" | ");
    let peak = median(runs.costs.iter().map(|cost| cost.peak as f64).collect()) / MIB;
    format!("| {} | {times} | {peak:.0} MiB |\n", runs.name)
}

#[cfg(test)]
mod tests {
    use super::super::tests::runs;
    use super::*;
    use crate::curve::Curve;
    use crate::host::Host;
    use crate::report::write;
    use crate::rows::Found;

    fn measured(name: &str, quick: bool) -> Report {
        let row = ALL.iter().find(|row| row.name == name).unwrap();
        let curve = Curve { name: "a".into(), points: vec![(10.0, 1.0), (100.0, 2.0)] };
        let plot = Plot {
            name: "growth".into(),
            title: "Growth".into(),
            of: "files".into(),
            curves: vec![curve],
        };
        let runs = vec![runs(OURS, &[1.0, 2.0, 3.0]), runs("btrfs", &[2.0, 4.0, 4.0])];
        Report::new(
            row,
            quick,
            host(),
            Found { runs, plots: vec![plot], notes: vec!["a note".into()] },
        )
    }

    fn host() -> Host {
        Host {
            date: "2026-01-01".into(),
            commit: "abc".into(),
            processors: "2 processors".into(),
            memory_gib: 24.0,
            kernel: "6.18".into(),
            images: "memory".into(),
            load: 3.0,
            versions: vec![],
        }
    }

    #[test]
    fn what_was_measured_gets_into_the_pages_but_not_what_was_only_tried() {
        let dir = tempfile::tempdir().unwrap();
        let (out, docs) = (dir.path().join("out"), dir.path().join("docs"));
        fs::create_dir(&docs).unwrap();
        let pages = [docs.join("benchmarks.md"), dir.path().join("README.md")];
        pages.iter().for_each(|page| {
            fs::write(page, "before\n<!-- results -->\nold\n<!-- end of results -->\n").unwrap();
        });
        write(&measured("small-cold", false), &out).unwrap();
        write(&measured("large", true), &out).unwrap();
        update(&out, dir.path()).unwrap();
        let [page, readme] = pages.map(|page| fs::read_to_string(page).unwrap());
        let row = "| `small-cold` | btrfs | 0.50 (0.50 to 0.75) | ≤ 0.62, reached |";
        for part in [
            row,
            "### small-cold",
            "- a note",
            "not idle",
            "| a | 1.00 s | 2.00 s | size^0.30 |",
            "plots/growth.svg",
            "1 MiB, goal 80",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        assert!(
            page.starts_with("before\n") && !page.contains("\nold\n") && !page.contains("`large`")
        );
        assert!(
            readme.contains("cached | btrfs | 0.50 | ≤ 0.62, reached | 0.50 | ≤ 0.56, reached |"),
            "{readme}"
        );
        assert!(docs.join("plots/growth.svg").exists());
    }

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let text = "a\n<!-- x -->\nold\n<!-- end of x -->\nb\n";
        let new = between(text, "x", "new\n").unwrap();
        assert_eq!(new, "a\n<!-- x -->\nnew\n<!-- end of x -->\nb\n");
        assert_eq!(between(&new, "x", "new\n").unwrap(), new);
        assert_eq!(between("a\nb\n", "x", "new\n"), None);
    }

    #[test]
    fn what_was_not_reached_is_called_so() {
        let spread = Spread { median: 0.055, min: 0.04, max: 0.5 };
        let mut ratio = Ratio {
            who: OURS.into(),
            against: "x".into(),
            kind: Kind::Cpu,
            spread,
            goal: Some(0.05),
            reached: Some(false),
        };
        assert_eq!(goal(&ratio), "≤ 0.05, not reached");
        assert_eq!(super::spread(&ratio), "0.055 (0.040 to 0.50)");
        ratio.goal = None;
        ratio.reached = None;
        assert_eq!(goal(&ratio), "");
    }
}
