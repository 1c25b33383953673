use crate::ops::normalize::cpu::Moments;
use crate::ops::real::Real;
use crate::ops::row_sums::{for_each_row, sum_rows};

pub fn forward<T: Real>(x: &[T], weight: &[T], bias: &[T], eps: f64) -> Vec<T> {
    let width = weight.len();
    let mut y = vec![T::zero(); x.len()];
    for_each_row(&mut y, width, |row, y| {
        let x = &x[row * width..][..width];
        let moments = Moments::with_eps(x, eps);
        let affine = weight.iter().zip(bias);
        for ((y, &x), (&w, &b)) in y.iter_mut().zip(x).zip(affine) {
            *y = T::narrow(moments.normalize(x) * w.wide() + b.wide());
        }
    });
    y
}

pub fn backward<T: Real>(x: &[T], weight: &[T], dy: &[T], eps: f64) -> Vec<T> {
    let width = weight.len();
    let mut dx = dy.to_vec();
    for_each_row(&mut dx, width, |row, dx| {
        let x = &x[row * width..][..width];
        dx.iter_mut().zip(weight).for_each(|(dx, &w)| *dx *= w);
        Moments::with_eps(x, eps).backward_row(x, dx);
    });
    dx
}

pub fn weight_gradient<T: Real>(x: &[T], dy: &[T], width: usize, eps: f64) -> Vec<T> {
    sum_rows(x.len() / width.max(1), width, |row, sum| {
        let (x, dy) = (&x[row * width..][..width], &dy[row * width..][..width]);
        let moments = Moments::with_eps(x, eps);
        for (sum, (&x, &dy)) in sum.iter_mut().zip(x.iter().zip(dy)) {
            *sum += T::narrow(moments.normalize(x) * dy.wide());
        }
    })
}
