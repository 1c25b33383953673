//! Launches of kernels that map element by element: `NAME_TYPE(x, y, n)` and `NAME_backward_TYPE(x or y, dy, dx, n)`.

use candle_core::{Result, Tensor};
use cukernel::{Grid, Module, args, empty, suffix};

use crate::tape::{Sink, apply_kernels};

/// Which tensor the slope is a function of.
#[derive(Clone, Copy)]
pub enum SlopeOf {
    /// The input.
    Input,
    /// The result.
    Result,
}

/// `y = f(x)`, recorded with its backward pass; the module is named after the function.
pub fn map(module: Module, x: &Tensor, slope_of: SlopeOf) -> Result<Tensor> {
    let (x, name) = (x.contiguous()?, module.name());
    apply_kernels(name, &[&x], || {
        let y = launch(module, &format!("{name}_{}", suffix(x.dtype())?), &[&x])?;
        let kept = match slope_of {
            SlopeOf::Input => x.clone(),
            SlopeOf::Result => y.clone(),
        };
        let backward = move |dy: &Tensor, sink: &mut Sink| {
            let kernel = format!("{name}_backward_{}", suffix(dy.dtype())?);
            sink.add(0, launch(module, &kernel, &[&kept, dy])?)
        };
        Ok((y, backward))
    })
}

/// A kernel from one or two tensors to one of their shape and type.
fn launch(module: Module, kernel: &str, inputs: &[&Tensor]) -> Result<Tensor> {
    let x = inputs[0];
    let (y, n) = (empty(x.shape(), x.dtype(), x.device())?, x.elem_count());
    let mut args = Vec::new();
    for x in inputs {
        args.extend(args![x]);
    }
    args.extend(args![y, n as u64]);
    // SAFETY: all tensors have n elements.
    unsafe { module.launch(x.device(), kernel, Grid::elements(n.div_ceil(4)), &args)? };
    Ok(y)
}
