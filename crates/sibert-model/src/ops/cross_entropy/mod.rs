//! The cross-entropy of class labels, summed over rows.

mod composed;
mod cpu;
pub(super) mod cuda;

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp2, DType, Layout, Result, Shape, Tensor, bail};

use crate::tape::apply2;

use super::buffer::{Values, tensor};
use super::{Path, by_dtype, by_float, path, slice, width};

/// `L = Σ_rows (log Σ_v exp x_v − x_label)`, from logits (rows, vocab) and u32 labels (rows) to a scalar.
///
/// The rows' losses are added in f64, in order. No rows give zero, with a zero gradient. By kernels for CUDA the loss of
/// logits in bf16 is f32.
///
/// # Errors
/// If a label is not below vocab, the shapes do not fit, `labels` is not u32, or the logits are not [supported](crate::ops).
pub fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let (rows, _) = logits.dims2()?;
    if labels.dims() != [rows] || labels.dtype() != DType::U32 {
        let (shape, dtype) = (labels.dims(), labels.dtype().as_str());
        bail!("cross_entropy: expected {rows} labels of dtype u32, found shape {shape:?} of dtype {dtype}")
    }
    match path(logits) {
        Path::Cpu => (),
        Path::Kernels => return cuda::cross_entropy(logits, labels),
        Path::Composed => return composed::cross_entropy(logits, labels),
    }
    apply2(&logits.contiguous()?, &labels.contiguous()?, CrossEntropy::default())
}

/// Remembers the partition of every row for the backward pass, which then reads the logits once.
#[derive(Default)]
struct CrossEntropy {
    partitions: OnceLock<Vec<cpu::Partition>>,
}

impl CustomOp2 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        labels: &CpuStorage,
        ll: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let labels = slice(labels, ll)?;
        cpu::check(labels, width(lx))?;
        let loss = by_dtype!(self.name(), x, T => {
            let x = slice::<T>(x, lx)?;
            let partitions = self.partitions.get_or_init(|| cpu::partitions(x, width(lx)));
            vec![cpu::forward(x, labels, partitions, width(lx))]
        });
        Ok((loss, Shape::from(())))
    }

    /// `dx = dL · (softmax(x) − onehot(label))`.
    fn bwd(
        &self,
        logits: &Tensor,
        labels: &Tensor,
        _loss: &Tensor,
        dloss: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (x, labels, vocab) = (Values::of(logits), Values::of(labels), width(logits.layout()));
        let dx = by_float!(self.name(), logits.dtype(), T => {
            let x = x.slice::<T>()?;
            let partitions = self.partitions.get_or_init(|| cpu::partitions(x, vocab));
            let dx = cpu::backward(x, labels.slice()?, partitions, dloss.to_scalar()?, vocab);
            tensor(dx, logits.shape())?
        });
        Ok((Some(dx), None))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::ops::test_support::*;

    fn labels(rows: u32, vocab: u32) -> Tensor {
        Tensor::from_iter((0..rows).map(|i| i.wrapping_mul(2_654_435_761) % vocab), &Device::Cpu).unwrap()
    }

    fn logits(rows: usize, vocab: usize) -> [Tensor; 1] {
        [(sample(&[rows, vocab], 1) * 8.).unwrap()]
    }

    #[test]
    fn cross_entropy_matches_composed() {
        let composed = |inputs: &[Tensor]| composed::cross_entropy(&inputs[0], &labels(9, 37));
        assert_matches(|inputs| cross_entropy(&inputs[0], &labels(9, 37)), composed, &logits(9, 37));
    }

    #[test]
    fn cross_entropy_gradient_matches_finite_differences() {
        assert_gradients(|inputs| cross_entropy(&inputs[0], &labels(4, 7)), &logits(4, 7));
    }

    #[test]
    fn cross_entropy_is_the_same_on_any_number_of_threads() {
        let labels = labels(300, 130);
        assert_same_on_any_number_of_threads(|inputs| cross_entropy(&inputs[0], &labels), &logits(300, 130));
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let logits = Tensor::new(&[[1e4f32, 0.], [-1e4, 0.]], &Device::Cpu).unwrap();
        let loss = cross_entropy(&logits, &Tensor::new(&[0u32, 0], &Device::Cpu).unwrap()).unwrap();
        assert_eq!(loss.to_scalar::<f32>().unwrap(), 1e4);
    }

    #[test]
    fn no_rows_give_zero_loss_and_an_empty_gradient() {
        let logits = sample(&[0, 7], 1);
        for f in [cross_entropy, composed::cross_entropy] {
            let apply = |inputs: &[Tensor]| f(&inputs[0], &labels(0, 7));
            assert_eq!(apply(std::slice::from_ref(&logits)).unwrap().to_scalar::<f64>().unwrap(), 0.);
            assert_eq!(gradients(apply, std::slice::from_ref(&logits)).unwrap()[0].dims(), [0, 7]);
        }
    }

    #[test]
    fn a_label_beyond_the_vocabulary_is_refused() {
        let labels = Tensor::new(&[1u32, 7], &Device::Cpu).unwrap();
        let error = cross_entropy(&sample(&[2, 7], 1), &labels).unwrap_err().to_string();
        assert!(error.contains("cross_entropy: label 7 of row 1 is not below the vocabulary's 7"), "{error}");
    }
}
