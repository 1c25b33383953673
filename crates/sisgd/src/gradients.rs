//! The gradients of a group of variables, all of them checked before any of them is used.

use crate::ops::dots::{Dots, dots, non_finite};
use candle_core::backprop::GradStore;
use candle_core::{Device, Result, Tensor, Var, bail};

/// The gradient of one variable.
#[derive(Debug, Clone, Copy)]
pub enum Gradient<'a> {
    /// Of the variable's shape.
    Dense(&'a Tensor),
    /// Of a table (n, width), zero but in a few rows.
    Rows {
        /// Which rows, ascending, each once.
        ids: &'a [u32],
        /// Their gradients (ids, width).
        values: &'a Tensor,
    },
}

/// Where optimizers find gradients: candle's `GradStore`, or what else a backward pass leaves behind.
pub trait Gradients {
    /// The gradient of `var`, if the loss depends on it.
    fn gradient(&self, var: &Var) -> Option<Gradient<'_>>;
}

impl Gradients for GradStore {
    fn gradient(&self, var: &Var) -> Option<Gradient<'_>> {
        self.get(var).map(Gradient::Dense)
    }
}

/// One variable with its gradient, contiguous and finite, and their dot products.
pub(crate) struct Checked<'a> {
    pub name: &'a str,
    pub var: &'a Var,
    pub grad: Tensor,
    pub dots: Dots,
}

/// The gradients of all variables, in their order.
pub(crate) fn collect<'a>(vars: &'a [(String, Var)], grads: &impl Gradients) -> Result<Vec<Checked<'a>>> {
    vars.iter().map(|(name, var)| checked(name, var, grads)).collect()
}

/// The dot products of a group, its variables taken together as one vector.
pub(crate) fn total(gradients: &[Checked]) -> Dots {
    gradients.iter().fold(Dots::default(), |sum, gradient| sum.plus(gradient.dots))
}

/// Checks every gradient of a group and returns their global norm, `√(Σ ‖gᵢ‖²)`.
///
/// The optimizers here do the same before they change anything. A caller with two of them (one for the encoder, one
/// for the head) checks both groups first, so that a bad gradient in the second cannot follow an update of the first.
///
/// # Errors
/// If a variable has no gradient, or one of another shape or dtype, or one with a NaN or an infinity; each is named.
pub fn check_gradients(vars: &[(String, Var)], grads: &impl Gradients) -> Result<f64> {
    Ok(total(&collect(vars, grads)?).gg.sqrt())
}

fn checked<'a>(name: &'a str, var: &'a Var, grads: &impl Gradients) -> Result<Checked<'a>> {
    let spread;
    let grad = match grads.gradient(var) {
        Some(Gradient::Dense(grad)) => grad,
        Some(Gradient::Rows { ids, values }) => {
            let ids = Tensor::new(ids, &Device::Cpu)?.to_device(values.device())?;
            spread = var.zeros_like()?.index_add(&ids, values, 0)?;
            &spread
        }
        None => bail!("no gradient for `{name}`: the loss does not depend on it"),
    };
    if grad.shape() != var.shape() {
        bail!("the gradient of `{name}` has shape {:?}, expected {:?}", grad.dims(), var.dims());
    }
    if grad.dtype() != var.dtype() {
        let (found, expected) = (grad.dtype().as_str(), var.dtype().as_str());
        bail!("the gradient of `{name}` has dtype {found}, expected {expected}");
    }
    let grad = grad.contiguous()?;
    let dots = dots(var, &grad)?;
    if !dots.gg.is_finite() {
        refuse_gradient(name, &grad)?;
    }
    if !dots.xx.is_finite() {
        refuse_parameter(name, var)?;
    }
    Ok(Checked { name, var, grad, dots })
}

fn refuse_gradient(name: &str, grad: &Tensor) -> Result<()> {
    match non_finite(grad)? {
        Some((count, index, value)) => {
            let len = grad.elem_count();
            bail!(
                "the gradient of `{name}` is not finite: {value} at index {index}, {count} of {len} such values"
            )
        }
        None => bail!("the norm of the gradient of `{name}` overflows"),
    }
}

fn refuse_parameter(name: &str, var: &Tensor) -> Result<()> {
    match non_finite(var)? {
        Some((count, index, value)) => {
            let len = var.elem_count();
            bail!("`{name}` is not finite: {value} at index {index}, {count} of {len} such values")
        }
        None => bail!("the norm of `{name}` overflows"),
    }
}
