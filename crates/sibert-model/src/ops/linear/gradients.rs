//! The two products of a linear map's backward pass on the CPU.

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Shape, Tensor, bail};
use sibert_products::{Finish, Matrix, Numbers, Precision, add_parallel, parallel};

use crate::compute::buffer::{Values, tensor};
use crate::compute::real::Real;

/// Rows, results and inputs of a linear map.
#[derive(Clone, Copy)]
pub struct Sizes {
    pub rows: usize,
    pub out: usize,
    pub width: usize,
}

/// `dx = dy W` of the shape given, from dy (rows, out) and W (out, width), added to `earlier` if there is one.
pub fn of_input<T: Real>(
    precision: Precision,
    Sizes { rows, out, width }: Sizes,
    dy: Numbers<T>,
    weight: &[T],
    shape: &Shape,
    earlier: Option<Tensor>,
) -> Result<Tensor> {
    let earlier = earlier.map(|earlier| earlier.contiguous()).transpose()?;
    let earlier = earlier.as_ref().map(Values::of);
    let finish = match &earlier {
        Some(earlier) => Finish::Plus(Matrix::rows(earlier.slice()?, width)),
        None => Finish::Nothing,
    };
    tensor(parallel(precision, (rows, width, out), dy, Matrix::rows(weight, width), finish), shape)
}

/// `dW = dyᵀ x` (out, width), from dy (rows, out) and x (rows, width), added to `earlier` in place if there is one.
pub fn of_weight<T: Real>(
    precision: Precision,
    Sizes { rows, out, width }: Sizes,
    dy: Numbers<T>,
    x: Numbers<T>,
    earlier: Option<Tensor>,
) -> Result<Tensor> {
    let dims = (out, width, rows);
    if let Some(sum) = earlier {
        sum.inplace_op1(&AddProduct { precision, dims, a: dy.t(), b: x })?;
        return Ok(sum);
    }
    tensor(parallel(precision, dims, dy.t(), x, Finish::Nothing), (out, width))
}

/// Adds `a b` to a tensor.
struct AddProduct<'a, T> {
    precision: Precision,
    dims: (usize, usize, usize),
    a: Numbers<'a, T>,
    b: Numbers<'a, T>,
}

impl<T: Real> InplaceOp1 for AddProduct<'_, T> {
    fn name(&self) -> &'static str {
        "linear-weight-gradient"
    }

    fn cpu_fwd(&self, sum: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let Self { precision, dims, a, b } = *self;
        let Some((start, end)) = layout.contiguous_offsets() else { bail!("linear: a gradient with gaps") };
        add_parallel(precision, dims, a, b, &mut T::slice_mut(sum)?[start..end]);
        Ok(())
    }
}
