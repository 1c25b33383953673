//! The gradients of variables: whole, or by the rows of a table that occurred.

use std::collections::HashMap;

use candle_core::backprop::GradStore;
use candle_core::{DType, Result, Tensor, TensorId, Var, bail};
use sisgd::Gradient;

use crate::ops::rows::cuda::{Groups, add_to_rows};
use crate::ops::{self, buffer::Values, by_float};

/// The sums of the gradients of a list of variables over any number of backward passes.
#[derive(Default)]
pub struct Gradients {
    sums: HashMap<TensorId, Option<Sum>>,
}

/// A gradient up to now.
enum Sum {
    Dense(Tensor),
    Rows(Merged),
}

/// Rows of a table's gradient, each row once.
struct Merged {
    /// Ascending, each once.
    pub ids: Vec<u32>,
    /// (ids, width)
    pub values: Tensor,
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
            Some(Sum::Rows(rows)) => spread(&rows, var).map(Some),
        }
    }

    /// Adds a whole gradient.
    pub(crate) fn add(&mut self, var: &Tensor, gradient: Tensor) -> Result<()> {
        let sum = match self.take(var)? {
            Some(earlier) => ops::sum(&earlier, &gradient)?,
            None => gradient,
        };
        self.put(var, Sum::Dense(sum));
        Ok(())
    }

    /// Adds rows of a gradient; ids may repeat.
    pub(crate) fn add_rows(&mut self, var: &Tensor, ids: &[u32], values: &Tensor) -> Result<()> {
        let rows = merge_rows(ids, values)?;
        let sum = match self.sums.get_mut(&var.id()).and_then(Option::take) {
            None => Sum::Rows(rows),
            Some(Sum::Rows(earlier)) => {
                let ids = [earlier.ids, rows.ids].concat();
                Sum::Rows(merge_rows(&ids, &Tensor::cat(&[earlier.values, rows.values], 0)?)?)
            }
            Some(Sum::Dense(earlier)) => Sum::Dense(ops::sum(&earlier, &spread(&rows, var)?)?),
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

impl sisgd::Gradients for Gradients {
    fn gradient(&self, var: &Var) -> Option<Gradient<'_>> {
        match self.sums.get(&var.id())?.as_ref()? {
            Sum::Dense(sum) => Some(Gradient::Dense(sum)),
            Sum::Rows(Merged { ids, values }) => Some(Gradient::Rows { ids, values }),
        }
    }
}

/// A whole gradient of the shape of `table`, zero but in `rows`.
fn spread(rows: &Merged, table: &Tensor) -> Result<Tensor> {
    if cukernel::runs_on(table.device()) && table.dtype() == DType::F32 {
        let whole = table.zeros_like()?.detach();
        add_to_rows(&whole, &rows.ids, &rows.values)?;
        return Ok(whole);
    }
    let (_, width) = table.dims2()?;
    by_float!("rows", rows.values.dtype(), T => {
        let values = Values::of(&rows.values);
        let mut whole = vec![T::default(); table.elem_count()];
        for (&id, row) in rows.ids.iter().zip(values.slice::<T>()?.chunks_exact(width)) {
            whole[id as usize * width..][..width].copy_from_slice(row);
        }
        ops::buffer::tensor(whole, table.shape())
    })
}

/// The sums of the rows of `values` (…, width) that share an id, each in the order of the rows.
fn merge_rows(ids: &[u32], values: &Tensor) -> Result<Merged> {
    if cukernel::runs_on(values.device()) && values.dtype() != DType::F64 {
        let groups = Groups::of(ids);
        let values = groups.sums(&values.contiguous()?)?;
        return Ok(Merged { ids: groups.ids, values });
    }
    let width = values.dim(candle_core::D::Minus1)?;
    let mut order: Vec<u32> = (0..ids.len() as u32).collect();
    order.sort_by_key(|&at| ids[at as usize]); // stable
    let groups: Vec<&[u32]> = order.chunk_by(|&a, &b| ids[a as usize] == ids[b as usize]).collect();
    let distinct: Vec<u32> = groups.iter().map(|group| ids[group[0] as usize]).collect();
    let values = by_float!("rows", values.dtype(), T => {
        let values = Values::of(values);
        let values = values.slice::<T>()?;
        let mut sums = ops::buffer::uninit::<T>(groups.len() * width);
        ops::row_sums::for_each_row(
            &mut sums,
            width,
            #[inline(always)]
            |group, sum| {
                let row = |at: u32| &values[at as usize * width..][..width];
                sum.copy_from_slice(row(groups[group][0]));
                for &at in &groups[group][1..] {
                    for (sum, &value) in sum.iter_mut().zip(row(at)) {
                        *sum += value;
                    }
                }
            },
        );
        ops::buffer::tensor(sums, (groups.len(), width))
    })?;
    Ok(Merged { ids: distinct, values })
}
