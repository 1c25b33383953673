//! The gradients of variables: whole, or by the rows of a table that occurred.

use std::collections::HashMap;

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, TensorId, Var, bail};
use cukernel::{Gradient, GradientSource};

use crate::compute::groups::{self, spread};
use crate::compute::sum::sum;

/// The sums of the gradients of a list of variables over any number of backward passes.
#[derive(Debug, Default)]
pub struct Gradients {
    sums: HashMap<TensorId, Option<Sum>>,
}

/// A gradient up to now.
#[derive(Debug)]
enum Sum {
    Dense(Tensor),
    Rows(Merged),
}

/// Rows of a table's gradient, each row once.
#[derive(Debug)]
struct Merged {
    /// Ascending, each once.
    ids: Vec<u32>,
    /// (ids, width)
    values: Tensor,
}

impl Merged {
    /// The sums of the rows that share an id.
    fn of(ids: &[u32], values: &Tensor) -> Result<Self> {
        let (ids, values) = groups::sums(ids, values)?;
        Ok(Self { ids, values })
    }

    /// The whole gradient of `table`.
    fn spread(&self, table: &Tensor) -> Result<Tensor> {
        spread(&self.ids, &self.values, table)
    }
}

impl Gradients {
    /// No gradient yet for each of `vars`; those of other variables are not kept.
    pub fn of<'a>(vars: impl IntoIterator<Item = &'a Var>) -> Self {
        Self { sums: vars.into_iter().map(|var| (var.id(), None)).collect() }
    }

    /// Whether `var` is one of the variables.
    pub(crate) fn wants(&self, var: &Tensor) -> bool {
        self.sums.contains_key(&var.id())
    }

    /// Moves the sum out, whole; rows are put into a table of zeros first.
    pub(crate) fn take(&mut self, var: &Tensor) -> Result<Option<Tensor>> {
        match self.sums.get_mut(&var.id()).and_then(Option::take) {
            None => Ok(None),
            Some(Sum::Dense(sum)) => Ok(Some(sum)),
            Some(Sum::Rows(rows)) => rows.spread(var).map(Some),
        }
    }

    /// The gradient of `var` as a tensor of its shape, if there is any.
    ///
    /// # Errors
    /// If the device fails.
    pub fn whole(&self, var: &Var) -> Result<Option<Tensor>> {
        match self.sums.get(&var.id()).and_then(Option::as_ref) {
            None => Ok(None),
            Some(Sum::Dense(sum)) => Ok(Some(sum.clone())),
            Some(Sum::Rows(rows)) => rows.spread(var).map(Some),
        }
    }

    /// Adds a whole gradient.
    pub(crate) fn add(&mut self, var: &Tensor, gradient: Tensor) -> Result<()> {
        let sum = match self.take(var)? {
            Some(earlier) => sum(&earlier, &gradient)?,
            None => gradient,
        };
        self.put(var, Sum::Dense(sum));
        Ok(())
    }

    /// Adds rows of a gradient; ids may repeat.
    pub(crate) fn add_rows(&mut self, var: &Tensor, ids: &[u32], values: &Tensor) -> Result<()> {
        let rows = Merged::of(ids, values)?;
        let sum = match self.sums.get_mut(&var.id()).and_then(Option::take) {
            None => Sum::Rows(rows),
            Some(Sum::Rows(earlier)) => {
                let ids = [earlier.ids, rows.ids].concat();
                Sum::Rows(Merged::of(&ids, &Tensor::cat(&[earlier.values, rows.values], 0)?)?)
            }
            Some(Sum::Dense(earlier)) => Sum::Dense(sum(&earlier, &rows.spread(var)?)?),
        };
        self.put(var, sum);
        Ok(())
    }

    /// Adds the gradients that candle's own backward pass gave.
    pub(crate) fn extend(&mut self, grads: GradStore) -> Result<()> {
        for id in self.sums.keys().copied().collect::<Vec<_>>() {
            let Some(gradient) = grads.get_id(id).cloned() else { continue };
            let sum = match self.sums.get_mut(&id).and_then(Option::take) {
                Some(Sum::Dense(earlier)) => (earlier + gradient)?,
                Some(Sum::Rows(_)) => bail!("gradients of one variable from a tape and from candle's graph"),
                None => gradient,
            };
            self.sums.insert(id, Some(Sum::Dense(sum)));
        }
        Ok(())
    }

    fn put(&mut self, var: &Tensor, sum: Sum) {
        if let Some(slot) = self.sums.get_mut(&var.id()) {
            *slot = Some(sum);
        }
    }
}

impl GradientSource for Gradients {
    fn gradient(&self, var: &Var) -> Option<Gradient<'_>> {
        match self.sums.get(&var.id())?.as_ref()? {
            Sum::Dense(sum) => Some(Gradient::Dense(sum)),
            Sum::Rows(Merged { ids, values }) => Some(Gradient::Rows { ids, values }),
        }
    }
}
