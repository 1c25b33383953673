use rayon::prelude::*;

use crate::ops::buffer::uninit;
use crate::ops::real::Real;
use crate::ops::row_sums::for_each_row;

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

/// `(a cos − b sin, b cos + a sin)` for the halves a and b of every head of x (…, seq, width), the sine taken `sign` times.
pub fn rotate<T: Real>(x: &[T], angles: &Angles, width: usize, sign: f64) -> Vec<T> {
    let (half, seq) = (angles.half, angles.seq());
    let mut y = uninit(x.len());
    for_each_row(
        &mut y,
        width,
        #[inline(always)]
        |row, y| {
            let x = &x[row * width..][..width];
            let [cos, sin] = [&angles.cos, &angles.sin].map(|table| &table[row % seq * half..][..half]);
            for (y, x) in y.chunks_exact_mut(2 * half).zip(x.chunks_exact(2 * half)) {
                let ((left, right), (a, b)) = (y.split_at_mut(half), x.split_at(half));
                for i in 0..half {
                    let (a, b, sin) = (a[i].wide(), b[i].wide(), sign * sin[i]);
                    left[i] = T::narrow(a * cos[i] - b * sin);
                    right[i] = T::narrow(b * cos[i] + a * sin);
                }
            }
        },
    );
    y
}
