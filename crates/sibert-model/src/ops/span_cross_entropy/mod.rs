//! The cross-entropy of the starts and ends of spans, over the real tokens of their rows.

mod composed;
mod cpu;
pub(super) mod cuda;

use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Tensor, bail};

use crate::tape::apply3;

use super::buffer::{Values, tensor};
use super::{Path, by_dtype, by_float, path, slice};

/// `L = ½ Σ_rows Σ_c (log Σ_t exp x_tc − x_{span_c, c})`, from logits (batch, seq, 2) to a scalar.
///
/// `c` is 0 for the start and 1 for the end; `t` runs over the tokens whose `keep` (batch, seq) is not zero. `spans`, u32
/// (batch, 2), holds the token of either. The losses are added in f64, in order.
///
/// # Errors
/// If a start or end is not at a real token of its row, the shapes do not fit, `spans` is not u32, the dtypes of logits
/// and `keep` differ, or they are not [supported](crate::ops).
pub fn span_cross_entropy(logits: &Tensor, keep: &Tensor, spans: &Tensor) -> Result<Tensor> {
    let (batch, seq, ends) = logits.dims3()?;
    let path = path(logits);
    let dtype_fits = matches!(path, Path::Kernels) || keep.dtype() == logits.dtype();
    let fits = ends == 2 && keep.dims() == [batch, seq] && dtype_fits;
    if !fits || spans.dims() != [batch, 2] || spans.dtype() != DType::U32 {
        let of = |tensor: &Tensor| format!("{} {:?}", tensor.dtype().as_str(), tensor.dims());
        bail!(
            "span_cross_entropy: logits {}, mask {} and spans {} do not fit, expected (batch, seq, 2), (batch, seq) of \
             the same dtype and u32 (batch, 2)",
            of(logits),
            of(keep),
            of(spans)
        )
    }
    match path {
        Path::Cpu => (),
        Path::Kernels => return cuda::span_cross_entropy(logits, keep, spans),
        Path::Composed => return composed::span_cross_entropy(logits, keep, spans),
    }
    apply3(&logits.contiguous()?, &keep.contiguous()?, &spans.contiguous()?, SpanCrossEntropy)
}

struct SpanCrossEntropy;

impl CustomOp3 for SpanCrossEntropy {
    fn name(&self) -> &'static str {
        "span_cross_entropy"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        keep: &CpuStorage,
        lk: &Layout,
        spans: &CpuStorage,
        ls: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (spans, seq) = (slice(spans, ls)?, lx.dims()[1]);
        let loss = by_dtype!(self.name(), x, T => {
            let keep = slice::<T>(keep, lk)?;
            cpu::check(spans, keep, seq)?;
            vec![cpu::forward((slice::<T>(x, lx)?, keep, spans), seq)]
        });
        Ok((loss, Shape::from(())))
    }

    /// `dx = ½ dL · (softmax over the real tokens − onehot(span))`, zero at padding.
    fn bwd(
        &self,
        logits: &Tensor,
        keep: &Tensor,
        spans: &Tensor,
        _loss: &Tensor,
        dloss: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (x, keep, spans) = (Values::of(logits), Values::of(keep), Values::of(spans));
        let dx = by_float!(self.name(), logits.dtype(), T => {
            let rows = (x.slice::<T>()?, keep.slice::<T>()?, spans.slice::<u32>()?);
            tensor(cpu::backward(rows, dloss.to_scalar()?, logits.dim(1)?), logits.shape())?
        });
        Ok((Some(dx), None, None))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::ops::test_support::*;

    /// Rows of five tokens: whole, with padding behind, with padding between.
    fn keep(dtype: DType) -> Tensor {
        let keep = [[1., 1., 1., 1., 1.], [1., 1., 1., 0., 0.], [1., 0., 1., 1., 0f64]];
        Tensor::new(&keep, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
    }

    fn spans() -> Tensor {
        Tensor::new(&[[1u32, 4], [2, 2], [3, 0]], &Device::Cpu).unwrap()
    }

    fn apply(inputs: &[Tensor]) -> Result<Tensor> {
        span_cross_entropy(&inputs[0], &keep(inputs[0].dtype()), &spans())
    }

    fn logits() -> [Tensor; 1] {
        [(sample(&[3, 5, 2], 1) * 8.).unwrap()]
    }

    #[test]
    fn span_cross_entropy_matches_composed_and_finite_differences() {
        let composed =
            |inputs: &[Tensor]| composed::span_cross_entropy(&inputs[0], &keep(inputs[0].dtype()), &spans());
        assert_matches(apply, composed, &logits());
        assert_gradients(apply, &logits());
    }

    #[test]
    fn span_cross_entropy_is_the_mean_of_two_cross_entropies_where_nothing_is_padding() {
        let [logits] = logits();
        let ones = Tensor::ones((3, 5), DType::F64, &Device::Cpu).unwrap();
        let found = span_cross_entropy(&logits, &ones, &spans()).unwrap();
        let of = |end: usize| {
            let column = logits.narrow(2, end, 1).unwrap().squeeze(2).unwrap();
            crate::ops::cross_entropy(&column, &spans().narrow(1, end, 1).unwrap().squeeze(1).unwrap())
                .unwrap()
        };
        assert_close(&found, &((of(0) + of(1)).unwrap() / 2.).unwrap(), 1e-15);
    }

    #[test]
    fn logits_of_padding_do_not_matter() {
        let [logits] = logits();
        let padding = keep(DType::F64).eq(0.).unwrap().to_dtype(DType::F64).unwrap().unsqueeze(2).unwrap();
        let moved = logits.broadcast_add(&(padding * 1e6).unwrap()).unwrap();
        let [(loss, slope), (moved_loss, moved_slope)] = [[logits], [moved]]
            .map(|inputs| (values(&apply(&inputs).unwrap()), values(&gradients(apply, &inputs).unwrap()[0])));
        assert_eq!((&loss, &slope), (&moved_loss, &moved_slope));
        assert_eq!(&slope[16..20], [0.; 4]); // the two tokens of padding of the second row
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let logits = Tensor::new(&[[[1e4f32, -1e4], [0., 0.]]], &Device::Cpu).unwrap();
        let keep = Tensor::ones((1, 2), DType::F32, &Device::Cpu).unwrap();
        let loss = |span: [u32; 2]| {
            span_cross_entropy(&logits, &keep, &Tensor::new(&[span], &Device::Cpu).unwrap()).unwrap()
        };
        assert_eq!([values(&loss([0, 1])), values(&loss([1, 0]))], [[0.], [1e4]]);
    }

    #[test]
    fn an_end_outside_the_real_tokens_is_refused() {
        for (span, expected) in [([1u32, 3], "the end 3 of row 1"), ([5, 2], "the start 5 of row 1")] {
            let spans = Tensor::new(&[[0u32, 0], span, [0, 0]], &Device::Cpu).unwrap();
            for f in [span_cross_entropy, composed::span_cross_entropy] {
                let error = f(&logits()[0], &keep(DType::F64), &spans).unwrap_err().to_string();
                let expected = format!("span_cross_entropy: {expected} is not at one of its 3 real tokens");
                assert!(error.contains(&expected), "{error}");
            }
        }
    }
}
