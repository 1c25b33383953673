//! A product by many threads, which pack its shorter side together.
//!
//! The shorter side of the result is packed once, each thread packing a share of it; then every thread packs lines of the
//! longer side and multiplies them with all that is packed. So the packing is divided among the threads like the
//! multiplications, however many they are.

use std::cell::Cell;
use std::ops::Range;

use rayon::prelude::*;

use super::operand::{Operand, Row, Side, reserve};
use super::round::round_row;
use crate::divided::share;
use crate::{Numbers, Place};

/// Lines of the shorter side that are packed at once.
const WIDTH: usize = 1024;

/// Numbers of the shorter side that many threads pack before they multiply: 4 MiB in one part, of the last cache.
const SHARED: usize = 1 << 21;

/// Lines of the longer side that are worth a thread: their packing should take less time than their products.
const LEAST: usize = 64;

/// What multiplies packed operands, on one thread.
pub trait Kernel {
    /// Elements of the depth that are multiplied at a time; `longer` is the side that is not kept.
    fn depth(k: usize, longer: &Operand) -> usize;

    /// Lines of a panel.
    fn lines(side: Side) -> usize;

    /// Rows of a panel so deep.
    fn rows(side: Side, depth: usize) -> usize;

    /// Packs share `nth` of `of` of the panels.
    ///
    /// # Safety
    /// The processor has the kernel, the operand describes readable numbers, and `out` has room for all panels, of which no
    /// other thread touches the share.
    unsafe fn pack(x: Operand, out: *mut Row, share: (usize, usize));

    /// All that the longer side's lines have with `shorter`: `c = a·b` or `c += a·b` at the place, finished.
    ///
    /// # Safety
    /// The operand describes readable numbers, the panels are packed as deep as it is, and the place, for this thread alone, has the
    /// lines of both.
    unsafe fn multiply(&self, longer: Operand, shorter: Panels, place: Place);
}

/// Packed lines.
#[derive(Clone, Copy)]
pub struct Panels {
    pub data: *const Row,
    pub lines: usize,
}

// SAFETY: threads pack shares of their own, and read when all are packed.
unsafe impl Sync for Panels {}

impl Panels {
    /// So many lines from a row on.
    fn from(self, row: usize, lines: usize) -> Self {
        Self { data: self.data.wrapping_add(row), lines }
    }
}

thread_local! {
    /// The packed shorter side, kept from call to call. A call takes it: while it waits for other threads, this one may begin
    /// another product.
    static KEPT: Cell<Vec<Row>> = const { Cell::new(Vec::new()) };
}

/// `c = a·b` or `c += a·b`, finished, by so many threads, each with a kernel of its own; see [`super::product`].
///
/// # Safety
/// As [`super::product`], and the processor has the kernel.
pub unsafe fn product<K: Kernel>(
    threads: usize,
    kernel: impl Fn() -> K + Sync,
    k: usize,
    a: Numbers<f32>,
    b: Numbers<f32>,
    place: Place,
) {
    if k == 0 {
        // SAFETY: the caller's promise.
        return unsafe { without_depth(place) };
    }
    let (left, right) = (Operand::left(a, place.rows, k), Operand::right(b, place.columns, k));
    let (longer, shorter) = if place.rows >= place.columns { (left, right) } else { (right, left) };
    let depth = K::depth(k, &longer);
    let ((long, _), (short, _)) = (longer.size(), shorter.size());
    let mut kept = KEPT.take();
    for first in (0..short).step_by(WIDTH) {
        let lines = WIDTH.min(short - first);
        let shorter = shorter.only((first, lines));
        let place = place.tile(longer.side.order(0, first), longer.side.order(long, lines));
        // One thread multiplies what it has just packed. Many pack much before they wait for each other.
        let together = if threads == 1 { depth } else { (SHARED / lines / depth).max(1) * depth };
        for start in (0..k).step_by(together) {
            let blocks = Blocks { range: start..k.min(start + together), depth, whole: k };
            // SAFETY: the caller's promise; the operands are parts of the matrices, the place one of the result.
            unsafe { blocks.multiply(threads, &kernel, longer, shorter, place, &mut kept) };
        }
    }
    KEPT.set(kept);
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
    // SAFETY: all elements have values; the rows of the rounded result are as far apart.
    unsafe {
        place.finish();
        for (i, to) in place.rounded.iter().flat_map(|to| (0..place.rows).map(move |i| (i, to))) {
            let row = std::slice::from_raw_parts(place.c.wrapping_add(i * place.stride), place.columns);
            round_row(row, to.wrapping_add(i * place.stride));
        }
    }
}

/// Blocks of the depth, of which the shorter side is packed at once.
struct Blocks {
    range: Range<usize>,
    depth: usize,
    /// The depth of the product.
    whole: usize,
}

impl Blocks {
    /// The first element and the number of elements of every block.
    fn each(&self) -> impl Iterator<Item = (usize, usize)> {
        let Range { start, end } = self.range;
        (start..end).step_by(self.depth).map(move |first| (first, self.depth.min(end - first)))
    }

    /// Their part of the product.
    ///
    /// # Safety
    /// As [`product`], whose operands these are parts of.
    unsafe fn multiply<K: Kernel>(
        &self,
        threads: usize,
        kernel: &(impl Fn() -> K + Sync),
        longer: Operand,
        shorter: Operand,
        place: Place,
        kept: &mut Vec<Row>,
    ) {
        let ((long, _), (short, _)) = (longer.size(), shorter.size());
        let [wide, narrow] = [longer, shorter].map(|operand| K::lines(operand.side));
        let panels = short.div_ceil(narrow);
        let rows = panels * K::rows(shorter.side, self.depth);
        let packed = Panels { data: reserve(kept, self.each().count() * rows), lines: short };
        each(threads, |nth| {
            for (i, block) in self.each().enumerate() {
                let out = packed.from(i * rows, short).data.cast_mut();
                // SAFETY: the caller's promise; every block has rows of its own, of which this is one thread's share.
                unsafe { K::pack(shorter.part((0, short), block), out, (nth, threads)) };
            }
        });
        let (along, across) = grid(threads, long, panels);
        each(along * across, |part| {
            let (lines, columns) =
                (share(long, part / across, along, wide), share(short, part % across, across, narrow));
            if lines.is_empty() || columns.is_empty() {
                return;
            }
            let place = place.tile(
                longer.side.order(lines.start, columns.start),
                longer.side.order(lines.len(), columns.len()),
            );
            let kernel = kernel();
            for (i, block) in self.each().enumerate() {
                let panel = columns.start / narrow * K::rows(shorter.side, block.1);
                let shorter = packed.from(i * rows + panel, columns.len());
                let place = place.block(block.0 == 0, block.0 + block.1 == self.whole);
                // SAFETY: the caller's promise; the parts are disjoint blocks of the place, and these panels are packed.
                unsafe { kernel.multiply(longer.part((lines.start, lines.len()), block), shorter, place) };
            }
        });
    }
}

/// Calls `f` with every number below `count`, each on a thread of the pool.
fn each(count: usize, f: impl Fn(usize) + Sync + Send) {
    if count == 1 { f(0) } else { (0..count).into_par_iter().for_each(f) }
}

/// Into how many parts the longer and the shorter side are divided: every part of the shorter one makes a thread pack the same lines
/// of the longer one again.
fn grid(threads: usize, long: usize, panels: usize) -> (usize, usize) {
    let along = (long / LEAST).clamp(1, threads);
    (along, (threads / along).clamp(1, panels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_divide_the_longer_side_while_it_is_long_enough_for_them() {
        assert_eq!(grid(1, 2048, 8), (1, 1));
        assert_eq!(grid(2, 2048, 8), (2, 1));
        assert_eq!(grid(32, 2048, 8), (32, 1));
        assert_eq!(grid(32, 512, 16), (8, 4));
        assert_eq!(grid(32, 70, 2), (1, 2));
        assert_eq!(grid(7, 200, 5), (3, 2));
    }
}
