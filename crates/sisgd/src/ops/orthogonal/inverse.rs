//! The inverse of a symmetric, positive definite matrix, by Cholesky's factor and products of its halves.
//!
//! ```text
//! Z = L Lᵀ,  Z⁻¹ = L⁻ᵀ L⁻¹
//!
//! Z = ⎡A  B⎤    L⁻¹ = ⎡L_A⁻¹               0   ⎤    T = L_A⁻¹ B,  L_S that of D − Tᵀ T
//!     ⎣Bᵀ D⎦          ⎣−L_S⁻¹ Tᵀ L_A⁻¹   L_S⁻¹⎦
//! ```
//! The factor of a half is found in the same way. An inverse takes about 3/4 n³ multiplications, nearly all of them in products
//! that leave the zeros of triangles out. The elements of T are bounded by those of D, so that rounding stays as small as in
//! Cholesky's own loop: A⁻¹ in the place of L_A⁻¹ would lose half of the digits.

use super::triangle::{panels, triangle};
use crate::ops::{Real, vectorize};
use sibert_products::{Matrix, Precision, serial};

/// Rows of a matrix whose factor is found element by element.
const SMALL: usize = 32;

/// Inverts the matrix (n, n) in place.
pub(super) fn invert<T: Real>(matrix: &mut [T], n: usize) {
    invert_factor(matrix, n);
    let factor = matrix.to_vec();
    triangle(n, matrix, |start, end, c| {
        let lines = Matrix::rows(&factor[start * n..], n); // those before are zero in these columns
        let left = Matrix { data: &factor[start * n + start..], row: 1, column: n };
        multiply((end - start, end, n - start), left, lines, &mut c[start * n..], n);
    });
}

/// Replaces Z by L⁻¹, with zeros above the diagonal.
fn invert_factor<T: Real>(matrix: &mut [T], n: usize) {
    if n <= SMALL {
        return vectorize!([matrix] eliminate(matrix, n));
    }
    let h = (n / 2).next_multiple_of(SMALL);
    let k = n - h;
    let mut a = block(matrix, n, (0, 0), (h, h));
    let b = block(matrix, n, (0, h), (h, k));
    invert_factor(&mut a, h);
    let mut t = vec![T::default(); h * k];
    for rows in panels(h) {
        let (left, b) = (Matrix::rows(&a[rows.start * h..], h), Matrix::rows(&b, k));
        multiply((rows.len(), k, rows.end), left, b, &mut t[rows.start * k..], k);
    }
    let mut s = vec![T::default(); k * k];
    let transposed = Matrix::rows(&t, k).t();
    triangle(k, &mut s, |start, end, c| {
        let left = Matrix { data: &t[start..], ..transposed };
        multiply((end - start, end, h), left, Matrix::rows(&t, k), &mut c[start * k..], k);
    });
    for (s, d) in s.chunks_exact_mut(k).zip(matrix[h * n..].chunks_exact(n)) {
        s.iter_mut().zip(&d[h..]).for_each(|(s, &d)| *s = minus(d, *s));
    }
    invert_factor(&mut s, k);
    let mut q = vec![T::default(); k * h]; // Tᵀ L_A⁻¹
    for columns in panels(h) {
        let first = columns.start;
        let left = Matrix { data: &t[first * k..], ..transposed };
        let right = Matrix::rows(&a[first * h + first..], h);
        multiply((k, columns.len(), h - first), left, right, &mut q[first..], h);
    }
    for rows in panels(k) {
        let left = Matrix::rows(&s[rows.start * k..], k);
        multiply(
            (rows.len(), h, rows.end),
            left,
            Matrix::rows(&q, h),
            &mut matrix[(h + rows.start) * n..],
            n,
        );
    }
    let (upper, lower) = matrix.split_at_mut(h * n);
    for (row, a) in upper.chunks_exact_mut(n).zip(a.chunks_exact(h)) {
        row[..h].copy_from_slice(a);
        row[h..].fill(T::default());
    }
    for (row, s) in lower.chunks_exact_mut(n).zip(s.chunks_exact(k)) {
        row[..h].iter_mut().for_each(|x| *x = minus(T::default(), *x));
        row[h..].copy_from_slice(s);
    }
}

/// The same by Gauss's elimination of `[Z | 1]`, whose right half takes the place of what is eliminated.
#[inline(always)]
fn eliminate<T: Real>(matrix: &mut [T], n: usize) {
    for pivot in 0..n {
        let (above, below) = matrix.split_at_mut((pivot + 1) * n);
        let row = &above[pivot * n..];
        for other in below.chunks_exact_mut(n) {
            let factor = minus(T::default(), other[pivot] / row[pivot]);
            for (x, &y) in other.iter_mut().zip(row) {
                *x += factor * y;
            }
            other[pivot] = factor;
        }
    }
    for (i, row) in matrix.chunks_exact_mut(n).enumerate() {
        let inverse = T::narrow(1.) / row[i].sqrt();
        row[i] = T::narrow(1.);
        for x in &mut row[..=i] {
            *x = *x * inverse;
        }
        row[i + 1..].fill(T::default());
    }
}

/// `c = a·b`, the rows of c being `stride` apart.
fn multiply<T: Real>(dims: (usize, usize, usize), a: Matrix<T>, b: Matrix<T>, c: &mut [T], stride: usize) {
    serial(Precision::F32, dims, a, b, c, stride, false);
}

/// A copy of a block of a matrix whose rows are `stride` long.
fn block<T: Real>(
    matrix: &[T],
    stride: usize,
    (top, left): (usize, usize),
    (rows, columns): (usize, usize),
) -> Vec<T> {
    let rows = matrix[top * stride..].chunks(stride).take(rows);
    rows.flat_map(|row| &row[left..left + columns]).copied().collect()
}

fn minus<T: Real>(x: T, y: T) -> T {
    T::narrow(x.widen() - y.widen())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::ops::testing::noise;
    use candle_core::{DType, Tensor};

    /// `G Gᵀ / ‖G‖²` of noise (n, rank), plus `c` on the diagonal.
    fn positive(n: usize, rank: usize, c: f64) -> Tensor {
        let g = noise(n * rank, 5, DType::F64).unwrap().reshape((n, rank)).unwrap();
        let norm = g.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
        let gram = (g.matmul(&g.t().unwrap()).unwrap() / norm).unwrap();
        let eye = Tensor::eye(n, DType::F64, gram.device()).unwrap();
        (gram + (eye * c).unwrap()).unwrap()
    }

    fn inverted<T: Real + candle_core::WithDType>(matrix: &Tensor) -> Tensor {
        let n = matrix.dim(0).unwrap();
        let matrix = matrix.to_dtype(T::DTYPE).unwrap();
        let mut values = matrix.flatten_all().unwrap().to_vec1::<T>().unwrap();
        invert(&mut values, n);
        Tensor::from_vec(values, (n, n), matrix.device()).unwrap().to_dtype(DType::F64).unwrap()
    }

    /// The largest element of `|Z·Z⁻¹ − 1|`.
    fn residual(matrix: &Tensor, inverse: &Tensor) -> f64 {
        let eye = Tensor::eye(matrix.dim(0).unwrap(), DType::F64, matrix.device()).unwrap();
        let apart = (matrix.matmul(inverse).unwrap() - eye).unwrap().abs().unwrap();
        apart.flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
    }

    #[test]
    fn a_matrix_times_its_inverse_is_one() {
        for n in [1usize, 2, 31, 32, 33, 48, 64, 65, 100, 129, 257] {
            for (rank, c) in [(n, 1e-2), (n.div_ceil(8), 2e-5)] {
                let matrix = positive(n, rank, c);
                let apart = residual(&matrix, &inverted::<f64>(&matrix));
                assert!(apart < 1e-9, "{n}, rank {rank}: {apart:e}");
                let apart = residual(&matrix, &inverted::<f32>(&matrix));
                assert!(apart < 0.05, "{n}, rank {rank}, f32: {apart:e}");
            }
        }
    }
}
