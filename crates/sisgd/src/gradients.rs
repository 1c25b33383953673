//! The gradients of a group of variables, all of them checked before any of them is used.

use crate::ops::dots::{Dots, dots, non_finite};
use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var, bail};

/// One variable with its gradient, contiguous and finite, and their dot products.
pub(crate) struct Gradient<'a> {
    pub name: &'a str,
    pub var: &'a Var,
    pub grad: Tensor,
    pub dots: Dots,
}

/// The gradients of all variables, in their order.
pub(crate) fn collect<'a>(vars: &'a [(String, Var)], grads: &GradStore) -> Result<Vec<Gradient<'a>>> {
    vars.iter().map(|(name, var)| checked(name, var, grads)).collect()
}

/// The dot products of a group, its variables taken together as one vector.
pub(crate) fn total(gradients: &[Gradient]) -> Dots {
    gradients.iter().fold(Dots::default(), |sum, gradient| sum.plus(gradient.dots))
}

/// Checks every gradient of a group and returns their global norm, `√(Σ ‖gᵢ‖²)`.
///
/// The optimizers here do the same before they change anything. A caller with two of them (one for the encoder, one
/// for the head) checks both groups first, so that a bad gradient in the second cannot follow an update of the first.
///
/// # Errors
/// If a variable has no gradient, or one of another shape or dtype, or one with a NaN or an infinity; each is named.
pub fn check_gradients(vars: &[(String, Var)], grads: &GradStore) -> Result<f64> {
    Ok(total(&collect(vars, grads)?).gg.sqrt())
}

fn checked<'a>(name: &'a str, var: &'a Var, grads: &GradStore) -> Result<Gradient<'a>> {
    let Some(grad) = grads.get(var) else {
        bail!("no gradient for `{name}`: the loss does not depend on it");
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
    Ok(Gradient { name, var, grad, dots })
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
