//! One tile of the result, in registers.

use std::arch::x86_64::*;

use super::super::{Finish, Place};

/// Rows of a tile: 6 x 2 accumulators of 8 numbers leave 4 registers for the operands.
pub const ROWS: usize = 6;

/// Columns of a tile.
pub const COLUMNS: usize = 16;

/// Rows of `a` as the kernel reads them.
#[derive(Clone, Copy)]
pub struct Left {
    /// The first number.
    pub data: *const f32,
    /// Distance of two panels of [`ROWS`].
    pub panel: usize,
    /// How the numbers of a panel lie.
    pub layout: Layout,
}

/// How the numbers of a panel of `a` lie.
#[derive(Clone, Copy)]
pub enum Layout {
    /// Row by row, so far apart.
    Rows(usize),
    /// The [`ROWS`] numbers of all rows for each step of the depth.
    Steps,
}

/// `c = a·b` or `c += a·b`, finished, for up to [`ROWS`] x [`COLUMNS`] elements.
///
/// # Safety
/// The processor has AVX2 and FMA; `a` and `b` are panels of so many steps; `place` is inside the result.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn tile(depth: usize, a: *const f32, layout: Layout, b: *const f32, place: Place) {
    macro_rules! rows {
        ($($rows:literal)*) => {
            match (place.rows, place.columns > 8, layout) {
                $(
                    // SAFETY: the caller's promise.
                    ($rows, true, Layout::Rows(row)) => unsafe { sized::<$rows, 2, 1>(depth, a, row, b, place) },
                    // SAFETY: the caller's promise.
                    ($rows, true, Layout::Steps) => unsafe { sized::<$rows, 2, ROWS>(depth, a, 1, b, place) },
                    // SAFETY: the caller's promise.
                    ($rows, false, Layout::Rows(row)) => unsafe { sized::<$rows, 1, 1>(depth, a, row, b, place) },
                    // SAFETY: the caller's promise.
                    ($rows, false, Layout::Steps) => unsafe { sized::<$rows, 1, ROWS>(depth, a, 1, b, place) },
                )*
                _ => unreachable!("a tile has 1 to {ROWS} rows"),
            }
        };
    }
    rows!(6 5 4 3 2 1)
}

/// [`tile`] with `R` rows, `V` vectors of columns, and the rows of `a` so far apart, its steps `STEP`.
///
/// # Safety
/// As [`tile`], whose place has so many rows and vectors.
#[target_feature(enable = "avx2,fma")]
unsafe fn sized<const R: usize, const V: usize, const STEP: usize>(
    depth: usize,
    a: *const f32,
    row: usize,
    b: *const f32,
    place: Place,
) {
    place.ask::<R>();
    let mut sums = [[_mm256_setzero_ps(); V]; R];
    // All rows are within reach of two addresses; knowing how they are related, the compiler would compute four.
    let (mut b, mut low, mut high) = (b, a, std::hint::black_box(a.wrapping_add(3 * row)));
    for _ in 0..depth {
        // SAFETY: the next step of both panels.
        unsafe {
            let right: [__m256; V] = std::array::from_fn(|v| _mm256_load_ps(b.add(8 * v)));
            for (r, sums) in sums.iter_mut().enumerate() {
                let left = if r < 3 { low.add(r * row) } else { high.add((r - 3) * row) };
                let left = _mm256_broadcast_ss(&*left);
                for (sum, &right) in sums.iter_mut().zip(&right) {
                    *sum = _mm256_fmadd_ps(left, right, *sum);
                }
            }
        }
        (b, low, high) = (b.wrapping_add(COLUMNS), low.wrapping_add(STEP), high.wrapping_add(STEP));
    }
    // SAFETY: the caller's promise of the place.
    unsafe {
        match place.finish {
            Finish::Nothing => store(place, sums, |_, _, x| x),
            Finish::Bias(bias) => store(place, sums, |_, v, x| _mm256_add_ps(x, vector(bias, v))),
            Finish::BiasRelu(bias) => store(place, sums, |_, v, x| {
                // of a zero and a NaN, or of two zeros, the second
                _mm256_max_ps(_mm256_setzero_ps(), _mm256_add_ps(x, vector(bias, v)))
            }),
            Finish::Plus(y) => {
                store(place, sums, |r, v, x| _mm256_add_ps(vector(&y.data[r * y.row..], v), x))
            }
            Finish::Where(_) => {
                store(place, sums, |_, _, x| x);
                place.finish();
            }
        }
    }
}

/// Stores what `finish` makes of the sums in row r and vector v, or of their total with what is there.
///
/// # Safety
/// The place is inside the result and has so many rows and vectors.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn store<const R: usize, const V: usize>(
    Place { c, stride, columns, add, .. }: Place,
    sums: [[__m256; V]; R],
    finish: impl Fn(usize, usize, __m256) -> __m256,
) {
    let edge = mask(columns - 8 * (V - 1));
    for (r, row) in sums.into_iter().enumerate() {
        for (v, sum) in row.into_iter().enumerate() {
            // SAFETY: the row is inside the result, and the mask keeps to the columns of the tile.
            unsafe {
                let at = c.add(r * stride + 8 * v);
                if v + 1 < V || columns == 8 * V {
                    let sum = if add { _mm256_add_ps(_mm256_loadu_ps(at), sum) } else { sum };
                    _mm256_storeu_ps(at, finish(r, v, sum));
                } else {
                    let sum = if add { _mm256_add_ps(_mm256_maskload_ps(at, edge), sum) } else { sum };
                    _mm256_maskstore_ps(at, edge, finish(r, v, sum));
                }
            }
        }
    }
}

/// Vector `v` of a slice, with zeros behind its end.
#[inline]
#[target_feature(enable = "avx2")]
fn vector(x: &[f32], v: usize) -> __m256 {
    let x = &x[8 * v..];
    // SAFETY: so many numbers.
    unsafe { load(x.as_ptr(), x.len()) }
}

/// Eight numbers, or `count` numbers and zeros.
///
/// # Safety
/// They are readable.
#[inline]
#[target_feature(enable = "avx2")]
pub unsafe fn load(at: *const f32, count: usize) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe {
        match count {
            8.. => _mm256_loadu_ps(at),
            _ => _mm256_maskload_ps(at, mask(count)),
        }
    }
}

/// The lowest `count` of 8 lanes.
#[inline]
#[target_feature(enable = "avx2")]
pub fn mask(count: usize) -> __m256i {
    let count = _mm256_set1_epi32(count.min(8) as i32);
    _mm256_cmpgt_epi32(count, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
}
