use candle_core::{CpuStorage, InplaceOp3, Layout, Result, Tensor, bail};

use super::Epilogue;
use crate::ops::buffer::{Values, tensor, uninit};
use crate::ops::epilogue::{add_bias, add_bias_relu, relu_mask};
use crate::ops::product::{Matrix, parallel};
use crate::ops::real::Real;
use crate::ops::row_sums::for_each_block;
use crate::ops::{by_float, slice};
use crate::precision::Precision;

/// `x Wᵀ`, then the epilogue; x (rows, in), weight (out, in).
pub fn forward<T: Real>(
    precision: Precision,
    x: &[T],
    weight: &[T],
    (rows, out, width): (usize, usize, usize),
    epilogue: Epilogue<&[T]>,
) -> Vec<T> {
    let mut y = uninit(rows * out);
    let (x, weight) = (Matrix::rows(x, width), Matrix::rows(weight, width).t());
    parallel(precision, (rows, out, width), x, weight, &mut y, out, false);
    match epilogue {
        Epilogue::None => (),
        Epilogue::Bias(bias) => for_each_block(&mut y, out, |_, rows| add_bias(rows, bias)),
        Epilogue::BiasRelu(bias) => for_each_block(&mut y, out, |_, rows| add_bias_relu(rows, bias)),
    }
    y
}

/// `dy ∘ [y > 0]`, the gradient before the rectifier.
pub fn before_relu(dy: &Tensor, y: &Tensor) -> Result<Tensor> {
    by_float!("linear", y.dtype(), T => {
        let (dys, ys) = (Values::of(dy), Values::of(y));
        let (dys, ys) = (dys.slice::<T>()?, ys.slice::<T>()?);
        let mut masked = uninit::<T>(ys.len());
        for_each_block(&mut masked, 1, |start, masked| {
            let range = start..start + masked.len();
            relu_mask(&dys[range.clone()], &ys[range], masked);
        });
        tensor(masked, y.shape())
    })
}

/// `dx = dy W`.
pub fn input_gradient(precision: Precision, dy: &Tensor, weight: &Tensor, x: &Tensor) -> Result<Tensor> {
    let (out, width) = weight.dims2()?;
    by_float!("linear", dy.dtype(), T => {
        let (dy, weight) = (Values::of(dy), Values::of(weight));
        let (dy, weight) = (dy.slice::<T>()?, weight.slice::<T>()?);
        let rows = dy.len() / out.max(1);
        let mut dx = uninit::<T>(rows * width);
        let dims = (rows, width, out);
        parallel(precision, dims, Matrix::rows(dy, out), Matrix::rows(weight, width), &mut dx, width, false);
        tensor(dx, x.shape())
    })
}

/// `dW = dyᵀ x`, added to `earlier` in place if there is one.
pub fn weight_gradient(
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
    by_float!("linear", dy.dtype(), T => {
        let mut dw = uninit::<T>(weight.elem_count());
        let (dy, x) = (Values::of(dy), Values::of(x));
        transposed_product(precision, dy.slice::<T>()?, x.slice::<T>()?, &mut dw, weight.dims2()?, false);
        tensor(dw, weight.shape())
    })
}

fn transposed_product<T: Real>(
    precision: Precision,
    dy: &[T],
    x: &[T],
    dw: &mut [T],
    (out, width): (usize, usize),
    accumulate: bool,
) {
    let dims = (out, width, dy.len() / out.max(1));
    parallel(precision, dims, Matrix::rows(dy, out).t(), Matrix::rows(x, width), dw, width, accumulate);
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
        let (dims, Some((start, end))) = (lw.shape().dims2()?, lw.contiguous_offsets()) else {
            bail!("linear: a gradient with gaps")
        };
        match dw {
            CpuStorage::F32(dw) => {
                transposed_product(
                    self.precision,
                    slice(dy, ly)?,
                    slice(x, lx)?,
                    &mut dw[start..end],
                    dims,
                    true,
                );
            }
            CpuStorage::F64(dw) => {
                transposed_product(
                    self.precision,
                    slice(dy, ly)?,
                    slice(x, lx)?,
                    &mut dw[start..end],
                    dims,
                    true,
                );
            }
            _ => bail!("linear: a gradient that is neither f32 nor f64"),
        }
        Ok(())
    }
}
