//! A run that cannot go on: numbers beyond what f32 holds.

use std::fmt;

use anyhow::Error;
use candle_core::Var;
use sisgd::{Gradient, GradientSource};

use crate::console::without_backtrace;

/// Marks an error of the training itself, rather than of the machine: the same run fails again at the same step.
#[derive(Clone, Debug)]
pub struct Diverged(pub String);

impl fmt::Display for Diverged {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Marks an update's refusal if the loss or a gradient is not finite, or too long to be squared.
pub fn mark(error: Error, loss: f64, parameters: &[(String, Var)], grads: &dyn GradientSource) -> Error {
    let what = format!("loss {loss}");
    match loss.is_finite() && parameters.iter().all(|(_, var)| is_moderate(var, grads)) {
        true => error.context(what),
        false => error.context(Diverged(what)),
    }
}

/// Whether the squared norms of a parameter and its gradient can be stored as f32.
fn is_moderate(var: &Var, grads: &dyn GradientSource) -> bool {
    let values = match grads.gradient(var) {
        None => return true,
        Some(Gradient::Dense(values) | Gradient::Rows { values, .. }) => values,
    };
    [var.as_tensor(), values].into_iter().all(|tensor| {
        let square = tensor.contiguous().and_then(|tensor| sisgd::clip::squared_norm(&tensor));
        square.is_ok_and(|square| square <= f64::from(f32::MAX))
    })
}

/// The reason that a diverged run gives; none if its error is another.
pub fn reason(error: &Error) -> Option<String> {
    error.downcast_ref::<Diverged>()?;
    let causes = error.chain().map(|cause| without_backtrace(&cause.to_string()));
    Some(causes.collect::<Vec<_>>().join(": "))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use anyhow::{Context, anyhow};
    use candle_core::backprop::GradStore;
    use candle_core::{Device, Tensor};

    fn marked(loss: f64, gradient: f32) -> Error {
        let var = Var::new(&[1f32, 2.], &Device::Cpu).unwrap();
        let mut grads = GradStore::default();
        grads.insert(&var, Tensor::new(&[gradient, 0.], &Device::Cpu).unwrap());
        mark(anyhow!("refused"), loss, &[("x".to_string(), var)], &grads)
    }

    #[test]
    fn only_numbers_out_of_range_are_divergence() {
        assert_eq!(reason(&marked(1., 2.)), None);
        for (loss, gradient) in [(f64::NAN, 2.), (1., f32::INFINITY), (1., f32::NAN), (1., 1e30)] {
            let error =
                Err::<(), _>(marked(loss, gradient)).context("training stopped at step 3").unwrap_err();
            assert_eq!(reason(&error).unwrap(), format!("training stopped at step 3: loss {loss}: refused"));
        }
    }
}
