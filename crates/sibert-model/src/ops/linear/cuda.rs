//! Products by cuBLAS, and launches of `linear.cu`.

use candle_core::{DType, Result, Tensor, bail};
use cukernel::{Grid, Module, Operand, args, empty, matmul, suffix};

use super::Rectifier;
use crate::compute::sum::cuda::{cast, column_sums, relu_sums};
use crate::tape::{Backward, Sink};

/// The kernels.
pub const MODULE: Module = Module::new("linear", include_str!("linear.cu"));

pub fn linear([x, weight]: [Tensor; 2], _: ()) -> Result<(Tensor, impl Backward)> {
    apply(x, weight, None, false)
}

pub fn linear_bias(inputs: [Tensor; 3], Rectifier(relu): Rectifier) -> Result<(Tensor, impl Backward)> {
    let [x, weight, bias] = inputs;
    apply(x, weight, Some(bias), relu)
}

/// The weight is read in the type of `x`, its gradient is f32.
fn apply(x: Tensor, weight: Tensor, bias: Option<Tensor>, relu: bool) -> Result<(Tensor, impl Backward)> {
    if weight.dtype() != DType::F32 {
        bail!("linear: a weight of {}, expected f32", weight.dtype().as_str())
    }
    let w = cast(&weight, x.dtype())?; // once for both passes
    let y = forward(&x, &w, bias.as_ref(), relu)?;
    let kept = Kept { x, w, y: relu.then(|| y.clone()), bias: bias.is_some() };
    Ok((y, move |dy: &Tensor, sink: &mut Sink| kept.backward(dy, sink)))
}

fn forward(x: &Tensor, w: &Tensor, bias: Option<&Tensor>, relu: bool) -> Result<Tensor> {
    let out = w.dim(0)?;
    let leading = &x.dims()[..x.rank() - 1];
    let y = empty([leading, &[out]].concat(), x.dtype(), x.device())?;
    matmul(Operand::of(x), Operand::transpose_of(w), &y, false)?;
    match bias {
        Some(bias) => with_bias(&y, bias, relu),
        None => Ok(y),
    }
}

/// `y + b` and what a rectifier leaves of it, in the memory of `y`, which nothing else reads.
fn with_bias(y: &Tensor, bias: &Tensor, relu: bool) -> Result<Tensor> {
    let (n, width) = (y.elem_count(), bias.elem_count());
    let kernel = format!("{}_{}", if relu { "bias_relu" } else { "bias" }, suffix(y.dtype())?);
    // SAFETY: y has n elements in rows of the width of the bias.
    unsafe {
        MODULE.launch(y.device(), &kernel, Grid::elements(n.div_ceil(4)), &args![y, bias, n as u64, width])?
    };
    Ok(y.clone())
}

/// The tensors that the backward pass needs.
struct Kept {
    x: Tensor,
    w: Tensor,
    y: Option<Tensor>,
    bias: bool,
}

impl Kept {
    fn backward(self, dy: &Tensor, sink: &mut Sink) -> Result<()> {
        let Self { x, w, y, bias } = self;
        let (dy, sums) = match y {
            Some(y) => {
                let (dy, sums) = relu_sums(dy, &y)?;
                (dy, Some(sums))
            }
            None if bias && sink.wants(2) => (dy.clone(), Some(column_sums(dy)?)),
            None => (dy.clone(), None),
        };
        if let Some(sums) = sums.filter(|_| bias && sink.wants(2)) {
            sink.add(2, sums)?;
        }
        if sink.wants(1) {
            let earlier = sink.take(1)?;
            let accumulate = earlier.is_some();
            let dw = match earlier {
                Some(sum) => sum,
                None => empty(w.shape(), DType::F32, w.device())?,
            };
            matmul(Operand::transpose_of(&dy), Operand::of(&x), &dw, accumulate)?;
            sink.add(1, dw)?;
        }
        if sink.wants(0) {
            let earlier = sink.take_own(0); // query, key and value read the same x
            let accumulate = earlier.is_some();
            let dx = match earlier {
                Some(sum) => sum,
                None => empty(x.shape(), x.dtype(), x.device())?,
            };
            matmul(Operand::of(&dy), Operand::of(&w), &dx, accumulate)?;
            sink.add_own(0, dx)?;
        }
        Ok(())
    }
}
