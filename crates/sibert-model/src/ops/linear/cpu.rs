use candle_core::{CpuStorage, D, InplaceOp3, Layout, Result, Shape, Tensor, bail};

use super::Rectifier;
use super::epilogue::{add_bias, add_bias_relu, relu_mask};
use crate::compute::buffer::{Values, slice, tensor, uninit, written};
use crate::compute::by_float;
use crate::compute::product::{Matrix, add_parallel, parallel};
use crate::compute::row_sums::{column_sums, for_each_block};
use crate::precision::Precision;
use crate::tape::{Backward, Sink};

pub fn linear([x, weight]: [Tensor; 2], _: ()) -> Result<(Tensor, impl Backward)> {
    let kept = Kept { precision: Precision::current(), x, weight, bias: false, y: None };
    let y = kept.forward(None, false)?;
    Ok((y, move |dy: &Tensor, sink: &mut Sink| kept.backward(dy, sink)))
}

pub fn linear_bias(inputs: [Tensor; 3], Rectifier(relu): Rectifier) -> Result<(Tensor, impl Backward)> {
    let [x, weight, bias] = inputs;
    let mut kept = Kept { precision: Precision::current(), x, weight, bias: true, y: None };
    let y = kept.forward(Some(&bias), relu)?;
    kept.y = relu.then(|| y.clone());
    Ok((y, move |dy: &Tensor, sink: &mut Sink| kept.backward(dy, sink)))
}

/// The tensors that the backward pass needs; the result only for the sign behind a rectifier.
struct Kept {
    precision: Precision,
    x: Tensor,
    weight: Tensor,
    bias: bool,
    y: Option<Tensor>,
}

impl Kept {
    fn forward(&self, bias: Option<&Tensor>, relu: bool) -> Result<Tensor> {
        let (x, (out, width)) = (&self.x, self.weight.dims2()?);
        let leading = &x.dims()[..x.rank() - 1];
        let dims = (leading.iter().product(), out, width);
        by_float!("linear", x.dtype(), T => {
            let (xs, weights, biases) = (Values::of(x), Values::of(&self.weight), bias.map(Values::of));
            let (xs, weights) = (Matrix::rows(xs.slice()?, width), Matrix::rows(weights.slice()?, width).t());
            let mut y = parallel::<T>(self.precision, dims, xs, weights);
            if let Some(bias) = &biases {
                let (bias, add) = (bias.slice::<T>()?, if relu { add_bias_relu } else { add_bias });
                for_each_block(&mut y, out, |_, rows| add(rows, bias));
            }
            tensor(y, Shape::from([leading, &[out]].concat()))
        })
    }

    fn backward(self, dy: &Tensor, sink: &mut Sink) -> Result<()> {
        let Self { precision, x, weight, bias, y } = self;
        let dy = match y {
            Some(y) => before_relu(dy, &y)?,
            None => dy.clone(),
        };
        if bias && sink.wants(2) {
            sink.add(2, bias_gradient(&dy)?)?;
        }
        if sink.wants(1) {
            let earlier = sink.take(1)?;
            sink.add(1, weight_gradient(precision, &dy, &x, &weight, earlier)?)?;
        }
        if sink.wants(0) {
            sink.add(0, input_gradient(precision, &dy, &weight, &x)?)?;
        }
        Ok(())
    }
}

/// `db = Σ_rows dy`.
fn bias_gradient(dy: &Tensor) -> Result<Tensor> {
    let out = dy.dim(D::Minus1)?;
    by_float!("linear", dy.dtype(), T => tensor(column_sums(Values::of(dy).slice::<T>()?, out), out))
}

/// `dy ∘ [y > 0]`, the gradient before the rectifier.
fn before_relu(dy: &Tensor, y: &Tensor) -> Result<Tensor> {
    by_float!("linear", y.dtype(), T => {
        let (dys, ys) = (Values::of(dy), Values::of(y));
        let (dys, ys) = (dys.slice::<T>()?, ys.slice::<T>()?);
        let mut masked = uninit::<T>(ys.len());
        for_each_block(&mut masked, 1, |start, masked| {
            let range = start..start + masked.len();
            relu_mask(&dys[range.clone()], &ys[range], masked);
        });
        // SAFETY: each task writes the whole of its part, whose elements `dy` and `y` have too.
        tensor(unsafe { written(masked) }, y.shape())
    })
}

/// `dx = dy W`.
fn input_gradient(precision: Precision, dy: &Tensor, weight: &Tensor, x: &Tensor) -> Result<Tensor> {
    let (out, width) = weight.dims2()?;
    by_float!("linear", dy.dtype(), T => {
        let (dy, weight) = (Values::of(dy), Values::of(weight));
        let (dy, weight) = (dy.slice::<T>()?, weight.slice::<T>()?);
        let rows = dy.len() / out.max(1);
        let (dy, weight) = (Matrix::rows(dy, out), Matrix::rows(weight, width));
        tensor(parallel(precision, (rows, width, out), dy, weight), x.shape())
    })
}

/// `dW = dyᵀ x`, added to `earlier` in place if there is one.
fn weight_gradient(
    precision: Precision,
    dy: &Tensor,
    x: &Tensor,
    weight: &Tensor,
    earlier: Option<Tensor>,
) -> Result<Tensor> {
    if let Some(sum) = earlier {
        sum.inplace_op3(dy, x, &AddProduct { precision })?;
        return Ok(sum);
    }
    let (out, width) = weight.dims2()?;
    by_float!("linear", dy.dtype(), T => {
        let (dys, xs) = (Values::of(dy), Values::of(x));
        let (dims, dys, xs) = transposed(dys.slice::<T>()?, xs.slice()?, (out, width));
        tensor(parallel(precision, dims, dys, xs), weight.shape())
    })
}

/// The dimensions and operands of `dyᵀ x`, which is (out, width).
fn transposed<'a, T>(
    dy: &'a [T],
    x: &'a [T],
    (out, width): (usize, usize),
) -> ((usize, usize, usize), Matrix<'a, T>, Matrix<'a, T>) {
    ((out, width, dy.len() / out.max(1)), Matrix::rows(dy, out).t(), Matrix::rows(x, width))
}

/// `dW += dyᵀ x`.
struct AddProduct {
    precision: Precision,
}

impl InplaceOp3 for AddProduct {
    fn name(&self) -> &'static str {
        "linear-weight-gradient"
    }

    fn cpu_fwd(
        &self,
        dw: &mut CpuStorage,
        lw: &Layout,
        dy: &CpuStorage,
        ly: &Layout,
        x: &CpuStorage,
        lx: &Layout,
    ) -> Result<()> {
        let (shape, Some((start, end))) = (lw.shape().dims2()?, lw.contiguous_offsets()) else {
            bail!("linear: a gradient with gaps")
        };
        match dw {
            CpuStorage::F32(dw) => {
                let (dims, dy, x) = transposed(slice(dy, ly)?, slice(x, lx)?, shape);
                add_parallel(self.precision, dims, dy, x, &mut dw[start..end]);
            }
            CpuStorage::F64(dw) => {
                let (dims, dy, x) = transposed(slice(dy, ly)?, slice(x, lx)?, shape);
                add_parallel(self.precision, dims, dy, x, &mut dw[start..end]);
            }
            _ => bail!("linear: a gradient that is neither f32 nor f64"),
        }
        Ok(())
    }
}
