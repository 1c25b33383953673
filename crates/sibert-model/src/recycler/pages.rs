//! Pages of zeros straight from the kernel: the system's allocator would keep freed blocks in a heap of its own.

use std::ptr::null_mut;

/// Blocks of this size are made of large pages where the kernel has any: one fault, not five hundred.
#[cfg(target_os = "linux")]
const HUGE: usize = 2 << 20;

/// New pages, or null.
pub fn map(size: usize) -> *mut u8 {
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: no address is asked for, so that no other mapping changes.
    let pages = unsafe { libc::mmap(null_mut(), size, access, kind, -1, 0) };
    if pages == libc::MAP_FAILED {
        return null_mut();
    }
    #[cfg(target_os = "linux")]
    if size >= HUGE {
        // SAFETY: the pages just mapped. It is advice: where it cannot be taken, small pages serve.
        unsafe { libc::madvise(pages, size, libc::MADV_HUGEPAGE) };
    }
    pages.cast()
}

/// # Safety
/// The pages are from `map`, by this size, and unused from now on.
pub unsafe fn unmap(pages: *mut u8, size: usize) {
    // SAFETY: the caller's promise. It fails for no mapping of `map`.
    unsafe { libc::munmap(pages.cast(), size) };
}
