//! A linear map, with or without a bias and a rectifier behind it.

mod composed;
mod cpu;
pub(super) mod cuda;
#[cfg(test)]
mod tests;

use candle_core::{CpuStorage, CustomOp2, CustomOp3, D, Layout, Result, Shape, Tensor, bail};

use super::buffer::Values;
use super::row_sums::column_sums;
use super::{Path, by_dtype, by_float, path, slice};
use crate::precision::Precision;
use crate::tape::{Backward, Record, Sink, apply};

/// What happens to a product while it is at hand.
#[derive(Clone, Copy)]
enum Epilogue<B> {
    None,
    Bias(B),
    BiasRelu(B),
}

/// `y = x Wᵀ`, from x (…, in) and weight (out, in) to (…, out).
///
/// # Errors
/// If the last dimensions differ, or the dtypes do.
pub fn linear(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    join(x, weight, Epilogue::None)
}

/// `y = x Wᵀ + b`, with bias (out).
///
/// # Errors
/// As [`linear`], or if the bias has not `out` elements.
pub fn linear_bias(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    join(x, weight, Epilogue::Bias(bias))
}

/// `y = max(x Wᵀ + b, 0)`, with bias (out); of slope zero at zero.
///
/// # Errors
/// As [`linear_bias`].
pub fn linear_bias_relu(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    join(x, weight, Epilogue::BiasRelu(bias))
}

fn join(x: &Tensor, weight: &Tensor, epilogue: Epilogue<&Tensor>) -> Result<Tensor> {
    let (out, width) = weight.dims2()?;
    if x.dim(D::Minus1)? != width {
        bail!("linear: input of shape {:?} does not fit weight of shape {:?}", x.dims(), weight.dims())
    }
    if let Epilogue::Bias(bias) | Epilogue::BiasRelu(bias) = epilogue
        && bias.dims() != [out]
    {
        bail!("linear: bias of shape {:?} does not fit weight of shape {:?}", bias.dims(), weight.dims())
    }
    match path(x) {
        Path::Cpu => (),
        Path::Kernels => return cuda::linear(x, weight, epilogue),
        Path::Composed => return composed::linear(x, weight, epilogue),
    }
    let (x, weight) = (x.contiguous()?, weight.contiguous()?);
    let op = Linear { precision: Precision::current(), relu: matches!(epilogue, Epilogue::BiasRelu(_)) };
    match epilogue {
        Epilogue::None => apply(
            op,
            &[&x, &weight],
            |op| x.apply_op2_no_bwd(&weight, op),
            |op| x.apply_op2(&weight, op), //
        ),
        Epilogue::Bias(bias) | Epilogue::BiasRelu(bias) => {
            let bias = bias.contiguous()?;
            apply(
                op,
                &[&x, &weight, &bias],
                |op| x.apply_op3_no_bwd(&weight, &bias, op),
                |op| x.apply_op3(&weight, &bias, op),
            )
        }
    }
}

struct Linear {
    precision: Precision,
    relu: bool,
}

impl Linear {
    /// The result, and its shape.
    fn forward(
        &self,
        (x, lx): (&CpuStorage, &Layout),
        (w, lw): (&CpuStorage, &Layout),
        bias: Option<(&CpuStorage, &Layout)>,
    ) -> Result<(CpuStorage, Shape)> {
        let (out, width) = lw.shape().dims2()?;
        let leading = &lx.dims()[..lx.dims().len() - 1];
        let dims = (leading.iter().product(), out, width);
        let y = by_dtype!("linear", x, T => {
            let epilogue = match bias {
                None => Epilogue::None,
                Some((bias, lb)) if self.relu => Epilogue::BiasRelu(slice::<T>(bias, lb)?),
                Some((bias, lb)) => Epilogue::Bias(slice::<T>(bias, lb)?),
            };
            cpu::forward::<T>(self.precision, slice(x, lx)?, slice(w, lw)?, dims, epilogue)
        });
        Ok((y, Shape::from([leading, &[out]].concat())))
    }
}

/// The gradient of the product: `dy`, where a rectifier let `y` through.
fn before_epilogue(y: Option<&Tensor>, dy: &Tensor) -> Result<Tensor> {
    let dy = dy.contiguous()?;
    match y {
        Some(y) => cpu::before_relu(&dy, y),
        None => Ok(dy),
    }
}

impl Record for Linear {
    type Backward = Kept;

    fn name(&self) -> &'static str {
        if self.relu { "linear_bias_relu" } else { "linear" }
    }

    fn keep(self, inputs: &[&Tensor], y: &Tensor) -> Kept {
        let (x, weight) = (inputs[0].clone(), inputs[1].clone());
        let y = self.relu.then(|| y.clone());
        Kept { precision: self.precision, x, weight, y, bias: inputs.len() == 3 }
    }
}

/// What the backward pass of a recorded map needs; the result only for the sign behind a rectifier.
struct Kept {
    precision: Precision,
    x: Tensor,
    weight: Tensor,
    y: Option<Tensor>,
    bias: bool,
}

/// `dx = dy W`, `dW = dyᵀ x`, `db = Σ_rows dy`.
impl Backward for Kept {
    fn backward(self: Box<Self>, dy: &Tensor, sink: &mut Sink) -> Result<()> {
        let Kept { precision, x, weight, y, bias } = *self;
        let dy = before_epilogue(y.as_ref(), dy)?;
        drop(y);
        if bias && sink.wants(2) {
            sink.add(2, bias_gradient(&dy)?)?;
        }
        if sink.wants(1) {
            let earlier = sink.take(1)?;
            sink.add(1, cpu::weight_gradient(precision, &dy, &x, &weight, earlier)?)?;
        }
        if sink.wants(0) {
            sink.add(0, cpu::input_gradient(precision, &dy, &weight, &x)?)?;
        }
        Ok(())
    }
}

/// `db = Σ_rows dy`.
fn bias_gradient(dy: &Tensor) -> Result<Tensor> {
    let out = dy.dim(D::Minus1)?;
    by_float!("linear", dy.dtype(), T => {
        let dy = Values::of(dy);
        super::buffer::tensor(column_sums(dy.slice::<T>()?, out), out)
    })
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.forward((x, lx), (w, lw), None)
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let dy = before_epilogue(self.relu.then_some(y), dy)?;
        let dw = cpu::weight_gradient(self.precision, &dy, x, w, None)?;
        Ok((Some(cpu::input_gradient(self.precision, &dy, w, x)?), Some(dw)))
    }
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
        b: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.forward((x, lx), (w, lw), Some((b, lb)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _b: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let dy = before_epilogue(self.relu.then_some(y), dy)?;
        let (dx, dw) = CustomOp2::bwd(&Linear { relu: false, ..*self }, x, w, y, &dy)?;
        Ok((dx, dw, Some(bias_gradient(&dy)?)))
    }
}
