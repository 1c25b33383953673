//! Turning the heads of a row, a few numbers at a time: of a loop whose length it knows the compiler makes vectors, however short a
//! head is.

use std::mem::MaybeUninit;

use super::Angles;
use crate::compute::real::Real;

/// Columns that are worked on at once: a vector of f64.
pub const COLUMNS: usize = 8;

/// The numbers of a head, as they are read.
pub trait Numbers {
    /// `N` of them from column `start` on.
    fn some<const N: usize>(&self, start: usize) -> [f64; N];
}

impl<T: Real> Numbers for &[T] {
    #[inline(always)]
    fn some<const N: usize>(&self, start: usize) -> [f64; N] {
        some(self, start).map(
            #[inline(always)]
            |x| x.wide(),
        )
    }
}

/// `N` elements from `start` on.
#[inline(always)]
pub fn some<const N: usize, T: Copy>(x: &[T], start: usize) -> [T; N] {
    x[start..start + N].as_chunks().0[0]
}

/// Writes `N` numbers from column `start` on.
#[inline(always)]
fn write<const N: usize, T: Real>(numbers: [f64; N], start: usize, y: &mut [MaybeUninit<T>]) {
    for (y, number) in y[start..start + N].iter_mut().zip(numbers) {
        y.write(T::narrow(number));
    }
}

/// Writes a head as it is; within `vectorize`.
#[inline(always)]
pub fn write_head<T: Real>(numbers: &impl Numbers, y: &mut [MaybeUninit<T>]) {
    let whole = y.len() / COLUMNS * COLUMNS;
    for i in (0..whole).step_by(COLUMNS) {
        write(numbers.some::<COLUMNS>(i), i, y);
    }
    for i in whole..y.len() {
        write(numbers.some::<1>(i), i, y);
    }
}

impl Angles {
    /// Writes a head with its halves a and b turned by the angles of a position, `(a cos − b sin, b cos + a sin)`, or with `sign` −1
    /// back; within `vectorize`.
    #[inline(always)]
    pub fn turn<T: Real>(
        &self,
        position: usize,
        sign: f64,
        numbers: &impl Numbers,
        y: &mut [MaybeUninit<T>],
    ) {
        let half = self.half;
        let tables = [&self.cos, &self.sin].map(|table| &table[position * half..][..half]);
        let (left, right) = y.split_at_mut(half);
        let whole = half / COLUMNS * COLUMNS;
        for i in (0..whole).step_by(COLUMNS) {
            let [a, b] = turned::<COLUMNS>(tables, sign, numbers, i);
            write(a, i, left);
            write(b, i, right);
        }
        for i in whole..half {
            let [a, b] = turned::<1>(tables, sign, numbers, i);
            write(a, i, left);
            write(b, i, right);
        }
    }
}

/// `N` columns of both halves from column `i` on, turned.
#[inline(always)]
fn turned<const N: usize>(
    [cos, sin]: [&[f64]; 2],
    sign: f64,
    numbers: &impl Numbers,
    i: usize,
) -> [[f64; N]; 2] {
    let (a, b) = (numbers.some::<N>(i), numbers.some::<N>(cos.len() + i));
    let (cos, sin): ([f64; N], [f64; N]) = (some(cos, i), some(sin, i));
    let (mut left, mut right) = ([0.; N], [0.; N]);
    for j in 0..N {
        let sin = sign * sin[j];
        left[j] = a[j] * cos[j] - b[j] * sin;
        right[j] = b[j] * cos[j] + a[j] * sin;
    }
    [left, right]
}
