//! One tile of the result, in registers.

use std::arch::x86_64::*;

use super::super::super::place::Place;

/// Rows of a tile: 6 x 2 accumulators of 8 numbers leave 4 registers for the operands.
pub const ROWS: usize = 6;

/// Columns of a tile.
pub const COLUMNS: usize = 16;

/// Distance of two rows of a panel that lie one after the other: an odd number of cache lines.
pub const ROW: usize = super::native::DEPTH + 16;

/// How a panel of `a` lies in memory.
#[derive(Clone, Copy)]
pub enum Left {
    /// Row by row, [`ROW`] apart.
    Rows,
    /// The [`ROWS`] numbers of all rows for each step of the depth.
    Steps,
}

/// `c = a·b` or `c += a·b` for up to [`ROWS`] x [`COLUMNS`] elements.
///
/// # Safety
/// The processor has AVX2 and FMA; `a` and `b` are packed panels of so many steps; `place` is inside the result.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn tile(depth: usize, a: *const f32, layout: Left, b: *const f32, place: Place) {
    macro_rules! rows {
        ($($rows:literal)*) => {
            match (place.rows, place.columns > 8, layout) {
                $(
                    // SAFETY: the caller's promise.
                    ($rows, true, Left::Rows) => unsafe { sized::<$rows, 2, ROW, 1>(depth, a, b, place) },
                    // SAFETY: the caller's promise.
                    ($rows, true, Left::Steps) => unsafe { sized::<$rows, 2, 1, ROWS>(depth, a, b, place) },
                    // SAFETY: the caller's promise.
                    ($rows, false, Left::Rows) => unsafe { sized::<$rows, 1, ROW, 1>(depth, a, b, place) },
                    // SAFETY: the caller's promise.
                    ($rows, false, Left::Steps) => unsafe { sized::<$rows, 1, 1, ROWS>(depth, a, b, place) },
                )*
                _ => unreachable!("a tile has 1 to {ROWS} rows"),
            }
        };
    }
    rows!(6 5 4 3 2 1)
}

/// [`tile`] with `R` rows, `V` vectors of columns, and the rows and steps of `a` so far apart.
///
/// # Safety
/// As [`tile`], whose place has so many rows and vectors.
#[target_feature(enable = "avx2,fma")]
unsafe fn sized<const R: usize, const V: usize, const ROW: usize, const STEP: usize>(
    depth: usize,
    a: *const f32,
    b: *const f32,
    place: Place,
) {
    let Place { c, stride, columns, add, .. } = place;
    for r in 0..R {
        // The sums are ready long after: by then the first and the last line of every row are in the cache.
        _mm_prefetch::<_MM_HINT_T0>(c.wrapping_add(r * stride).cast());
        _mm_prefetch::<_MM_HINT_T0>(c.wrapping_add(r * stride + columns - 1).cast());
    }
    let mut sums = [[_mm256_setzero_ps(); V]; R];
    for p in 0..depth {
        // SAFETY: step `p` of both panels.
        unsafe {
            let (a, b) = (a.add(p * STEP), b.add(p * COLUMNS));
            let right: [__m256; V] = std::array::from_fn(|v| _mm256_load_ps(b.add(8 * v)));
            for (r, row) in sums.iter_mut().enumerate() {
                let left = _mm256_broadcast_ss(&*a.add(r * ROW));
                for (sum, &right) in row.iter_mut().zip(&right) {
                    *sum = _mm256_fmadd_ps(left, right, *sum);
                }
            }
        }
    }
    let edge = mask(columns - 8 * (V - 1));
    for (r, row) in sums.iter().enumerate() {
        for (v, &sum) in row.iter().enumerate() {
            // SAFETY: the row is inside the result, and the mask keeps to the columns of the tile.
            unsafe {
                let at = c.add(r * stride + 8 * v);
                if v + 1 < V || columns == 8 * V {
                    let sum = if add { _mm256_add_ps(_mm256_loadu_ps(at), sum) } else { sum };
                    _mm256_storeu_ps(at, sum);
                } else {
                    let sum = if add { _mm256_add_ps(_mm256_maskload_ps(at, edge), sum) } else { sum };
                    _mm256_maskstore_ps(at, edge, sum);
                }
            }
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
