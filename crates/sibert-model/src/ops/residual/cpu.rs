use crate::ops::dropout::cpu::{Mask, combine, combine_rows};
use crate::ops::real::Real;

/// Which elements of a stream of masks belong to a tensor.
pub enum Elements<'a> {
    /// All from `offset` on.
    From(usize),
    /// Rows of `width`, the ids counted from `offset` on.
    Rows { offset: usize, ids: &'a [u32], width: usize },
}

/// `f(x, y m / (1 − p))`.
pub fn forward<T: Real>(
    x: &[T],
    y: &[T],
    mask: Mask,
    elements: &Elements,
    f: impl Fn(T, T) -> T + Sync,
) -> Vec<T> {
    match *elements {
        Elements::From(offset) => combine(x, y, mask, offset, f),
        Elements::Rows { offset, ids, width } => {
            combine_rows(x, y, mask, width, |row| offset + ids[row] as usize * width, f)
        }
    }
}

/// The sum of two elements.
#[inline(always)]
pub fn add<T: Real>(x: T, y: T) -> T {
    x + y
}
