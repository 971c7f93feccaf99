//! What many runs say together.
//!
//! The hazard is the run that went well: of one's own the best, of the other's the worst. The figure is
//! the median of the ratios within each round, and it is never shown without the smallest and the largest.

use serde::{Deserialize, Serialize};

/// The middle of several figures, with how far they reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Returns none for no figures, or one that is none.
    #[must_use]
    pub fn of(figures: &[f64]) -> Option<Self> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let finite = sorted.iter().all(|figure| figure.is_finite());
        finite.then(|| Self { median: middle(&sorted), min, max })
    }

    /// The spread of the ratios of two series, of which the runs of one round belong together.
    #[must_use]
    pub fn of_ratios(ours: &[f64], theirs: &[f64]) -> Option<Self> {
        assert_eq!(ours.len(), theirs.len(), "each round has a run of both");
        let ratios: Vec<f64> =
            ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
        Self::of(&ratios)
    }
}

fn middle(sorted: &[f64]) -> f64 {
    let (low, high) = ((sorted.len() - 1) / 2, sorted.len() / 2);
    f64::midpoint(sorted[low], sorted[high])
}

/// The exponent k with which the figures grow, as `y = c * x^k` fits them best, all logarithms equal.
///
/// None for less than two different sizes, or anything that is not above zero.
#[must_use]
pub fn exponent(points: &[(f64, f64)]) -> Option<f64> {
    if points.iter().any(|(x, y)| !(*x > 0.0 && *y > 0.0)) {
        return None;
    }
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / logs.len() as f64;
    let (x_mean, y_mean) = (mean(|log| log.0), mean(|log| log.1));
    let along = |log: &(f64, f64)| (log.0 - x_mean) * (log.1 - y_mean);
    let spread: f64 = logs.iter().map(|log| (log.0 - x_mean).powi(2)).sum();
    (spread > 0.0).then(|| logs.iter().map(along).sum::<f64>() / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        let spread = Spread::of(&[5.0, 1.0, 3.0]).unwrap();
        assert_eq!(spread, Spread { median: 3.0, min: 1.0, max: 5.0 });
        assert_eq!(Spread::of(&[4.0, 1.0, 2.0, 9.0]).unwrap().median, 3.0);
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[1.0, f64::NAN]), None);
    }

    #[test]
    fn ratios_are_those_of_one_round() {
        // The medians of both are 2 and 4; only one round was that good.
        let spread = Spread::of_ratios(&[1.0, 2.0, 9.0], &[1.0, 4.0, 9.0]).unwrap();
        assert_eq!(spread, Spread { median: 1.0, min: 0.5, max: 1.0 });
        assert_eq!(Spread::of_ratios(&[1.0], &[0.0]), None);
    }

    #[test]
    fn the_exponent_of_a_power_is_found() {
        let points = |power: f64| [1.0, 10.0, 1000.0].map(|x: f64| (x, 3.0 * x.powf(power)));
        for power in [0.0, 1.0, 1.5, 2.0] {
            assert!((exponent(&points(power)).unwrap() - power).abs() < 1e-9);
        }
        assert_eq!(exponent(&[(1.0, 1.0), (1.0, 2.0)]), None);
        assert_eq!(exponent(&[(1.0, 0.0), (2.0, 2.0)]), None);
    }
}
