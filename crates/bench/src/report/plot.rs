//! Plots of cost against size, as SVG text.
//!
//! The hazard is a picture that hides growth: both axes are logarithmic, so that what grows with the size is
//! a straight line of slope one, whatever its height, and such a line is drawn for comparison.

use std::fmt::Write;

use crate::curve::{Curve, Plot};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 215.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 50.0;

/// Colours are those of a page, light or dark, that shows the picture.
const STYLE: &str = "<style>\
text{font:12px sans-serif;fill:#24292f}.grid{stroke:#d0d7de}.linear{stroke:#8c959f;stroke-dasharray:1 3}\
.d1{stroke-dasharray:7 3}.d2{stroke-dasharray:2 2}\
.c0{stroke:#0969da}.c1{stroke:#bc4c00}.c2{stroke:#1a7f37}.c3{stroke:#8250df}\
.dot{stroke:none}.c0.dot{fill:#0969da}.c1.dot{fill:#bc4c00}.c2.dot{fill:#1a7f37}.c3.dot{fill:#8250df}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.grid{stroke:#30363d}.linear{stroke:#6e7681}\
.c0{stroke:#58a6ff}.c1{stroke:#f0883e}.c2{stroke:#3fb950}.c3{stroke:#bc8cff}\
.c0.dot{fill:#58a6ff}.c1.dot{fill:#f0883e}.c2.dot{fill:#3fb950}.c3.dot{fill:#bc8cff}}</style>\n";

const COLOURS: usize = 4;

/// Draws a plot; one without points has only a title.
#[must_use]
pub fn svg(plot: &Plot) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" fill=\"none\">\n{STYLE}"
    );
    _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"20\">{}: seconds by {}</text>", plot.title, plot.of);
    if let Some(axes) = Axes::around(plot) {
        axes.grid(&mut svg);
        axes.linear(&mut svg, plot);
        for (number, curve) in plot.curves.iter().enumerate() {
            axes.curve(&mut svg, number, curve);
        }
    }
    svg + "</svg>\n"
}

/// The powers of ten that enclose all points.
#[derive(Debug, PartialEq)]
struct Axes {
    x: (i32, i32),
    y: (i32, i32),
}

impl Axes {
    fn around(plot: &Plot) -> Option<Self> {
        let points = || plot.curves.iter().flat_map(|curve| &curve.points);
        points().next()?;
        let around = |of: fn(&(f64, f64)) -> f64| {
            let logs: Vec<f64> = points().map(|point| of(point).log10()).collect();
            let low = logs.iter().copied().fold(f64::INFINITY, f64::min).floor() as i32;
            let high = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max).ceil() as i32;
            (low, high.max(low + 1))
        };
        Some(Self { x: around(|point| point.0), y: around(|point| point.1) })
    }

    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let part = |value: f64, (low, high): (i32, i32)| {
            (value.log10() - f64::from(low)) / f64::from(high - low)
        };
        let (width, height) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
        (LEFT + part(x, self.x) * width, HEIGHT - BOTTOM - part(y, self.y) * height)
    }

    /// A point at powers of ten.
    fn corner(&self, x: i32, y: i32) -> (f64, f64) {
        self.at((10f64.powi(x), 10f64.powi(y)))
    }

    fn grid(&self, svg: &mut String) {
        for power in self.x.0..=self.x.1 {
            let (from, to) = (self.corner(power, self.y.0), self.corner(power, self.y.1));
            line(svg, "grid", from, to);
            label(svg, (from.0, from.1 + 20.0), "middle", &size(power));
        }
        for power in self.y.0..=self.y.1 {
            let (from, to) = (self.corner(self.x.0, power), self.corner(self.x.1, power));
            line(svg, "grid", from, to);
            label(svg, (from.0 - 8.0, from.1 + 4.0), "end", &time(power));
        }
    }

    /// What ours would take if it grew just as the size does, from its largest size back.
    fn linear(&self, svg: &mut String, plot: &Plot) {
        let Some(&(x, y)) = plot.curves.first().and_then(|curve| curve.points.last()) else {
            return;
        };
        let (floor, left) = (10f64.powi(self.y.0), 10f64.powi(self.x.0));
        let first = left.max(x * floor / y);
        line(svg, "linear", self.at((first, y * first / x)), self.at((x, y)));
    }

    fn curve(&self, svg: &mut String, number: usize, curve: &Curve) {
        let class = format!("c{} d{}", number % COLOURS, number / COLOURS);
        let places: Vec<(f64, f64)> = curve.points.iter().map(|point| self.at(*point)).collect();
        let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        _ = writeln!(
            svg,
            "<polyline class=\"{class}\" stroke-width=\"2\" points=\"{}\"/>",
            path.join(" ")
        );
        for (x, y) in &places {
            _ = writeln!(
                svg,
                "<circle class=\"{class} dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>"
            );
        }
        let y = TOP + 10.0 + 34.0 * number as f64;
        let x = WIDTH - RIGHT + 12.0;
        line(svg, &class, (x, y - 4.0), (x + 16.0, y - 4.0));
        label(svg, (x + 22.0, y), "start", &curve.name);
        let growth = curve.growth().map_or_else(String::new, |power| format!("size^{power:.2}"));
        label(svg, (x + 22.0, y + 15.0), "start", &growth);
    }
}

fn line(svg: &mut String, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    _ = writeln!(
        svg,
        "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
    );
}

fn label(svg: &mut String, (x, y): (f64, f64), anchor: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>");
}

fn size(power: i32) -> String {
    match power {
        6.. => format!("{}M", 10i64.pow(power.unsigned_abs() - 6)),
        3.. => format!("{}k", 10i64.pow(power.unsigned_abs() - 3)),
        _ => format!("{}", 10f64.powi(power)),
    }
}

fn time(power: i32) -> String {
    match power {
        0.. => format!("{} s", 10f64.powi(power)),
        -3..0 => format!("{} ms", 10f64.powi(power + 3)),
        _ => format!("{} µs", 10f64.powi(power + 6).max(1.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: &[(f64, f64)]) -> Plot {
        let curve = Curve { name: "a & b".to_owned(), points: points.to_vec() };
        Plot { name: "x".into(), title: "title".into(), of: "files".into(), curves: vec![curve] }
    }

    #[test]
    fn a_power_of_ten_is_a_step_of_the_same_length_everywhere() {
        let axes = Axes::around(&plot(&[(10.0, 0.02), (1000.0, 3.0)])).unwrap();
        assert_eq!(axes, Axes { x: (1, 3), y: (-2, 1) });
        let places = [10.0, 100.0, 1000.0].map(|x| axes.at((x, 0.1)).0);
        assert_eq!(places, [LEFT, f64::midpoint(LEFT, WIDTH - RIGHT), WIDTH - RIGHT]);
        assert_eq!(axes.at((10.0, 0.01)).1, HEIGHT - BOTTOM);
        assert_eq!(axes.at((10.0, 10.0)).1, TOP);
    }

    #[test]
    fn all_points_are_drawn_and_names_are_escaped() {
        let svg = svg(&plot(&[(10.0, 0.02), (100.0, 0.2), (1000.0, 2.0)]));
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(
            svg.contains("a &amp; b")
                && svg.contains("size^1.00")
                && svg.contains("class=\"linear\"")
        );
        assert!(super::svg(&plot(&[])).ends_with("</svg>\n"));
        assert_eq!(
            [size(2), size(4), size(6), time(-2), time(1), time(-6)].join(" "),
            "100 10k 1M 10 ms 10 s 1 µs"
        );
    }
}
