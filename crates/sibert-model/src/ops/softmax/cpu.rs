use crate::ops::real::Real;
use crate::ops::row_sums::{for_each_row, keep_row, sum, sum2};

fn forward_row<T: Real>(scores: &[T], keep: &[T], p: &mut [T]) {
    let kept = || scores.iter().zip(keep).filter(|&(_, &keep)| keep != T::zero()).map(|(&s, _)| s);
    let Some(max) = kept().reduce(T::larger) else { return };
    for (p, (&s, &keep)) in p.iter_mut().zip(scores.iter().zip(keep)) {
        *p = if keep == T::zero() { T::zero() } else { (s - max).exp() };
    }
    let sum = sum(p, |p: T| p);
    p.iter_mut().for_each(|p| *p /= sum);
}

pub fn forward<T: Real>(scores: &[T], keep: &[T], width: usize) -> Vec<T> {
    let mut p = vec![T::zero(); scores.len()];
    for_each_row(&mut p, width, |row, p| {
        forward_row(&scores[row * width..][..width], keep_row(keep, row, scores.len(), width), p);
    });
    p
}

pub fn backward<T: Real>(p: &[T], dp: &[T], width: usize) -> Vec<T> {
    let mut ds = vec![T::zero(); p.len()];
    for_each_row(&mut ds, width, |row, ds| {
        let (p, dp) = (&p[row * width..][..width], &dp[row * width..][..width]);
        let dot = sum2(p, dp, |p, dp| p * dp);
        ds.iter_mut().zip(p.iter().zip(dp)).for_each(|(ds, (&p, &dp))| *ds = p * (dp - dot));
    });
    ds
}
