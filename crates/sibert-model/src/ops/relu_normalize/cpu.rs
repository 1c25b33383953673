use crate::ops::real::Real;
use crate::ops::row_sums::{for_each_row, keep_row, sum, sum2};

/// `out = relu(S) ∘ keep`; returns the sum of the row.
fn numerator<T: Real>(scores: &[T], keep: &[T], out: &mut [T]) -> T {
    for (out, (&s, &keep)) in out.iter_mut().zip(scores.iter().zip(keep)) {
        *out = if s < T::zero() { T::zero() } else { s * keep };
    }
    sum(out, |x: T| x)
}

pub fn forward<T: Real>(scores: &[T], keep: &[T], width: usize) -> Vec<T> {
    let mut p = vec![T::zero(); scores.len()];
    for_each_row(&mut p, width, |row, p| {
        let keep = keep_row(keep, row, scores.len(), width);
        let sum = numerator(&scores[row * width..][..width], keep, p);
        if sum != T::zero() {
            p.iter_mut().for_each(|p| *p /= sum);
        }
    });
    p
}

pub fn backward<T: Real>(scores: &[T], keep: &[T], dp: &[T], width: usize) -> Vec<T> {
    let mut ds = vec![T::zero(); scores.len()];
    for_each_row(&mut ds, width, |row, ds| {
        let (keep, dp) = (keep_row(keep, row, scores.len(), width), &dp[row * width..][..width]);
        let sum = numerator(&scores[row * width..][..width], keep, ds);
        let dot = sum2(ds, dp, |x, dp| x * dp) / sum;
        for (ds, &dp) in ds.iter_mut().zip(dp) {
            *ds = if *ds > T::zero() { (dp - dot) / sum } else { T::zero() };
        }
    });
    ds
}
