//! The polynomial in the small Gram matrix, and products that are known to be symmetric.

use crate::ops::Real;

/// `x (α + β x² + γ x⁴)`, five times: Jordan's coefficients.
pub(super) const ALPHA: f64 = 3.4445;
pub(super) const BETA: f64 = -4.7750;
pub(super) const GAMMA: f64 = 2.0315;
pub(super) const TIMES: usize = 5;

/// A product is made in so many panels of rows, each up to the diagonal only: 5/8 of the whole.
const PANELS: usize = 4;

/// `P` (n, n) with `U = X P`, and `‖U‖²`, from the Gram matrix `Xᵀ X` of an X of norm 1.
///
/// With `A` the Gram matrix of the iterate, `B = α + β A + γ A²`: the next iterate has the Gram matrix `B A B`, and all of
/// them commute. The last Gram matrix is not formed, its trace is `‖U‖²`.
pub(super) fn polynomial<T: Real + 'static>(gram: Vec<T>, n: usize) -> (Vec<T>, f64) {
    let mut a = gram;
    let [mut b, mut p, mut product] = [(); 3].map(|()| vec![T::default(); n * n]);
    let mut squared = 0.;
    for time in 0..TIMES {
        b.copy_from_slice(&a);
        symmetric(n, (BETA, GAMMA), &a, &a, &mut b);
        b.iter_mut().step_by(n + 1).for_each(|b| *b = T::narrow(b.widen() + ALPHA));
        if time == 0 {
            p.copy_from_slice(&b);
        } else {
            symmetric(n, (0., 1.), &p, &b, &mut product);
            std::mem::swap(&mut p, &mut product);
        }
        symmetric(n, (0., 1.), &a, &b, &mut product);
        if time + 1 == TIMES {
            squared = product.iter().zip(&b).map(|(x, y)| x.widen() * y.widen()).sum();
        } else {
            symmetric(n, (0., 1.), &product, &b, &mut a);
        }
    }
    (p, squared)
}

/// `c ← keep·c + factor·a·b`, all (n, n), where c and the product are symmetric.
fn symmetric<T: Real + 'static>(n: usize, (keep, factor): (f64, f64), a: &[T], b: &[T], c: &mut [T]) {
    let each = |start: usize, end: usize, c: &mut [T]| {
        let a = View { data: &a[start * n..], row: n, column: 1 };
        let b = View { data: b, row: n, column: 1 };
        product((end - start, end, n), a, b, &mut c[start * n..], (n, 1), (keep, factor));
    };
    triangle(n, c, each);
}

/// Fills a symmetric matrix (n, n): `panel` makes its rows from `start` to `end` up to column `end`.
pub(super) fn triangle<T: Real>(n: usize, c: &mut [T], mut panel: impl FnMut(usize, usize, &mut [T])) {
    let height = n.div_ceil(PANELS).next_multiple_of(16);
    for start in (0..n).step_by(height) {
        panel(start, n.min(start + height), c);
    }
    mirror(n, c);
}

/// Copies what is below the diagonal to above it, tile by tile.
fn mirror<T: Real>(n: usize, c: &mut [T]) {
    const TILE: usize = 32;
    for top in (0..n).step_by(TILE) {
        for left in (0..=top).step_by(TILE) {
            for i in top..n.min(top + TILE) {
                for j in left..i.min(left + TILE) {
                    c[j * n + i] = c[i * n + j];
                }
            }
        }
    }
}

/// A matrix inside a slice: element (i, j) is `data[i * row + j * column]`.
#[derive(Clone, Copy)]
pub(super) struct View<'a, T> {
    pub data: &'a [T],
    pub row: usize,
    pub column: usize,
}

impl<T> View<'_, T> {
    fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0 || columns == 0 || (rows - 1) * self.row + (columns - 1) * self.column < self.data.len()
    }
}

/// `c ← keep·c + factor·a·b` on one thread: a (m, k), b (k, n), c (m, n) with the distances of its rows and columns.
pub(super) fn product<T: Real + 'static>(
    (m, n, k): (usize, usize, usize),
    a: View<T>,
    b: View<T>,
    c: &mut [T],
    (row, column): (usize, usize),
    (keep, factor): (f64, f64),
) {
    let fits = View { data: &*c, row, column }.holds(m, n);
    assert!(
        a.holds(m, k) && b.holds(k, n) && fits,
        "a product of ({m}, {k}) and ({k}, {n}) leaves its slices"
    );
    // SAFETY: the operands hold what the dimensions say, and `c`, whose elements are apart, is borrowed for this call.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            column as isize,
            row as isize,
            keep != 0.,
            a.data.as_ptr(),
            a.column as isize,
            a.row as isize,
            b.data.as_ptr(),
            b.column as isize,
            b.row as isize,
            T::narrow(keep),
            T::narrow(factor),
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
