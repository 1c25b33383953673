//! Working memory of a task, kept by its thread from one task to the next.

use std::cell::Cell;

use crate::compute::real::Real;

/// A cache line: buffers begin on one, so that no vector straddles two.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u64; 8]);

thread_local! {
    static LINES: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
}

/// Calls `f` with buffers of `lens` elements, whose values are left over from earlier calls.
pub fn scratch<T: Real, const N: usize, R>(lens: [usize; N], f: impl FnOnce([&mut [T]; N]) -> R) -> R {
    let per_line = size_of::<Line>() / size_of::<T>();
    let lines = |len: usize| len.div_ceil(per_line);
    let mut buffer = LINES.take();
    buffer.resize(lens.iter().map(|&len| lines(len)).sum::<usize>().max(buffer.len()), Line([0; 8]));
    let mut rest = &mut buffer[..];
    let slices = lens.map(|len| {
        let (slice, after) = std::mem::take(&mut rest).split_at_mut(lines(len));
        rest = after;
        // SAFETY: the lines are initialised, hold at least `len` elements, are aligned for them and borrowed for this
        // call alone; every bit pattern is a value of f32 and of f64, the only two types that are `Real`.
        unsafe { std::slice::from_raw_parts_mut(slice.as_mut_ptr().cast::<T>(), len) }
    });
    let result = f(slices);
    LINES.set(buffer);
    result
}
