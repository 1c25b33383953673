//! New buffers without a first pass of zeros.

use std::mem::{ManuallyDrop, MaybeUninit};

/// Memory for `len` numbers, none of which has a value yet: a pass of zeros costs as much as the kernels that follow it.
pub fn uninit<T: Copy>(len: usize) -> Vec<MaybeUninit<T>> {
    let mut buffer = Vec::with_capacity(len);
    // SAFETY: there is room for `len` elements, and `MaybeUninit` needs no value.
    unsafe { buffer.set_len(len) };
    buffer
}

/// The numbers in a buffer, without a copy.
///
/// # Safety
/// Every element has been written.
pub unsafe fn written<T: Copy>(buffer: Vec<MaybeUninit<T>>) -> Vec<T> {
    let mut buffer = ManuallyDrop::new(buffer);
    let (pointer, len, capacity) = (buffer.as_mut_ptr().cast::<T>(), buffer.len(), buffer.capacity());
    // SAFETY: the allocation is that of a vector of the same layout; by the caller's promise its elements have values.
    unsafe { Vec::from_raw_parts(pointer, len, capacity) }
}
