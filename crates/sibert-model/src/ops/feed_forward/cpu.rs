use candle_core::{D, Result, Shape, Tensor};
use sibert_products::{Finish, Matrix, Numbers, Precision, Stored, parallel, stored};

use crate::compute::buffer::{Values, tensor};
use crate::compute::by_float;
use crate::compute::real::Real;
use crate::compute::row_sums::{changed_column_sums, column_sums, column_sums_of_bf16};
use crate::ops::linear::gradients::{Sizes, of_input, of_weight};
use crate::ops::linear::rectifier::relu_mask_in_place;
use crate::tape::Sink;

/// A backward pass of either float type.
type AnyBackward = Box<dyn FnOnce(&Tensor, &mut Sink) -> Result<()>>;

pub fn feed_forward(inputs: [Tensor; 4]) -> Result<(Tensor, AnyBackward)> {
    by_float!("feed_forward", inputs[0].dtype(), T => forward::<T>(inputs))
}

fn forward<T: Real>([x, weight, bias, output]: [Tensor; 4]) -> Result<(Tensor, AnyBackward)> {
    let precision = Precision::current();
    let ((wide, width), (out, _)) = (weight.dims2()?, output.dims2()?);
    let leading = &x.dims()[..x.rank() - 1];
    let rows = leading.iter().product();
    let shape = Shape::from([leading, &[out]].concat());
    let hidden: Stored<T> = {
        let (xs, weights, biases) = (Values::of(&x), Values::of(&weight), Values::of(&bias));
        let (xs, weights) = (Matrix::rows(xs.slice()?, width), Matrix::rows(weights.slice()?, width).t());
        stored(precision, (rows, wide, width), xs, weights, Finish::BiasRelu(biases.slice()?))
    };
    let y = {
        let outputs = Values::of(&output);
        let outputs = Matrix::rows(outputs.slice()?, wide).t();
        parallel(precision, (rows, out, wide), hidden.rows(wide), outputs, Finish::Nothing)
    };
    let kept = Kept { precision, x, weight, output, hidden };
    Ok((tensor(y, shape)?, Box::new(move |dy: &Tensor, sink: &mut Sink| kept.backward(dy, sink))))
}

/// What the backward pass needs.
struct Kept<T> {
    precision: Precision,
    x: Tensor,
    weight: Tensor,
    output: Tensor,
    hidden: Stored<T>,
}

impl<T: Real> Kept<T> {
    fn backward(self, dy: &Tensor, sink: &mut Sink) -> Result<()> {
        let Self { precision, x, weight, output, hidden } = self;
        let ((wide, width), (out, _)) = (weight.dims2()?, output.dims2()?);
        let rows = dy.elem_count() / dy.dim(D::Minus1)?.max(1);
        let (dh, db) = {
            let (dys, outputs) = (Values::of(dy), Values::of(&output));
            let dys = Matrix::rows(dys.slice::<T>()?, out);
            let outputs = Matrix::rows(outputs.slice()?, wide);
            if sink.wants(3) {
                let (sizes, earlier) = (Sizes { rows, out, width: wide }, sink.take(3)?);
                sink.add(3, of_weight(precision, sizes, dys.into(), hidden.rows(wide), earlier)?)?;
            }
            before_relu(precision, (rows, wide, out), dys, outputs, hidden)
        };
        if sink.wants(2) {
            sink.add(2, tensor(db, wide)?)?;
        }
        let (sizes, dh) = (Sizes { rows, out: wide, width }, dh.rows(wide));
        let (xs, weights) = (Values::of(&x), Values::of(&weight));
        let xs: Numbers<T> = Matrix::rows(xs.slice()?, width).into();
        if sink.wants(1) {
            let earlier = sink.take(1)?;
            sink.add(1, of_weight(precision, sizes, dh, xs, earlier)?)?;
        }
        if sink.wants(0) {
            let earlier = sink.take_shared(0);
            sink.add_own(0, of_input(precision, sizes, dh, weights.slice()?, x.shape(), earlier)?)?;
        }
        Ok(())
    }
}

/// `dh = (dy W₂) ∘ [h > 0]`, the gradient before the rectifier, and the sum of its rows, that of the bias.
fn before_relu<T: Real>(
    precision: Precision,
    dims: (usize, usize, usize),
    dy: Matrix<T>,
    output: Matrix<T>,
    hidden: Stored<T>,
) -> (Stored<T>, Vec<T>) {
    let wide = dims.1;
    match hidden {
        Stored::Exact(h) => {
            let mut dh = parallel(precision, dims, dy, output, Finish::Nothing);
            let mask = |start: usize, dh: &mut [T]| relu_mask_in_place(dh, &h[start..start + dh.len()]);
            let db = changed_column_sums(&mut dh, wide, mask);
            (Stored::Exact(dh), db)
        }
        Stored::Bf16(h) => {
            let dh = stored(precision, dims, dy, output, Finish::Where(Matrix::rows(&h, wide)));
            let db = match &dh {
                Stored::Exact(dh) => column_sums(dh, wide),
                Stored::Bf16(dh) => column_sums_of_bf16(dh, wide),
            };
            (dh, db)
        }
    }
}
