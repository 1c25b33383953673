use candle_core::{CpuStorage, D, InplaceOp3, Layout, Result, Shape, Tensor, bail};
use sibert_products::{Finish, Matrix, Precision, add_parallel, parallel};

use super::Rectifier;
use super::rectifier::relu_mask;
use crate::compute::buffer::{Values, slice, tensor, uninit, written};
use crate::compute::by_float;
use crate::compute::row_sums::{column_sums, written_column_sums};
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
            let finish = match &biases {
                Some(bias) if relu => Finish::BiasRelu(bias.slice()?),
                Some(bias) => Finish::Bias(bias.slice()?),
                None => Finish::Nothing,
            };
            let y = parallel::<T>(self.precision, dims, xs, weights, finish);
            tensor(y, Shape::from([leading, &[out]].concat()))
        })
    }

    fn backward(self, dy: &Tensor, sink: &mut Sink) -> Result<()> {
        let Self { precision, x, weight, bias, y } = self;
        let (dy, db) = match y {
            Some(y) => before_relu(dy, &y).map(|(dy, db)| (dy, Some(db)))?,
            None if bias && sink.wants(2) => (dy.clone(), Some(bias_gradient(dy)?)),
            None => (dy.clone(), None),
        };
        if let Some(db) = db {
            sink.add(2, db)?;
        }
        if sink.wants(1) {
            let earlier = sink.take(1)?;
            sink.add(1, weight_gradient(precision, &dy, &x, &weight, earlier)?)?;
        }
        if sink.wants(0) {
            let earlier = sink.take_shared(0);
            sink.add_own(0, input_gradient(precision, &dy, &weight, &x, earlier)?)?;
        }
        Ok(())
    }
}

/// `db = Σ_rows dy`.
fn bias_gradient(dy: &Tensor) -> Result<Tensor> {
    let out = dy.dim(D::Minus1)?;
    by_float!("linear", dy.dtype(), T => tensor(column_sums(Values::of(dy).slice::<T>()?, out), out))
}

/// `dy ∘ [y > 0]`, the gradient before the rectifier, and the sum of its rows, that of the bias.
fn before_relu(dy: &Tensor, y: &Tensor) -> Result<(Tensor, Tensor)> {
    let out = y.dim(D::Minus1)?;
    by_float!("linear", y.dtype(), T => {
        let (dys, ys) = (Values::of(dy), Values::of(y));
        let (dys, ys) = (dys.slice::<T>()?, ys.slice::<T>()?);
        let mut masked = uninit::<T>(ys.len());
        let sums = written_column_sums(&mut masked, out, |start, masked| {
            let range = start..start + masked.len();
            relu_mask(&dys[range.clone()], &ys[range], masked)
        });
        // SAFETY: each task writes the whole of its part.
        Ok((tensor(unsafe { written(masked) }, y.shape())?, tensor(sums, out)?))
    })
}

/// `dx = dy W`, added to `earlier` if there is one.
fn input_gradient(
    precision: Precision,
    dy: &Tensor,
    weight: &Tensor,
    x: &Tensor,
    earlier: Option<Tensor>,
) -> Result<Tensor> {
    let (out, width) = weight.dims2()?;
    let earlier = earlier.map(|earlier| earlier.contiguous()).transpose()?;
    by_float!("linear", dy.dtype(), T => {
        let (dy, weight, earlier) = (Values::of(dy), Values::of(weight), earlier.as_ref().map(Values::of));
        let (dy, weight) = (dy.slice::<T>()?, weight.slice::<T>()?);
        let rows = dy.len() / out.max(1);
        let (dy, weight) = (Matrix::rows(dy, out), Matrix::rows(weight, width));
        let finish = match &earlier {
            Some(earlier) => Finish::Plus(Matrix::rows(earlier.slice()?, width)),
            None => Finish::Nothing,
        };
        tensor(parallel(precision, (rows, width, out), dy, weight, finish), x.shape())
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
        tensor(parallel(precision, dims, dys, xs, Finish::Nothing), weight.shape())
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
