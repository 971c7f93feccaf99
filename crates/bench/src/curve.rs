//! Cost against size.
//!
//! The hazard is a constant that hides growth: a program that takes a while to start seems to grow slowly. So
//! the growth is that over all sizes, or that from the last size but one to the last where that is more.

use serde::{Deserialize, Serialize};

use crate::stats::exponent;

/// Growth up to this counts as linear; the rest is for caches that larger sizes no longer fit into.
const LINEAR: f64 = 1.1;

/// What one program takes at several sizes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The program, or what it does.
    pub name: String,
    /// Sizes, ascending, each with seconds.
    pub points: Vec<(f64, f64)>,
}

impl Curve {
    /// Returns the exponent with which the cost grows.
    #[must_use]
    pub fn growth(&self) -> Option<f64> {
        let last = &self.points[self.points.len().saturating_sub(2)..];
        Some(exponent(&self.points)?.max(exponent(last)?))
    }

    /// Tells whether it grows no faster than the size; none where that cannot be seen.
    #[must_use]
    pub fn is_linear(&self) -> Option<bool> {
        self.growth().map(|growth| growth <= LINEAR)
    }
}

/// Several curves in one picture, of which the first is ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plot {
    /// The name of its file.
    pub name: String,
    /// What is done.
    pub title: String,
    /// What the sizes count.
    pub of: String,
    /// What is drawn.
    pub curves: Vec<Curve>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_start_does_not_hide_growth() {
        let curve = |cost: fn(f64) -> f64| Curve {
            name: String::new(),
            points: [10.0, 100.0, 1e3, 1e4, 1e5].map(|size| (size, cost(size))).into(),
        };
        assert_eq!(curve(|size| 1e-9 * size * size + 0.1).is_linear(), Some(false));
        assert_eq!(curve(|size| 1e-5 * size + 0.1).is_linear(), Some(true));
        assert_eq!(curve(|_| 0.0).is_linear(), None);
    }
}
