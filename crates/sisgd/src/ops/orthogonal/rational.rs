//! A rational function of the small Gram matrix: two inverses in place of eighteen products.
//!
//! ```text
//! f(x) = δ x (1 + a₁/(x² + c₁) + a₂/(x² + c₂))        P = δ (1 + a₁ (S + c₁)⁻¹ + a₂ (S + c₂)⁻¹),  S = Xᵀ X
//! ```
//! It is Zolotarev's best approximation of the sign, of type (5, 4), on [0.002, 1] (Nakatsukasa and Freund 2016, section 3):
//! singular values from there become 0.845 to 1.155, and smaller ones at most 507 times as large. Jordan's polynomials take
//! the same to between 0.682 and 1.202, and smaller ones to 485 times their size.

use super::inverse::invert;
use crate::ops::Real;

/// `(cᵢ, aᵢ)`.
const POLES: [(f64, f64); 2] =
    [(1.8960818006338977e-5, 9.583580408637979e-3), (9.186059628447688e-3, 0.1926082040223041)];
/// δ, which puts 1 in the middle of the values.
const SCALE: f64 = 0.9619399092432183;

/// `P` (n, n) with `U = X P`, and `‖U‖²`, from the Gram matrix `S = Xᵀ X` of an X of norm 1.
///
/// `‖U‖²` is the product of P and `S P = δ (S + Σ aᵢ (1 − cᵢ (S + cᵢ)⁻¹))`, element by element. None, if rounding has given S an
/// eigenvalue below `−c₁`.
pub(super) fn rational<T: Real>(gram: &[T], n: usize) -> Option<(Vec<T>, f64)> {
    let [(c1, a1), (c2, a2)] = POLES;
    let mut p = shifted_inverse(gram, n, c1);
    let second = shifted_inverse(gram, n, c2);
    let mut squared = 0.;
    for (i, ((p, z2), s)) in p.iter_mut().zip(second).zip(gram).enumerate() {
        let one = if i % (n + 1) == 0 { 1. } else { 0. };
        let (z1, z2) = (p.widen(), z2.widen());
        let of_p = SCALE * (one + a1 * z1 + a2 * z2);
        squared += of_p * SCALE * (s.widen() + a1 * (one - c1 * z1) + a2 * (one - c2 * z2));
        *p = T::narrow(of_p);
    }
    (squared.is_finite() && squared > 0.).then_some((p, squared))
}

/// `(S + c)⁻¹`.
fn shifted_inverse<T: Real>(gram: &[T], n: usize, c: f64) -> Vec<T> {
    let mut matrix = gram.to_vec();
    matrix.iter_mut().step_by(n + 1).for_each(|x| *x = T::narrow(x.widen() + c));
    invert(&mut matrix, n);
    matrix
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::ops::testing::noise;
    use candle_core::{DType, Tensor};

    fn function(x: f64) -> f64 {
        SCALE * x * (1. + POLES.iter().map(|(c, a)| a / (x * x + c)).sum::<f64>())
    }

    #[test]
    fn singular_values_of_a_range_become_about_one_and_smaller_ones_stay_small() {
        let in_range = (0..=1000).map(|i| 0.002f64.powf(f64::from(i) / 1000.));
        let (low, high) = in_range.map(function).fold((2f64, 0f64), |(l, h), y| (l.min(y), h.max(y)));
        assert!((low - 0.84525).abs() < 1e-4 && (high - 1.15475).abs() < 1e-4, "{low} to {high}");
        assert!((function(1e-9) / 1e-9 - 507.3).abs() < 0.1);
        assert_eq!(function(0.), 0.);
    }

    #[test]
    fn a_gram_matrix_that_rounding_has_made_indefinite_has_none() {
        assert!(rational(&[1f32, 0., 0., 0.], 2).is_some());
        for gram in [[1f32, 0., 0., -1e-3], [-1e-3, 0., 0., 1.], [0., 1., 1., 0.]] {
            assert!(rational(&gram, 2).is_none(), "{gram:?}");
        }
    }

    #[test]
    fn the_norm_of_u_is_found_in_f32_at_any_rank() {
        for (n, long, rank) in [(16, 40, 16), (128, 512, 3), (128, 128, 40), (256, 300, 256), (257, 700, 12)]
        {
            let matrix = |rows, columns, seed| {
                noise(rows * columns, seed, DType::F64).unwrap().reshape((rows, columns)).unwrap()
            };
            let x = matrix(long, rank, 3).matmul(&matrix(rank, n, 4)).unwrap();
            let norm = x.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap().sqrt();
            let x = (x / norm).unwrap();
            let single = x.to_dtype(DType::F32).unwrap();
            let gram = single.t().unwrap().contiguous().unwrap().matmul(&single).unwrap();
            let (p, squared) = rational(&gram.flatten_all().unwrap().to_vec1::<f32>().unwrap(), n).unwrap();
            let p = Tensor::from_vec(p, (n, n), x.device()).unwrap().to_dtype(DType::F64).unwrap();
            let exact = x.matmul(&p).unwrap().sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
            assert!((squared / exact - 1.).abs() < 0.01, "{n} x {long}, rank {rank}: {squared}, not {exact}");
        }
    }
}
