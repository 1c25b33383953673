//! The angles of positions.

use rayon::prelude::*;

/// Cosine and sine of every position's angle for every pair of columns, (seq, dim / 2).
pub struct Angles {
    /// Pairs of columns in a head.
    pub half: usize,
    /// (seq, half)
    pub cos: Vec<f64>,
    /// (seq, half)
    pub sin: Vec<f64>,
}

impl Angles {
    /// The angles `p · base^(−i / half)` of the positions p below `seq`.
    pub fn new(seq: usize, half: usize, base: f64) -> Self {
        let rates: Vec<f64> = (0..half).map(|i| libm::pow(base, -(i as f64) / half as f64)).collect();
        let angle = |at: usize| (at / half) as f64 * rates[at % half];
        let pairs = (0..seq * half).into_par_iter().with_min_len(256);
        let (sin, cos) = pairs.map(|at| libm::sincos(angle(at))).unzip();
        Self { half, cos, sin }
    }

    /// Number of positions.
    pub fn seq(&self) -> usize {
        self.cos.len() / self.half
    }
}
