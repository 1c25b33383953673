//! Launches of `cross_entropy.cu`; labels are on the host.

use candle_core::{D, DType, Result, Tensor};
use cukernel::{Grid, Module, args, empty, suffix, upload};

use crate::compute::buffer::Values;
use crate::compute::sum::cuda::total;
use crate::tape::{Backward, Sink};

/// The kernels.
pub const MODULE: Module = Module::new("cross_entropy", include_str!("cross_entropy.cu"));

/// Threads of a block, which reads one row.
const THREADS: u32 = 256;

/// An f32 scalar, whatever the logits are.
pub fn cross_entropy([logits]: [Tensor; 1], labels: Tensor) -> Result<(Tensor, impl Backward)> {
    let (device, (rows, vocab)) = (logits.device(), logits.dims2()?);
    let labels = upload(Values::of(&labels).slice::<u32>()?, rows, device)?;
    let losses = empty(rows, DType::F32, device)?;
    let partitions = empty((rows, 2), DType::F32, device)?;
    let kernel = format!("cross_entropy_{}", suffix(logits.dtype())?);
    let args = args![logits, labels, losses, partitions, vocab];
    // SAFETY: the logits are (rows, vocab), the labels below vocab, and the results have a place for each row.
    unsafe { MODULE.launch(device, &kernel, Grid::new(rows, THREADS), &args)? };
    let loss = total(&losses)?;
    let backward = move |dloss: &Tensor, sink: &mut Sink| {
        let dx = empty(logits.shape(), logits.dtype(), logits.device())?;
        let kernel = format!("cross_entropy_backward_{}", suffix(logits.dtype())?);
        let args = args![logits, labels, partitions, dloss, dx, vocab];
        // SAFETY: as above, and the gradient of the loss is one f32.
        unsafe { MODULE.launch(logits.device(), &kernel, Grid::new(rows, THREADS), &args)? };
        sink.add(0, dx)
    };
    Ok((loss, backward))
}

/// As [`crate::ops::argmax_rows`].
pub fn argmax_rows(x: &Tensor) -> Result<Tensor> {
    let (x, width) = (x.contiguous()?, x.dim(D::Minus1)?);
    let shape = &x.dims()[..x.rank() - 1];
    let rows: usize = shape.iter().product();
    let places = empty(shape, DType::U32, x.device())?;
    let kernel = format!("argmax_{}", suffix(x.dtype())?);
    // SAFETY: x has (rows, width) elements.
    unsafe { MODULE.launch(x.device(), &kernel, Grid::new(rows, THREADS), &args![x, places, width])? };
    Ok(places)
}

/// As [`crate::ops::count_correct`].
pub fn count_correct(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let (device, rows) = (logits.device(), labels.elem_count());
    let (guesses, count) = (argmax_rows(logits)?, empty((), DType::F64, device)?);
    let labels = upload(&labels.to_vec1::<u32>()?, rows, device)?;
    // SAFETY: both have a number for each row.
    unsafe {
        MODULE.launch(device, "count_equal", Grid::new(1, THREADS), &args![guesses, labels, count, rows])?
    };
    Ok(count)
}
