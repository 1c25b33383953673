//! f32 products of operands that are in a core's first caches: read where they lie, not packed.
//!
//! Packing costs as much as multiplying where a matrix meets few rows of the other: the heads of attention. Every element is
//! one chain of fused multiplications and additions over the depth, from zero, added to what is there.

use cukernel::simd::arch;
use pulp::{Arch, Simd, WithSimd};

use super::{Finish, Matrix, Place, Precision, Route};

/// Columns are whole vectors of every processor.
const COLUMNS: usize = 16;

/// Multiplications up to which a product is not worth rounding to bfloat16 for AVX512-BF16.
const SMALL: usize = 1 << 17;

/// Whether a product takes this way.
pub fn takes(precision: Precision, k: usize, b: Matrix<f32>, place: &Place) -> bool {
    let small = || place.rows * place.columns * k <= SMALL;
    b.column == 1
        && place.columns.is_multiple_of(COLUMNS)
        && matches!(place.finish, Finish::Nothing)
        && !matches!(arch(), Arch::Scalar)
        && match (precision, Route::current()) {
            (Precision::F32, _) | (_, Route::Rounded) => true,
            (Precision::Bf16, Route::Vectors) => small(),
            (Precision::Bf16x3, Route::Vectors) => true,
            (_, Route::Tiles | Route::EmulatedTiles) => false,
        }
}

/// `c = a·b` or `c += a·b`, on one thread.
///
/// # Safety
/// As [`Multiply::product`](super::Multiply::product), and [`takes`] has said so.
pub unsafe fn product(k: usize, a: Matrix<f32>, b: Matrix<f32>, place: Place) {
    arch().dispatch(Product { k, a, b, place });
}

struct Product<'a> {
    k: usize,
    a: Matrix<'a, f32>,
    b: Matrix<'a, f32>,
    place: Place<'a>,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { k, a, b, place } = self;
        let (lanes, most) = (S::F32_LANES, if S::REGISTER_COUNT < 32 { 6 } else { 12 });
        for j in (0..place.columns).step_by(2 * lanes) {
            for i in (0..place.rows).step_by(most) {
                let (a, b) = (a.from(i, 0), b.from(0, j));
                let place = place.tile((i, j), (most, 2 * lanes));
                macro_rules! rows {
                    ($($rows:literal)*) => {
                        match (place.rows, place.columns > lanes) {
                            // SAFETY: whoever calls `product` promises that the operands hold the numbers of this tile.
                            $(($rows, true) => unsafe { tile::<S, $rows, 2>(simd, k, a, b, place) },
                            // SAFETY: the same.
                            ($rows, false) => unsafe { tile::<S, $rows, 1>(simd, k, a, b, place) },)*
                            _ => unreachable!("a tile has 1 to 12 rows"),
                        }
                    };
                }
                rows!(12 11 10 9 8 7 6 5 4 3 2 1);
            }
        }
    }
}

/// `R` rows and `V` vectors of the result, in registers.
///
/// # Safety
/// The operands hold the numbers of so many rows and columns, and the place is this thread's.
#[inline(always)]
unsafe fn tile<S: Simd, const R: usize, const V: usize>(
    simd: S,
    k: usize,
    a: Matrix<f32>,
    b: Matrix<f32>,
    place: Place,
) {
    /// Rows within reach of one address, and their addresses: knowing how these are related, the compiler would compute all.
    const REACH: usize = 3;
    let mut rows: [*const f32; 4] = std::array::from_fn(|i| a.data.as_ptr().wrapping_add(i * REACH * a.row));
    rows.iter_mut().for_each(|row| *row = std::hint::black_box(*row));
    let mut right = b.data.as_ptr();
    let mut sums = [[simd.splat_f32s(0.); V]; R];
    for _ in 0..k {
        // SAFETY: the next step of both operands.
        unsafe {
            let mut vectors = [simd.splat_f32s(0.); V];
            for (v, vector) in vectors.iter_mut().enumerate() {
                *vector = right.add(v * S::F32_LANES).cast::<S::f32s>().read_unaligned();
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let left = simd.splat_f32s(*rows[r / REACH].add(r % REACH * a.row));
                for (sum, &vector) in sums.iter_mut().zip(&vectors) {
                    *sum = simd.mul_add_e_f32s(left, vector, *sum);
                }
            }
        }
        right = right.wrapping_add(b.row);
        for row in &mut rows {
            *row = row.wrapping_add(a.column);
        }
    }
    for (r, sums) in sums.into_iter().enumerate() {
        for (v, sum) in sums.into_iter().enumerate() {
            // SAFETY: the place has so many rows and vectors.
            unsafe {
                let at = place.c.add(r * place.stride + v * S::F32_LANES).cast::<S::f32s>();
                let sum = if place.add { simd.add_f32s(at.read_unaligned(), sum) } else { sum };
                at.write_unaligned(sum);
            }
        }
    }
}

#[cfg(test)]
mod tests;
