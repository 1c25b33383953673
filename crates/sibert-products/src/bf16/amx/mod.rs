//! Products in AMX tiles: 16 x 16 numbers of the result and 32 of the depth with each instruction.
//!
//! ```text
//! c[i, j] += Σ_p round(a[i, p]) · round(b[p, j])      32 elements of the depth at a time, from the first on
//! ```
//! The longer side of the result moves past in stripes, the shorter side is packed once for all of them and stays in the
//! second cache. While the tiles multiply a stripe, the next one is packed between the blocks of 32 x 32 ([`pack`]).
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

use super::lines::Lines;
use super::{Matrix, Place};
pub use emulated::Emulated;
use pack::{Operand, PANEL, Row, STEP, Side};
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub use tiles::{Tiles, supported as tiles_supported};

/// Lines of the shorter side that are packed at once.
const WIDTH: usize = 1024;

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
    /// The packed shorter side, this stripe and the next, kept from call to call.
    static BUFFERS: RefCell<[Vec<Row>; 3]> = const { RefCell::new([const { Vec::new() }; 3]) };
}

/// `c = a·b` or `c += a·b`, finished, with operands of `P` bfloat16 parts; see [`super::product`].
///
/// # Safety
/// As [`super::product`], and the engine is one of this processor.
pub unsafe fn product<const P: usize, E: Engine>(
    engine: &E,
    k: usize,
    a: Matrix<f32>,
    b: Matrix<f32>,
    place: Place,
) {
    if k == 0 {
        // SAFETY: the caller's promise.
        return unsafe { without_depth(place) };
    }
    let left = Operand { lines: Lines::rows(a, place.rows, k), side: Side::Left };
    let right = Operand { lines: Lines::columns(b, place.columns, k), side: Side::Right };
    let (long, short) = if place.rows >= place.columns { (left, right) } else { (right, left) };
    // Rows of neighbours are read once, deep; otherwise every row of memory serves all stripes, and is to stay in a cache.
    let (deepest, stripe) = if long.lines.step == 1 { (512 / P, PANEL) } else { (256 / P, 2 * PANEL) };
    let depth = k.div_ceil(k.div_ceil(deepest)).next_multiple_of(STEP);
    let lines = long.lines.lines;
    BUFFERS.with_borrow_mut(|buffers| {
        for start in (0..short.lines.lines).step_by(WIDTH) {
            let width = WIDTH.min(short.lines.lines - start);
            let place = place.tile(long.side.order(0, start), long.side.order(lines, width));
            for p in (0..k).step_by(depth) {
                let piece = (p, depth.min(k - p));
                let (long, short) = (long.part((0, lines), piece), short.part((start, width), piece));
                let place = place.block(p == 0, p + depth >= k);
                // SAFETY: the caller's promise; the operands are parts of the matrices, the place one of the result.
                unsafe { stripes::<P, E>(engine, long, short, stripe, place, buffers) };
            }
        }
    });
}

/// The product of operands without depth, finished.
///
/// # Safety
/// The place is this thread's alone.
unsafe fn without_depth(place: Place) {
    for i in (0..place.rows).filter(|_| !place.add) {
        // SAFETY: a row of the place.
        unsafe { place.c.wrapping_add(i * place.stride).write_bytes(0, place.columns) };
    }
    // SAFETY: all elements have values.
    unsafe { place.finish() }
}

/// All blocks of the result that the shorter side, packed whole, has with the longer one.
///
/// # Safety
/// As [`product`], whose operands these are parts of.
unsafe fn stripes<const P: usize, E: Engine>(
    engine: &E,
    long: Operand,
    short: Operand,
    height: usize,
    place: Place,
    [kept, now, next]: &mut [Vec<Row>; 3],
) {
    let (whole, lines) = ((0, long.lines.depth), long.lines.lines);
    let stripe = |first: usize| long.part((first, height.min(lines - first)), whole);
    let rows = short.panel_rows::<P>();
    // SAFETY: the caller's promise.
    unsafe {
        short.pack::<P, E>(kept, (0, 1));
        stripe(0).pack::<P, E>(now, (0, 1));
    }
    for first in (0..lines).step_by(height) {
        let panels = stripe(first).panels();
        let blocks = panels * short.panels();
        for nth in 0..blocks {
            if first + height < lines {
                // SAFETY: the caller's promise.
                unsafe { stripe(first + height).pack::<P, E>(next, (nth, blocks)) };
            }
            let (moving, still) = (nth % panels, nth / panels);
            let packed = [&now[moving * rows..], &kept[still * rows..]].map(|x| x.as_ptr().cast::<u16>());
            let (a, b) = long.side.order(packed[0], packed[1]);
            let block = place.tile(long.side.order(first + moving * PANEL, still * PANEL), (PANEL, PANEL));
            // SAFETY: the caller's promise; panels that are packed, and their block of the result.
            unsafe { multiply::<P, E>(engine, long.steps(), a, b, block) };
        }
        std::mem::swap(now, next);
    }
}

/// A block of at most 32 x 32 numbers, finished: in place, or through a copy where there are fewer.
///
/// # Safety
/// As [`Engine::block`].
unsafe fn multiply<const P: usize, E: Engine>(
    engine: &E,
    steps: usize,
    a: *const u16,
    b: *const u16,
    place: Place,
) {
    let Place { c, stride, rows, columns, add, .. } = place;
    // SAFETY: the caller's promise; rows of the block, and of a copy that is as large as any.
    unsafe {
        if (rows, columns) == (PANEL, PANEL) {
            engine.block::<P>(steps, a, b, c, stride, add);
        } else {
            let mut copy = [[0f32; PANEL]; PANEL];
            for (i, copy) in copy.iter_mut().enumerate().take(if add { rows } else { 0 }) {
                c.wrapping_add(i * stride).copy_to_nonoverlapping(copy.as_mut_ptr(), columns);
            }
            engine.block::<P>(steps, a, b, copy.as_mut_ptr().cast(), PANEL, add);
            for (i, copy) in copy.iter().enumerate().take(rows) {
                c.wrapping_add(i * stride).copy_from_nonoverlapping(copy.as_ptr(), columns);
            }
        }
        place.finish(); // while the block is in the first cache
    }
}

/// Whether this processor's tiles give the bits of the emulated ones, in one part and in two, with edges on every side.
///
/// A fault of the processor, of a hypervisor or of this program then costs speed, and no result. Takes well under a millisecond.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub fn tiles_agree() -> bool {
    const SIZES: (usize, usize, usize) = (45, 70, 75);
    fn result<const P: usize, E: Engine>(engine: &E) -> Vec<u32> {
        let (m, n, k) = SIZES;
        let numbers = |count: usize, factor: usize| -> Vec<f32> {
            (0..count).map(|i| ((i * factor) % 1021) as f32 / 317. - 1.6).collect()
        };
        let (a, b, mut c) = (numbers(m * k, 37), numbers(k * n, 101), numbers(m * n, 11));
        let (a, b) = (Matrix::rows(&a, k), Matrix::rows(&b, n));
        let place = Place {
            c: c.as_mut_ptr(),
            stride: n,
            rows: m,
            columns: n,
            add: true,
            finish: crate::Finish::Nothing,
        };
        // SAFETY: the matrices are inside their slices; whoever asks has found the engine.
        unsafe { product::<P, E>(engine, k, a, b, place) };
        c.into_iter().map(f32::to_bits).collect()
    }
    // SAFETY: whoever asks has found the tiles, and nothing else on this thread uses them here.
    let tiles = unsafe { Tiles::configured() };
    result::<1, _>(&tiles) == result::<1, _>(&Emulated) && result::<2, _>(&tiles) == result::<2, _>(&Emulated)
}

#[cfg(all(test, target_arch = "x86_64", target_os = "linux"))]
mod tests;
