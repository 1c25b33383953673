//! Products in AMX tiles: 16 x 16 numbers of the result and 32 of the depth with each instruction.
//!
//! ```text
//! c[i, j] += Σ_p round(a[i, p]) · round(b[p, j])      32 elements of the depth at a time, from the first on
//! ```
//! The longer side of the result moves past in stripes, the shorter side is packed once for all of them ([`together`]). While the
//! tiles multiply a stripe, the next one is packed between the blocks of 32 x 32 ([`pack`]).
//!
//! With two parts an operand is the sum of two bfloat16 numbers, `x ≈ h + l`, and a step adds three products:
//! `l·h`, `h·h` and `h·l`.
//!
//! Every block goes on from what is in the result, so that the order of the sums is that of the depth, whatever the blocks,
//! the stripes and the threads. [`tiles`] has the instructions, [`emulated`] the same bits on any processor.

mod emulated;
mod pack;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod pack_avx512;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod tiles;

use std::cell::RefCell;

use super::operand::{Operand, Row, Side, reserve};
use super::round::round_row;
use super::together::{Kernel, Panels};
use super::{Numbers, Place, together};
pub use emulated::Emulated;
use pack::{PANEL, STEP, panel_rows};
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub use tiles::{Tiles, supported as tiles_supported};

/// The products of a step by the number of parts: which part of the left operand by which of the right one.
pub const PRODUCTS: [&[[usize; 2]]; 2] = [&[[0, 0]], &[[1, 0], [0, 0], [0, 1]]];

/// What multiplies tiles.
pub trait Engine {
    /// Packs the squares of `P` parts from `line` and `element` on; see [`pack`].
    ///
    /// # Safety
    /// The processor has the engine, the operand describes readable numbers, and `out`, aligned to 64 bytes, has room for
    /// the squares.
    unsafe fn square<const P: usize>(x: Operand, line: usize, element: usize, out: *mut u16);

    /// `c = a·b` or `c += a·b` for 32 x 32 numbers, rows `stride` apart, over `steps` x 32 of the depth.
    ///
    /// # Safety
    /// `a` and `b` are packed panels of so many steps, at least one; `c` is this thread's alone.
    unsafe fn block<const P: usize>(
        &self,
        steps: usize,
        a: *const u16,
        b: *const u16,
        c: *mut f32,
        stride: usize,
        add: bool,
    );
}

thread_local! {
    /// This stripe of the longer side and the next, kept from call to call.
    static STRIPES: RefCell<[Vec<Row>; 2]> = const { RefCell::new([const { Vec::new() }; 2]) };
}

/// `c = a·b` or `c += a·b`, finished, with operands of `P` bfloat16 parts, by so many threads; see [`super::product`].
///
/// # Safety
/// As [`super::product`], and what `engine` makes is one of this processor.
pub unsafe fn product<const P: usize, E: Engine>(
    threads: usize,
    engine: impl Fn() -> E + Sync,
    k: usize,
    a: Numbers<f32>,
    b: Numbers<f32>,
    place: Place,
) {
    // SAFETY: the caller's promise.
    unsafe { together::product(threads, || Blocks::<P, E>(engine()), k, a, b, place) }
}

/// Multiplies panels by blocks of 32 x 32.
struct Blocks<const P: usize, E>(E);

/// Lines of a stripe, and elements of their depth. Rows of neighbours are read once, deep; otherwise every row of memory serves all
/// stripes, and is to stay in a cache.
fn stripe<const P: usize>(longer: &Operand) -> (usize, usize) {
    if longer.along() { (PANEL, 512 / P) } else { (2 * PANEL, 256 / P) }
}

impl<const P: usize, E: Engine> Kernel for Blocks<P, E> {
    fn depth(k: usize, longer: &Operand) -> usize {
        let (_, deepest) = stripe::<P>(longer);
        k.div_ceil(k.div_ceil(deepest)).next_multiple_of(STEP)
    }

    fn lines(_: Side) -> usize {
        PANEL
    }

    fn rows(_: Side, depth: usize) -> usize {
        panel_rows::<P>(depth)
    }

    unsafe fn pack(x: Operand, out: *mut Row, share: (usize, usize)) {
        // SAFETY: the caller's promise.
        unsafe { pack::pack::<P, E>(x, out, share) }
    }

    unsafe fn multiply(&self, longer: Operand, shorter: Panels, place: Place) {
        let (lines, depth) = longer.size();
        let ((height, _), rows) = (stripe::<P>(&longer), panel_rows::<P>(depth));
        let stripe = |first: usize| longer.only((first, height.min(lines - first)));
        STRIPES.with_borrow_mut(|stripes| {
            let [mut now, mut next] =
                stripes.each_mut().map(|stripe| reserve(stripe, height.min(lines).div_ceil(PANEL) * rows));
            // SAFETY: the caller's promise; there is room for a stripe.
            unsafe { Self::pack(stripe(0), now, (0, 1)) };
            for first in (0..lines).step_by(height) {
                let panels = height.min(lines - first).div_ceil(PANEL);
                let blocks = panels * shorter.lines.div_ceil(PANEL);
                for nth in 0..blocks {
                    if first + height < lines {
                        // SAFETY: the same.
                        unsafe { Self::pack(stripe(first + height), next, (nth, blocks)) };
                    }
                    let (moving, still) = (nth % panels, nth / panels);
                    let packed =
                        [now.wrapping_add(moving * rows), shorter.data.wrapping_add(still * rows).cast_mut()];
                    let (a, b) = longer.side.order(packed[0], packed[1]);
                    let block = longer.side.order(first + moving * PANEL, still * PANEL);
                    let block = place.tile(block, (PANEL, PANEL));
                    // SAFETY: the caller's promise; panels that are packed, and their block of the result.
                    unsafe { self.block(pack::steps(depth), a.cast(), b.cast(), block) };
                }
                std::mem::swap(&mut now, &mut next);
            }
        });
    }
}

impl<const P: usize, E: Engine> Blocks<P, E> {
    /// A block of at most 32 x 32 numbers, finished: in place, or through a copy where there are fewer or they are rounded.
    ///
    /// # Safety
    /// As [`Engine::block`].
    unsafe fn block(&self, steps: usize, a: *const u16, b: *const u16, place: Place) {
        let (Self(engine), Place { c, stride, rows, columns, add, rounded, .. }) = (self, place);
        // SAFETY: the caller's promise; rows of the block, and of a copy that is as large as any.
        unsafe {
            // what is finished is in the first cache
            if (rows, columns) == (PANEL, PANEL) && rounded.is_none() {
                engine.block::<P>(steps, a, b, c, stride, add);
                place.finish();
            } else {
                let mut copy = [[0f32; PANEL]; PANEL];
                for (i, copy) in copy.iter_mut().enumerate().take(if add { rows } else { 0 }) {
                    c.wrapping_add(i * stride).copy_to_nonoverlapping(copy.as_mut_ptr(), columns);
                }
                engine.block::<P>(steps, a, b, copy.as_mut_ptr().cast(), PANEL, add);
                Place { c: copy.as_mut_ptr().cast(), stride: PANEL, ..place }.finish();
                for (i, copy) in copy.iter().enumerate().take(rows) {
                    match rounded {
                        None => c.wrapping_add(i * stride).copy_from_nonoverlapping(copy.as_ptr(), columns),
                        Some(to) => round_row(&copy[..columns], to.wrapping_add(i * stride)),
                    }
                }
            }
        }
    }
}

/// Whether this processor's tiles give the bits of the emulated ones, in one part and in two, with edges on every side.
///
/// A fault of the processor, of a hypervisor or of this program then costs speed, and no result. Takes well under a millisecond.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub fn tiles_agree() -> bool {
    use super::Matrix;

    const SIZES: (usize, usize, usize) = (45, 70, 75);
    fn result<const P: usize, E: Engine>(engine: impl Fn() -> E + Sync) -> Vec<u32> {
        let (m, n, k) = SIZES;
        let numbers = |count: usize, factor: usize| -> Vec<f32> {
            (0..count).map(|i| ((i * factor) % 1021) as f32 / 317. - 1.6).collect()
        };
        let (a, b, mut c) = (numbers(m * k, 37), numbers(k * n, 101), numbers(m * n, 11));
        let (a, b) = (Matrix::rows(&a, k).into(), Matrix::rows(&b, n).into());
        let place = Place {
            c: c.as_mut_ptr(),
            stride: n,
            rows: m,
            columns: n,
            add: true,
            finish: crate::Finish::Nothing,
            rounded: None,
        };
        // SAFETY: the matrices are inside their slices; whoever asks has found the engine.
        unsafe { product::<P, E>(1, engine, k, a, b, place) };
        c.into_iter().map(f32::to_bits).collect()
    }
    // SAFETY: whoever asks has found the tiles, and nothing else on this thread uses them here.
    let tiles = || unsafe { Tiles::configured() };
    result::<1, _>(tiles) == result::<1, _>(|| Emulated)
        && result::<2, _>(tiles) == result::<2, _>(|| Emulated)
}

#[cfg(all(test, target_arch = "x86_64", target_os = "linux"))]
mod tests;
