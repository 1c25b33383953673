use crate::ops::real::Real;
use crate::ops::row_sums::{for_each_row, sum_rows};

pub fn forward<T: Real>(x: &[T], bias: &[T]) -> Vec<T> {
    let width = bias.len();
    let mut y = vec![T::zero(); x.len()];
    for_each_row(&mut y, width, |row, y| {
        let x = &x[row * width..][..width];
        y.iter_mut().zip(x.iter().zip(bias)).for_each(|(y, (&x, &b))| *y = x + b);
    });
    y
}

pub fn bias_gradient<T: Real>(dy: &[T], width: usize) -> Vec<T> {
    sum_rows(dy.len() / width.max(1), width, |row, sum| {
        sum.iter_mut().zip(&dy[row * width..][..width]).for_each(|(sum, &dy)| *sum += dy);
    })
}
