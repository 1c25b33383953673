//! The polynomial in the small Gram matrix, and products that are known to be symmetric.

use super::triangle::triangle;
use crate::ops::Real;
use sibert_products::{Matrix, Precision, serial};

/// `x (α + β x² + γ x⁴)`, five times: Jordan's coefficients.
pub(super) const ALPHA: f64 = 3.4445;
pub(super) const BETA: f64 = -4.7750;
pub(super) const GAMMA: f64 = 2.0315;
pub(super) const TIMES: usize = 5;

/// `P` (n, n) with `U = X P`, and `‖U‖²`, from the Gram matrix `Xᵀ X` of an X of norm 1.
///
/// With `A` the Gram matrix of the iterate, `B = α + β A + γ A²`: the next iterate has the Gram matrix `B A B`, and all of
/// them commute. The last Gram matrix is not formed, its trace is `‖U‖²`.
pub(super) fn polynomial<T: Real>(precision: Precision, gram: Vec<T>, n: usize) -> (Vec<T>, f64) {
    let symmetric = |a: &[T], b: &[T], c: &mut [T]| symmetric(precision, n, a, b, c);
    let [beta, gamma] = [BETA, GAMMA].map(T::narrow);
    let mut a = gram;
    let [mut b, mut p, mut product] = [(); 3].map(|()| vec![T::default(); n * n]);
    let mut squared = 0.;
    for time in 0..TIMES {
        symmetric(&a, &a, &mut b);
        b.iter_mut().zip(&a).for_each(|(b, &a)| *b = beta * a + gamma * *b);
        b.iter_mut().step_by(n + 1).for_each(|b| *b = T::narrow(b.widen() + ALPHA));
        if time == 0 {
            p.copy_from_slice(&b);
        } else {
            symmetric(&p, &b, &mut product);
            std::mem::swap(&mut p, &mut product);
        }
        symmetric(&a, &b, &mut product);
        if time + 1 == TIMES {
            squared = product.iter().zip(&b).map(|(x, y)| x.widen() * y.widen()).sum();
        } else {
            symmetric(&product, &b, &mut a);
        }
    }
    (p, squared)
}

/// `c = a·b`, all (n, n), where the product is symmetric.
fn symmetric<T: Real>(precision: Precision, n: usize, a: &[T], b: &[T], c: &mut [T]) {
    let panel = |start: usize, end: usize, c: &mut [T]| {
        let (a, b) = (Matrix::rows(&a[start * n..], n), Matrix::rows(b, n));
        serial(precision, (end - start, end, n), a, b, &mut c[start * n..], n, false);
    };
    triangle(n, c, panel);
}
