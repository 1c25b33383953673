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
#[derive(Clone, Debug)]
enum Sum {
    Dense(Tensor),
    Rows(Merged),
}

impl Sum {
    fn plus(self, other: Self) -> Result<Self> {
        Ok(match (self, other) {
            (Self::Dense(x), Self::Dense(y)) => Self::Dense(sum(&x, &y)?),
            (Self::Rows(x), Self::Rows(y)) => Self::Rows(x.plus(y)?),
            (Self::Dense(x), Self::Rows(y)) => Self::Dense(sum(&x, &y.spread(&x)?)?),
            (Self::Rows(x), Self::Dense(y)) => Self::Dense(sum(&x.spread(&y)?, &y)?),
        })
    }
}

/// Rows of a table's gradient, each row once.
#[derive(Clone, Debug)]
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

    /// The rows of both; those of `self` come first in a sum.
    fn plus(self, other: Self) -> Result<Self> {
        let ids = [self.ids, other.ids].concat();
        Self::of(&ids, &Tensor::cat(&[self.values, other.values], 0)?)
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

    /// Both sums added: each number is that of `self` plus that of `other`, and a row that one of them lacks is the
    /// other's.
    ///
    /// # Errors
    /// If they are of other variables, or the device fails.
    pub fn plus(mut self, mut other: Self) -> Result<Self> {
        for (id, own) in &mut self.sums {
            let Some(added) = other.sums.remove(id) else { bail!("gradients of other variables") };
            *own = match (own.take(), added) {
                (None, only) | (only, None) => only,
                (Some(x), Some(y)) => Some(x.plus(y)?),
            };
        }
        Ok(self)
    }

    /// Adds `other`'s gradient of `var`, which it loses; it comes first in the sum, as in [`plus`](Self::plus).
    ///
    /// # Errors
    /// If the device fails.
    pub fn absorb(&mut self, var: &Tensor, other: &mut Self) -> Result<()> {
        let Some(own) = self.sums.get_mut(&var.id()) else { return Ok(()) };
        *own = match (other.sums.get_mut(&var.id()).and_then(Option::take), own.take()) {
            (None, only) | (only, None) => only,
            (Some(x), Some(y)) => Some(x.plus(y)?),
        };
        Ok(())
    }

    /// The gradient of `var` alone, which both have then.
    pub fn only(&self, var: &Tensor) -> Self {
        Self { sums: self.sums.get(&var.id()).map(|sum| (var.id(), sum.clone())).into_iter().collect() }
    }

    /// Replaces the gradient of `var`, if it is one of the variables: whole, or with `ids`, ascending and each once, by its
    /// rows (ids, width).
    pub fn replace(&mut self, var: &Var, ids: Option<Vec<u32>>, values: Tensor) {
        let sum = match ids {
            Some(ids) => Sum::Rows(Merged { ids, values }),
            None => Sum::Dense(values),
        };
        self.put(var, sum);
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
            Some(Sum::Rows(earlier)) => Sum::Rows(earlier.plus(rows)?),
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
