//! Layer normalisation without affine part and without eps.

pub(super) mod composed;
pub(super) mod cpu;
pub(super) mod cuda;

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use crate::tape::{Backward, Record, Sink, apply};

use super::buffer::{Values, tensor};
use super::{Path, by_dtype, by_float, path, slice, width};

/// `y = (x − μ) / σ` along the last dimension of x (…, d); a row that does not vary gives zeros.
///
/// No eps is added to the variance, so `normalize(s·x) = normalize(x)` for every `s > 0` (Li et al. 2022, section 3:
/// the block N, of degree zero). Mean and variance are accumulated in f64, whose range no square of an f32 leaves.
///
/// # Errors
/// If `x` is a scalar, or its dtype is not [supported](crate::ops).
pub fn normalize(x: &Tensor) -> Result<Tensor> {
    match path(x) {
        Path::Cpu => (),
        Path::Kernels => return cuda::normalize(x),
        Path::Composed => return composed::normalize(x),
    }
    let x = x.contiguous()?;
    apply(Normalize::default(), &[&x], |op| x.apply_op1_no_bwd(op), |op| x.apply_op1(op))
}

/// Remembers `1 / σ` of every row for the backward pass, which then needs the result alone.
#[derive(Default)]
struct Normalize {
    inverses: OnceLock<Vec<f64>>,
}

impl Normalize {
    fn gradient(&self, y: &Tensor, dy: &Tensor) -> Result<Tensor> {
        let dy = dy.contiguous()?;
        let (ys, dys) = (Values::of(y), Values::of(&dy));
        let Some(inverses) = self.inverses.get() else { bail!("normalize: backward before forward") };
        by_float!("normalize", y.dtype(), T => {
            let dx = cpu::backward::<T>(ys.slice()?, inverses, dys.slice()?, width(y.layout()));
            tensor(dx, y.shape())
        })
    }
}

impl Record for Normalize {
    type Backward = Kept;

    fn name(&self) -> &'static str {
        "normalize"
    }

    fn keep(self, _inputs: &[&Tensor], y: &Tensor) -> Kept {
        Kept { op: self, y: y.clone() }
    }
}

/// What the backward pass of a recorded normalisation needs.
struct Kept {
    op: Normalize,
    y: Tensor,
}

impl Backward for Kept {
    fn backward(self: Box<Self>, dy: &Tensor, sink: &mut Sink) -> Result<()> {
        sink.add(0, self.op.gradient(&self.y, dy)?)
    }
}

impl CustomOp1 for Normalize {
    fn name(&self) -> &'static str {
        "normalize"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let y = by_dtype!("normalize", x, T => {
            let (y, inverses) = cpu::forward::<T>(slice(x, layout)?, width(layout));
            self.inverses.get_or_init(|| inverses);
            y
        });
        Ok((y, layout.shape().clone()))
    }

    /// `dx = (dy − mean(dy) − y · mean(dy ∘ y)) / σ`, zero for a row that does not vary.
    fn bwd(&self, _x: &Tensor, y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        self.gradient(y, dy).map(Some)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::ops::test_support::*;

    fn apply(inputs: &[Tensor]) -> Result<Tensor> {
        normalize(&inputs[0])
    }

    #[test]
    fn normalize_matches_composed() {
        assert_matches(apply, |inputs| composed::normalize(&inputs[0]), &[sample(&[2, 3, 37], 1)]);
    }

    #[test]
    fn normalize_gradient_matches_finite_differences() {
        assert_gradients(apply, &[sample(&[3, 7], 1)]);
    }

    #[test]
    fn normalize_has_degree_zero() {
        assert_homogeneous(apply, &[sample(&[5, 64], 1)], &[0], 0);
    }

    #[test]
    fn normalize_is_scale_invariant_over_24_decades() {
        let x = sample(&[5, 64], 1).to_dtype(DType::F32).unwrap();
        for scale in [1e-12, 1e-6, 1e6, 1e12] {
            assert_close(&normalize(&(&x * scale).unwrap()).unwrap(), &normalize(&x).unwrap(), 2e-6);
        }
    }

    #[test]
    fn a_constant_row_gives_zeros_and_a_zero_gradient() {
        for constant in [0., 0.1, -3e7] {
            let x = Tensor::full(constant, (2, 37), &Device::Cpu).unwrap();
            for oracle in [normalize, composed::normalize] {
                let apply = |inputs: &[Tensor]| oracle(&inputs[0]);
                assert!(values(&oracle(&x).unwrap()).iter().all(|&y| y == 0.));
                let gradients = gradients(apply, std::slice::from_ref(&x)).unwrap();
                assert!(values(&gradients[0]).iter().all(|&dx| dx == 0.));
            }
        }
    }

    #[test]
    fn normalize_is_the_same_on_any_number_of_threads() {
        assert_same_on_any_number_of_threads(apply, &[sample(&[300, 130], 1)]);
    }

    #[test]
    fn normalize_refuses_integers() {
        let x = Tensor::zeros((2, 3), DType::U32, &Device::Cpu).unwrap();
        let error = normalize(&x).unwrap_err().to_string();
        assert!(error.contains("normalize: dtype u32 is not f32 or f64"), "{error}");
    }
}
