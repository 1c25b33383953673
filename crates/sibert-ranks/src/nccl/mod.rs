//! Numbers on GPUs, moved and added by NVIDIA's NCCL.

mod library;
mod meet;
mod sum;

use std::ffi::{c_int, c_void};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use candle_core::cuda_backend::cudarc::driver::DevicePtr;
use candle_core::{CudaDevice, DType, Device, Storage, Tensor};
use half::bf16;

use crate::Watch;
use library::{BFLOAT16, Comm, FLOAT, Library, SUM, Stream};
pub use meet::Met;

/// Time between two looks at what the GPU does.
const PAUSE: Duration = Duration::from_micros(20);
/// The GPUs of all ranks, one each.
///
/// Its tensors are f32, or bf16 for a sum in any order, contiguous and on the GPU of this rank. What it does is done in the order of that GPU's stream, and
/// every verb is collective, as those of [`crate::Communicator`].
pub struct Nccl {
    library: &'static Library,
    group: Mutex<Group>,
    rank: usize,
    size: usize,
    device: CudaDevice,
    watch: Watch,
}

/// What NCCL knows this rank by.
struct Group(Comm);

// SAFETY: any thread may use a communicator of NCCL, one at a time, which the mutex sees to.
unsafe impl Send for Group {}

impl Nccl {
    /// The version of the library of this machine: `2.28.9`.
    ///
    /// # Errors
    /// If there is none.
    pub fn version() -> Result<String> {
        Library::get()?.version()
    }

    /// Which of the ranks this process is.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// How many ranks there are.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The sums of the numbers over all ranks, in whatever order NCCL adds, and rounded at every addition if they are bf16.
    ///
    /// # Errors
    /// If NCCL or a GPU fails, here or on another rank.
    pub fn sum_in_any_order(&self, numbers: &Tensor) -> Result<Tensor> {
        let kind = if numbers.dtype() == DType::BF16 { BFLOAT16 } else { FLOAT };
        self.watch.over(|| {
            let sums = self.empty(numbers.elem_count(), numbers.dtype())?;
            let (from, to) = (self.address(numbers)?, self.address(&sums)?);
            self.enqueue("ncclAllReduce", |nccl, comm, stream| {
                // SAFETY: both are as long as the count says, and of that kind.
                unsafe { (nccl.all_reduce)(from, to, numbers.elem_count(), kind, SUM, comm, stream) }
            })?;
            self.settle()?;
            Ok(sums)
        })
    }

    /// Sends the `k`-th part of each of `own` to rank `k`. Returns its part of everybody's, one after the other: of rank
    /// `k` as many as `counts[k]`.
    fn exchange(&self, own: &[Tensor], counts: &[usize], part: usize) -> Result<Tensor> {
        let received = self.empty(counts.iter().sum::<usize>() * part, DType::F32)?;
        let own = own.iter().map(|numbers| self.address(numbers)).collect::<Result<Vec<_>>>()?;
        let mut place = self.address(&received)?.cast::<f32>();
        self.grouped(|| {
            for (peer, &count) in counts.iter().enumerate() {
                for numbers in &own {
                    self.enqueue("ncclSend", |nccl, comm, stream| {
                        let from = numbers.cast::<f32>().wrapping_add(peer * part);
                        // SAFETY: each rank has a part of each of them.
                        unsafe { (nccl.send)(from.cast(), part, FLOAT, peer as c_int, comm, stream) }
                    })?;
                }
                for _ in 0..count {
                    self.enqueue("ncclRecv", |nccl, comm, stream| {
                        // SAFETY: as many parts were allocated.
                        unsafe { (nccl.receive)(place.cast(), part, FLOAT, peer as c_int, comm, stream) }
                    })?;
                    place = place.wrapping_add(part);
                }
            }
            Ok(())
        })?;
        Ok(received)
    }

    /// The numbers of all ranks, one after the other; each has as many.
    fn all_gather(&self, own: &Tensor) -> Result<Tensor> {
        let all = self.empty(own.elem_count() * self.size, DType::F32)?;
        let (from, to) = (self.address(own)?, self.address(&all)?);
        self.enqueue("ncclAllGather", |nccl, comm, stream| {
            // SAFETY: there is room for as many of each rank.
            unsafe { (nccl.all_gather)(from, to, own.elem_count(), FLOAT, comm, stream) }
        })?;
        Ok(all)
    }

    /// Asks NCCL for something.
    fn enqueue(&self, function: &str, call: impl FnOnce(&Library, Comm, Stream) -> c_int) -> Result<()> {
        let stream = self.device.cuda_stream();
        stream.context().bind_to_thread()?;
        let group = self.group.lock().unwrap_or_else(PoisonError::into_inner);
        self.library.check(function, call(self.library, group.0, stream.cu_stream().cast()))
    }

    /// Asks for all that `calls` asks for at once: one that waits for another rank does not hold up the next.
    fn grouped(&self, calls: impl FnOnce() -> Result<()>) -> Result<()> {
        // SAFETY: groups belong to this thread.
        self.library.check("ncclGroupStart", unsafe { (self.library.group_start)() })?;
        let called = calls();
        // SAFETY: as above; a group that was begun is ended.
        let ended = self.library.check("ncclGroupEnd", unsafe { (self.library.group_end)() });
        called.and(ended)
    }

    /// Waits until all is done. A rank that others have lost hears of it here.
    fn settle(&self) -> Result<()> {
        let done = self.device.cuda_stream().record_event(None)?;
        while !done.try_is_complete()? {
            self.ensure_sound()?;
            std::thread::sleep(PAUSE);
        }
        self.ensure_sound()
    }

    fn ensure_sound(&self) -> Result<()> {
        let mut failed = 0;
        // SAFETY: the place is there.
        self.enqueue("ncclCommGetAsyncError", |nccl, comm, _| unsafe {
            (nccl.get_async_error)(comm, &mut failed)
        })?;
        self.library.check("NCCL", failed)
    }

    /// Room for numbers that NCCL writes.
    fn empty(&self, count: usize, dtype: DType) -> Result<Tensor> {
        // SAFETY: floats of any bits are values, and NCCL writes them all.
        Ok(unsafe { Tensor::empty(count, dtype, &Device::Cuda(self.device.clone())) }?)
    }

    /// Where the numbers of a tensor lie.
    fn address(&self, tensor: &Tensor) -> Result<*mut c_void> {
        ensure!(
            tensor.device().same_device(&Device::Cuda(self.device.clone())),
            "numbers on another device than NCCL's"
        );
        let (storage, layout) = tensor.storage_and_layout();
        let (Storage::Cuda(storage), Some((start, _))) = (&*storage, layout.contiguous_offsets()) else {
            bail!("NCCL needs contiguous numbers on a GPU, found {tensor:?}");
        };
        let stream = self.device.cuda_stream();
        let first = match tensor.dtype() {
            DType::BF16 => storage.as_cuda_slice::<bf16>()?.device_ptr(&stream).0,
            _ => storage.as_cuda_slice::<f32>()?.device_ptr(&stream).0, // an error for every other type
        };
        Ok((first as *mut u8).wrapping_add(start * tensor.dtype().size_in_bytes()).cast())
    }
}

impl Drop for Nccl {
    fn drop(&mut self) {
        let group = self.group.get_mut().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: nobody uses it any more. Unlike ncclCommDestroy this does not wait for other ranks, which may be gone.
        unsafe { (self.library.abort)(group.0) };
    }
}
