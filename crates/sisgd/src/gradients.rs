//! The gradients of a group of variables, all of them checked before any of them is used.

use crate::ops::dots::{Dots, dots, non_finite};
use crate::ops::share_storage;
use candle_core::{Result, Tensor, Var, bail};
use cukernel::{Gradient, GradientSource};

/// One variable with its gradient, contiguous and fitting; what numbers it holds is not known.
pub(crate) struct Fitting<'a> {
    pub name: &'a str,
    pub var: &'a Var,
    pub values: Tensor,
    /// Which rows `values` are, if it is not the whole gradient.
    ids: Option<&'a [u32]>,
}

impl<'a> Fitting<'a> {
    /// Another gradient of the same variable, with its shape.
    pub fn replaced(&self, values: Tensor) -> Fitting<'a> {
        Fitting { name: self.name, var: self.var, values, ids: None }
    }

    pub fn gradient(&self) -> Gradient<'_> {
        match self.ids {
            Some(ids) => Gradient::Rows { ids, values: &self.values },
            None => Gradient::Dense(&self.values),
        }
    }

    /// Where `values` has each row of the variable, `u32::MAX` if nowhere, on the device; none for a whole gradient.
    pub fn places(&self) -> Result<Option<Tensor>> {
        let Some(ids) = self.ids else { return Ok(None) };
        let mut places = vec![u32::MAX; self.var.dim(0)?];
        ids.iter().zip(0..).for_each(|(&id, place)| places[id as usize] = place);
        cukernel::upload(&places, places.len(), self.var.device()).map(Some)
    }
}

/// The same, finite, with the dot products of the two.
pub(crate) struct Checked<'a> {
    pub name: &'a str,
    pub var: &'a Var,
    pub dots: Dots,
    fitting: Fitting<'a>,
}

impl Checked<'_> {
    pub fn gradient(&self) -> Gradient<'_> {
        self.fitting.gradient()
    }

    /// The gradient with the variable's shape.
    pub fn whole(&self) -> Result<Tensor> {
        spread(self.var, self.gradient())
    }
}

/// Every variable as its own gradient, for what needs none.
pub(crate) fn themselves(vars: &[(String, Var)]) -> Vec<Fitting<'_>> {
    let itself = |(name, var)| Fitting { name, var, values: var.as_tensor().clone(), ids: None };
    vars.iter().map(|(name, var)| (name.as_str(), var)).map(itself).collect()
}

/// The gradients of all variables, in their order, but for the numbers in them.
pub(crate) fn fit<'a>(vars: &'a [(String, Var)], grads: &'a dyn GradientSource) -> Result<Vec<Fitting<'a>>> {
    vars.iter().map(|(name, var)| fitting(name, var, grads)).collect()
}

/// The gradients of all variables, in their order.
pub(crate) fn collect<'a>(
    vars: &'a [(String, Var)],
    grads: &'a dyn GradientSource,
) -> Result<Vec<Checked<'a>>> {
    vars.iter().map(|(name, var)| checked(fitting(name, var, grads)?)).collect()
}

/// The dot products of a group, its variables taken together as one vector.
pub(crate) fn total(gradients: &[Checked]) -> Dots {
    gradients.iter().fold(Dots::default(), |sum, gradient| sum.plus(gradient.dots))
}

/// A gradient with the shape of its variable: rows are put into a table of zeros.
pub(crate) fn spread(var: &Var, gradient: Gradient) -> Result<Tensor> {
    match gradient {
        Gradient::Dense(gradient) => Ok(gradient.clone()),
        Gradient::Rows { ids: &[], .. } => var.zeros_like(),
        Gradient::Rows { ids, values } => {
            var.zeros_like()?.index_add(&Tensor::new(ids, var.device())?, values, 0)
        }
    }
}

/// Checks every gradient of a group and returns their global norm, `√(Σ ‖gᵢ‖²)`.
///
/// [`Optimizer::check`](crate::Optimizer::check) does the same, and keeps what it found for the step.
///
/// # Errors
/// If a variable has no gradient, or one of another shape or dtype, or one with a NaN or an infinity; each is named.
pub fn check_gradients(vars: &[(String, Var)], grads: &dyn GradientSource) -> Result<f64> {
    Ok(total(&collect(vars, grads)?).gg.sqrt())
}

fn fitting<'a>(name: &'a str, var: &'a Var, grads: &'a dyn GradientSource) -> Result<Fitting<'a>> {
    let (values, ids) = match grads.gradient(var) {
        Some(Gradient::Dense(gradient)) => (gradient, None),
        Some(Gradient::Rows { ids, values }) => (values, Some(ids)),
        None => bail!("no gradient for `{name}`: the loss does not depend on it"),
    };
    match ids {
        None if values.shape() != var.shape() => {
            bail!("the gradient of `{name}` has shape {:?}, expected {:?}", values.dims(), var.dims())
        }
        None => {}
        Some(ids) => check_rows(name, var, ids, values)?,
    }
    if values.dtype() != var.dtype() {
        let (found, expected) = (values.dtype().as_str(), var.dtype().as_str());
        bail!("the gradient of `{name}` has dtype {found}, expected {expected}");
    }
    // The gradient of ‖x‖²/2 is x itself, which cannot be read while it is written.
    let values = if share_storage(values, var) { values.copy()? } else { values.clone() }.contiguous()?;
    Ok(Fitting { name, var, values, ids })
}

fn checked(fitting: Fitting) -> Result<Checked> {
    let Fitting { name, var, .. } = fitting;
    let dots = dots(var, fitting.gradient())?;
    if !dots.gg.is_finite() {
        refuse_gradient(&fitting)?;
    }
    if !dots.xx.is_finite() {
        refuse_parameter(name, var)?;
    }
    Ok(Checked { name, var, dots, fitting })
}

/// Refuses rows that are not those of a table.
fn check_rows(name: &str, var: &Var, ids: &[u32], values: &Tensor) -> Result<()> {
    let &[rows, width] = var.dims() else {
        bail!("the gradient of `{name}` is given by rows, but its shape is {:?}", var.dims());
    };
    if values.dims() != [ids.len(), width] {
        let found = values.dims();
        bail!("the gradient of `{name}` has rows of shape {found:?}, expected [{}, {width}]", ids.len());
    }
    if let Some(pair) = ids.windows(2).find(|pair| pair[0] >= pair[1]) {
        bail!("the gradient of `{name}` has row {} after row {}, expected ascending rows", pair[1], pair[0]);
    }
    match ids.last() {
        Some(&last) if last as usize >= rows => {
            bail!("the gradient of `{name}` has row {last}, but the parameter has only {rows} rows")
        }
        _ => Ok(()),
    }
}

fn refuse_gradient(Fitting { name, values, ids, .. }: &Fitting) -> Result<()> {
    let Some((count, index, value)) = non_finite(values)? else {
        bail!("the norm of the gradient of `{name}` overflows");
    };
    let len = values.elem_count();
    let place = match ids {
        Some(ids) => {
            let width = len / ids.len();
            format!("index {} of row {}", index % width, ids[index / width])
        }
        None => format!("index {index}"),
    };
    bail!("the gradient of `{name}` is not finite: {value} at {place}, {count} of {len} such values")
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
