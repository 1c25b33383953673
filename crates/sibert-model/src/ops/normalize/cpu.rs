use crate::ops::real::Real;
use crate::ops::row_sums::{for_each_row, sum, sum2};

/// Mean and inverse standard deviation of a row.
pub struct Moments {
    mean: f64,
    inverse: f64,
}

impl Moments {
    /// `1 / σ`, or zero for a row that does not vary.
    pub fn exact<T: Real>(x: &[T]) -> Self {
        let (mean, variance) = mean_and_variance(x);
        let inverse = if variance == 0. { 0. } else { 1. / variance.sqrt() };
        Self { mean, inverse }
    }

    /// `1 / √(σ² + ε)`.
    pub fn with_eps<T: Real>(x: &[T], eps: f64) -> Self {
        let (mean, variance) = mean_and_variance(x);
        Self { mean, inverse: 1. / (variance + eps).sqrt() }
    }

    /// `(x − μ) / σ`, for one element.
    #[inline]
    pub fn normalize<T: Real>(&self, x: T) -> f64 {
        (x.wide() - self.mean) * self.inverse
    }

    /// `dx = (dy − mean(dy) − y · mean(dy ∘ y)) / σ`, `dx` holding `dy` at the start.
    pub fn backward_row<T: Real>(&self, x: &[T], dx: &mut [T]) {
        let n = x.len() as f64;
        let mean = sum(dx, |dy: T| dy.wide()) / n;
        let dot = sum2(x, dx, |x, dy: T| self.normalize(x) * dy.wide()) / n;
        for (dx, &x) in dx.iter_mut().zip(x) {
            *dx = T::narrow((dx.wide() - mean - self.normalize(x) * dot) * self.inverse);
        }
    }
}

/// The first element is subtracted before anything is added up: a constant row then has exactly zero variance.
fn mean_and_variance<T: Real>(x: &[T]) -> (f64, f64) {
    let n = x.len() as f64;
    let first = x.first().map_or(0., |x| x.wide());
    let mean = first + sum(x, |x: T| x.wide() - first) / n;
    let variance = sum(x, |x: T| (x.wide() - mean) * (x.wide() - mean)) / n;
    (mean, variance)
}

pub fn forward<T: Real>(x: &[T], width: usize) -> Vec<T> {
    let mut y = vec![T::zero(); x.len()];
    for_each_row(&mut y, width, |row, y| {
        let x = &x[row * width..][..width];
        let moments = Moments::exact(x);
        y.iter_mut().zip(x).for_each(|(y, &x)| *y = T::narrow(moments.normalize(x)));
    });
    y
}

pub fn backward<T: Real>(x: &[T], dy: &[T], width: usize) -> Vec<T> {
    let mut dx = dy.to_vec();
    for_each_row(&mut dx, width, |row, dx| {
        let x = &x[row * width..][..width];
        Moments::exact(x).backward_row(x, dx);
    });
    dx
}
