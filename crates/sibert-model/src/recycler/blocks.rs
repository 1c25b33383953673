//! The same from the system's allocator, where there is no `mmap`.

use std::alloc::{GlobalAlloc, Layout, System};

fn layout(size: usize) -> Layout {
    // SAFETY: the alignment is a power of two; sizes near `isize::MAX` were refused by `Layout` before.
    unsafe { Layout::from_size_align_unchecked(size, super::ALIGN) }
}

/// New zeros, or null.
pub fn map(size: usize) -> *mut u8 {
    // SAFETY: the size is not zero.
    unsafe { System.alloc_zeroed(layout(size)) }
}

/// # Safety
/// The block is from `map`, by this size, and unused from now on.
pub unsafe fn unmap(block: *mut u8, size: usize) {
    // SAFETY: the caller's promise.
    unsafe { System.dealloc(block, layout(size)) };
}
