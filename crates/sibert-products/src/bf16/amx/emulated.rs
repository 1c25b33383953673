//! The tiles on any processor, to the bit.
//!
//! `tdpbf16ps` adds the products of the even elements in one chain of fused multiplications, those of the odd ones in
//! another, both from zero; then the two to each other, then their sum to the old number. Subnormal numbers are zero on
//! their way in and out.

use cukernel::simd::vectorize;

use super::super::operand::Operand;
use super::super::round::flush;
use super::pack::{LINES, PANEL, SQUARE, STEP, square};
use super::{Engine, PRODUCTS};

/// A tile of the result.
type Sums = [[f32; LINES]; LINES];

/// The tiles, in plain Rust.
pub struct Emulated;

impl Engine for Emulated {
    unsafe fn square<const P: usize>(x: Operand, line: usize, element: usize, out: *mut u16) {
        // SAFETY: the caller's promise.
        unsafe { square::<P>(x, line, element, out) }
    }

    unsafe fn block<const P: usize>(
        &self,
        steps: usize,
        a: *const u16,
        b: *const u16,
        c: *mut f32,
        stride: usize,
        add: bool,
    ) {
        let len = steps * P * PANEL * STEP;
        // SAFETY: the caller's promise of packed panels.
        let (a, b) = unsafe { (std::slice::from_raw_parts(a, len), std::slice::from_raw_parts(b, len)) };
        for (top, left) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let row = |r: usize| c.wrapping_add((top * LINES + r) * stride + left * LINES);
            let mut sums = Sums::default();
            if add {
                // SAFETY: a row of the block.
                sums.iter_mut()
                    .enumerate()
                    .for_each(|(r, sums)| unsafe { *sums = row(r).cast::<[f32; LINES]>().read() });
            }
            sums = vectorize(
                #[inline(always)]
                || quarter::<P>(sums, a, b, [top, left]),
            );
            for (r, sums) in sums.into_iter().enumerate() {
                // SAFETY: a row of the block.
                unsafe { row(r).cast::<[f32; LINES]>().write(sums) };
            }
        }
    }
}

/// One of the four tiles of a block, over the whole depth.
#[inline(always)]
fn quarter<const P: usize>(mut sums: Sums, a: &[u16], b: &[u16], [top, left]: [usize; 2]) -> Sums {
    let steps = a.chunks_exact(2 * P * SQUARE).zip(b.chunks_exact(2 * P * SQUARE));
    for (a, b) in steps {
        for &[l, r] in PRODUCTS[P - 1] {
            let (a, b) = (&a[(2 * l + top) * SQUARE..][..SQUARE], &b[(2 * r + left) * SQUARE..][..SQUARE]);
            for (sums, a) in sums.iter_mut().zip(a.as_chunks::<STEP>().0) {
                multiply(sums, a, b);
            }
        }
    }
    sums
}

/// One row of `tdpbf16ps`: 32 elements of a line by the pairs of 16.
#[inline(always)]
fn multiply(sums: &mut [f32; LINES], a: &[u16; STEP], b: &[u16]) {
    let wide = |x: u16| f32::from_bits(u32::from(x) << 16);
    let (mut even, mut odd) = ([0f32; LINES], [0f32; LINES]);
    for (a, b) in a.as_chunks::<2>().0.iter().zip(b.as_chunks::<STEP>().0) {
        for j in 0..LINES {
            even[j] = flush(wide(a[0]).mul_add(wide(b[2 * j]), even[j]));
            odd[j] = flush(wide(a[1]).mul_add(wide(b[2 * j + 1]), odd[j]));
        }
    }
    for j in 0..LINES {
        sums[j] = flush(flush(sums[j]) + flush(even[j] + odd[j]));
    }
}
