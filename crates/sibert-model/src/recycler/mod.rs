//! A global allocator that keeps the buffers of one training step for the next.
//!
//! Every operation makes a new tensor, and a step makes the same ones again and again. The system's allocator hands
//! large blocks back to the kernel, which clears each page before it returns: on the CPU a third of a step. A
//! [`Recycler`] keeps them, sorted by size, and begins each at a cache line, which vector loads want. Beyond
//! 256 MiB it holds hardly more than the program once needed at the same time.
//!
//! ```
//! #[global_allocator]
//! static ALLOCATOR: sibert_model::Recycler = sibert_model::Recycler::new();
//! # fn main() {}
//! ```

#[cfg_attr(unix, path = "pages.rs")]
#[cfg_attr(not(unix), path = "blocks.rs")]
mod pages;

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::{NonNull, null_mut};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Blocks of at least this many bytes are kept; smaller ones are the system's.
const LARGE: usize = 1 << LARGE_BITS;
const LARGE_BITS: usize = 16;

/// Sizes per doubling: a block is at most an eighth larger than what was asked for.
const STEPS: usize = 8;
const STEP_BITS: usize = STEPS.trailing_zeros() as usize;

/// So many bytes are never given back.
const FREE: usize = 256 << 20;

/// Above them, what is kept and used together exceeds the most that was ever used by one part in so many.
const SLACK: usize = 32;

/// Large blocks begin at a multiple of this, a cache line.
const ALIGN: usize = 64;

/// One class for every step from [`LARGE`] to the end of the address space.
const CLASSES: usize = (usize::BITS as usize - LARGE_BITS) * STEPS;

/// The system's allocator for small blocks, and shelves of large ones that were freed.
pub struct Recycler {
    shelves: Mutex<Shelves>,
}

impl std::fmt::Debug for Recycler {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Recycler").finish_non_exhaustive()
    }
}

struct Shelves {
    tops: [Option<NonNull<Block>>; CLASSES],
    live: usize, // bytes of large blocks in use
    peak: usize, // the most that `live` has been
    kept: usize, // bytes on the shelves
}

/// The beginning of a block on a shelf.
struct Block {
    next: Option<NonNull<Block>>,
}

// SAFETY: the pointers are to blocks that nobody else uses.
unsafe impl Send for Shelves {}

impl Default for Recycler {
    fn default() -> Self {
        Self::new()
    }
}

impl Recycler {
    /// Empty shelves.
    pub const fn new() -> Self {
        Self { shelves: Mutex::new(Shelves { tops: [None; CLASSES], live: 0, peak: 0, kept: 0 }) }
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The class of a large size.
fn class(size: usize) -> usize {
    let above = size - 1;
    let exponent = above.ilog2() as usize;
    (exponent - LARGE_BITS) * STEPS + ((above >> (exponent - STEP_BITS)) & (STEPS - 1)) + 1
}

/// The largest size of a class.
fn capacity(class: usize) -> usize {
    let (exponent, step) = (class / STEPS + LARGE_BITS, class % STEPS);
    (STEPS + step) << (exponent - STEP_BITS)
}

fn is_large(layout: &Layout) -> bool {
    layout.size() > LARGE && layout.align() <= ALIGN
}

impl Shelves {
    /// A block of the class, if one is kept; counts `capacity(class)` as in use.
    fn take(&mut self, class: usize) -> Option<NonNull<Block>> {
        self.live += capacity(class);
        self.peak = self.peak.max(self.live);
        let block = self.pop(class);
        if block.is_none() {
            self.make_room(class);
        }
        block
    }

    fn pop(&mut self, class: usize) -> Option<NonNull<Block>> {
        let block = self.tops[class]?;
        // SAFETY: blocks on a shelf are valid and begin with a `Block`.
        self.tops[class] = unsafe { block.as_ref() }.next;
        self.kept -= capacity(class);
        Some(block)
    }

    fn push(&mut self, class: usize, block: NonNull<Block>) {
        self.live -= capacity(class);
        self.kept += capacity(class);
        // SAFETY: the block is larger than a `Block`, aligned, and was given back by its user.
        unsafe { block.write(Block { next: self.tops[class] }) };
        self.tops[class] = Some(block);
    }

    /// Gives kept blocks back to the kernel until a new one of `class`, which `live` contains already, fits the budget.
    ///
    /// The next larger block goes first, then the largest of the smaller ones: as little as possible is made anew later.
    fn make_room(&mut self, class: usize) {
        let budget = FREE.max(self.peak + self.peak / SLACK);
        while self.live + self.kept > budget {
            let larger = (class..CLASSES).find(|&class| self.tops[class].is_some());
            let smaller = || (0..class).rev().find(|&class| self.tops[class].is_some());
            let Some(found) = larger.or_else(smaller) else { return };
            if let Some(block) = self.pop(found) {
                // SAFETY: the block was mapped by this size, and is off its shelf.
                unsafe { pages::unmap(block.as_ptr().cast(), capacity(found)) };
            }
        }
    }
}

// SAFETY: blocks come from the kernel or the system's allocator with at least the size and alignment asked for, and are
// on a shelf or in use, never both.
unsafe impl GlobalAlloc for Recycler {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !is_large(&layout) {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc(layout) };
        }
        let class = class(layout.size());
        match self.shelves().take(class) {
            Some(block) => block.as_ptr().cast(),
            None => pages::map(capacity(class)),
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !is_large(&layout) {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc_zeroed(layout) };
        }
        let class = class(layout.size());
        let kept = self.shelves().take(class);
        match kept {
            Some(block) => {
                let block: *mut u8 = block.as_ptr().cast();
                // SAFETY: the block has at least this size.
                unsafe { block.write_bytes(0, layout.size()) };
                block
            }
            None => pages::map(capacity(class)),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match NonNull::new(block.cast()) {
            Some(block) if is_large(&layout) => self.shelves().push(class(layout.size()), block),
            // SAFETY: the caller's promise; the block is the system's.
            _ => unsafe { System.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (old, small) = (is_large(&layout), size <= LARGE);
        if !old && (small || layout.align() > ALIGN) {
            // SAFETY: the caller's promise; the block is the system's and stays so.
            return unsafe { System.realloc(block, layout, size) };
        }
        if old && !small && class(size) == class(layout.size()) {
            return block;
        }
        // SAFETY: the caller promises that the new size is valid for the alignment.
        let new_layout = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the size is not zero by the caller's promise.
        let new = unsafe { self.alloc(new_layout) };
        if new.is_null() {
            return null_mut();
        }
        // SAFETY: both blocks hold the smaller of the two sizes, and are different.
        unsafe { new.copy_from_nonoverlapping(block, layout.size().min(size)) };
        // SAFETY: the caller gives the old block up.
        unsafe { self.dealloc(block, layout) };
        new
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn bytes(size: usize) -> Layout {
        Layout::from_size_align(size, 4).unwrap()
    }

    #[test]
    fn classes_are_tight_and_in_order() {
        for size in (LARGE + 1..LARGE * 9).step_by(97).chain([1 << 30, (1 << 30) + 1, 3 << 33]) {
            let class = class(size);
            assert!(capacity(class) >= size && capacity(class) <= size + size / STEPS + 1, "{size}");
            assert!(class == 0 || capacity(class - 1) < size, "{size}");
        }
    }

    #[test]
    fn blocks_are_aligned_and_come_back() {
        let recycler = Recycler::new();
        // SAFETY: every block is freed once, by its layout.
        unsafe {
            let first = recycler.alloc(bytes(1 << 20));
            assert_eq!(first as usize % ALIGN, 0);
            first.write_bytes(7, 1 << 20);
            recycler.dealloc(first, bytes(1 << 20));
            let again = recycler.alloc_zeroed(bytes((1 << 20) - 5));
            assert_eq!(again, first);
            assert!((0..(1 << 20) - 5).all(|i| *again.add(i) == 0));
            recycler.dealloc(again, bytes((1 << 20) - 5));
        }
    }

    #[test]
    fn no_more_is_kept_than_the_budget() {
        let recycler = Recycler::new();
        let layouts: Vec<Layout> = (1..40).map(|i| bytes((64 << 20) + i * (5 << 20))).collect();
        for pair in layouts.windows(2) {
            // SAFETY: every block is freed once, by its layout.
            unsafe {
                let blocks = [recycler.alloc(pair[0]), recycler.alloc(pair[1])];
                recycler.dealloc(blocks[0], pair[0]);
                recycler.dealloc(blocks[1], pair[1]);
            }
            let Shelves { live, peak, kept, .. } = *recycler.shelves();
            assert_eq!(live, 0);
            assert!(kept > 0 && kept <= FREE.max(peak + peak / SLACK), "{kept} {peak}");
        }
    }

    #[test]
    fn growing_and_shrinking_keeps_the_contents() {
        let recycler = Recycler::new();
        let sizes = [1000, LARGE, LARGE + 1, LARGE * 4, LARGE * 4 + 9, LARGE * 7, LARGE + 2, LARGE - 1, 10];
        // SAFETY: the block is always of the size that it was given last.
        unsafe {
            let mut block = recycler.alloc(bytes(sizes[0]));
            block.write_bytes(9, 10);
            for pair in sizes.windows(2) {
                block = recycler.realloc(block, bytes(pair[0]), pair[1]);
                assert!((0..10).all(|i| *block.add(i) == 9));
            }
            recycler.dealloc(block, bytes(10));
        }
    }
}
