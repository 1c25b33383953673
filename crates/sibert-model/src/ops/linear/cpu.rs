use candle_core::{D, Result, Shape, Tensor};
use sibert_products::{Finish, Matrix, Precision, parallel};

use super::Rectifier;
use super::gradients::{Sizes, of_input, of_weight};
use super::rectifier::relu_mask;
use crate::compute::buffer::{Values, tensor, uninit, written};
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
        by_float!("linear", x.dtype(), T => {
            let (dys, xs, weights) = (Values::of(&dy), Values::of(&x), Values::of(&weight));
            let (dys, xs, weights) = (dys.slice::<T>()?, xs.slice()?, weights.slice()?);
            let (out, width) = weight.dims2()?;
            let sizes = Sizes { rows: dys.len() / out.max(1), out, width };
            let (dys, xs) = (Matrix::rows(dys, out).into(), Matrix::rows(xs, width).into());
            if sink.wants(1) {
                let earlier = sink.take(1)?;
                sink.add(1, of_weight::<T>(precision, sizes, dys, xs, earlier)?)?;
            }
            if sink.wants(0) {
                let earlier = sink.take_shared(0);
                sink.add_own(0, of_input(precision, sizes, dys, weights, x.shape(), earlier)?)?;
            }
            Ok(())
        })
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
