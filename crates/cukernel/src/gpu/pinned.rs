//! Pinned memory of the host, from which copies to the device run by themselves.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use candle_core::Result;
use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::driver::sys::CUevent_flags;
use candle_core::cuda_backend::cudarc::driver::{CudaEvent, CudaStream, PinnedHostSlice};

/// So many copies may be under way; the next waits for the first of them, which bounds how far the host runs ahead.
const SLOTS: usize = 64;

struct Slot {
    bytes: PinnedHostSlice<u8>,
    copied: CudaEvent,
}

thread_local! {
    static SLOTS_IN_USE: RefCell<VecDeque<Slot>> = const { RefCell::new(VecDeque::new()) };
}

/// Calls `copy` with `bytes` in pinned memory, which stay as they are until the stream has done what `copy` enqueues.
pub fn with(stream: &Arc<CudaStream>, bytes: &[u8], copy: impl FnOnce(&[u8]) -> Result<()>) -> Result<()> {
    SLOTS_IN_USE.with_borrow_mut(|slots| {
        let mut slot = match slots.len() {
            SLOTS.. => reusable(slots.pop_front(), stream, bytes.len())?,
            _ => new_slot(stream, bytes.len())?,
        };
        let pinned = slot.bytes.as_mut_slice().w()?;
        pinned[..bytes.len()].copy_from_slice(bytes);
        copy(&pinned[..bytes.len()])?;
        slot.copied.record(stream).w()?;
        slots.push_back(slot);
        Ok(())
    })
}

/// The oldest slot once its copy is done, or a new one where it is too small or another GPU's.
fn reusable(oldest: Option<Slot>, stream: &Arc<CudaStream>, len: usize) -> Result<Slot> {
    let Some(slot) = oldest else { return new_slot(stream, len) };
    slot.copied.synchronize().w()?;
    let fits = slot.bytes.len() >= len && slot.bytes.context() == stream.context();
    if fits { Ok(slot) } else { new_slot(stream, len) }
}

fn new_slot(stream: &Arc<CudaStream>, len: usize) -> Result<Slot> {
    let context = stream.context();
    // SAFETY: the bytes are written before they are read.
    let bytes = unsafe { context.alloc_pinned::<u8>(len.next_power_of_two().max(4096)) }.w()?;
    let copied = context.new_event(Some(CUevent_flags::CU_EVENT_BLOCKING_SYNC)).w()?;
    Ok(Slot { bytes, copied })
}
