//! Launches of `elementwise.cu`: `NAME_TYPE(x, y, n)` and `NAME_backward_TYPE(x or y, dy, dx, n)`.

use candle_core::{Result, Tensor};
use cukernel::{Grid, Module, args, empty, suffix};

use crate::tape::{Backward, Sink};

/// The kernels.
pub const MODULE: Module = Module::new("elementwise", include_str!("elementwise.cu"));

/// The slope is a function of the input.
pub fn gelu([x]: [Tensor; 1], _: ()) -> Result<(Tensor, impl Backward)> {
    let y = launch("gelu", &[&x])?;
    Ok((y, backward("gelu_backward", x)))
}

/// The slope is a function of the result.
pub fn tanh([x]: [Tensor; 1], _: ()) -> Result<(Tensor, impl Backward)> {
    let y = launch("tanh", &[&x])?;
    Ok((y.clone(), backward("tanh_backward", y)))
}

fn backward(kernel: &'static str, kept: Tensor) -> impl Backward {
    move |dy: &Tensor, sink: &mut Sink| sink.add(0, launch(kernel, &[&kept, dy])?)
}

/// A kernel from one or two tensors to one of their shape and type.
fn launch(kernel: &str, inputs: &[&Tensor]) -> Result<Tensor> {
    let x = inputs[0];
    let (y, n) = (empty(x.shape(), x.dtype(), x.device())?, x.elem_count());
    let kernel = format!("{kernel}_{}", suffix(x.dtype())?);
    let mut args = Vec::new();
    for x in inputs {
        args.extend(args![x]);
    }
    args.extend(args![y, n as u64]);
    // SAFETY: all tensors have n elements.
    unsafe { MODULE.launch(x.device(), &kernel, Grid::elements(n.div_ceil(4)), &args)? };
    Ok(y)
}
