//! The gradients of processes with a GPU each, added by NCCL where they lie.
//!
//! They are put one after the other, as in [`super::flat`], but each from a multiple of 16 bytes on, as kernels want it, and
//! with as many numbers in all as can be shared out evenly. What is added in between is nothing, as there.

use std::ops::Range;
use std::sync::{Arc, PoisonError};

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor, Var};
use sibert_model::Gradients;
use sibert_ranks::Nccl;
use sisgd::{Deferred, Gradient, GradientSource};

use super::Team;
use super::flat::{Layout, Part};
use super::numbers::{NOTHING, width};
use super::sums::{GradientSums, Piece, Sharing};
use crate::console;
use crate::sums::Sums;

/// Numbers of 16 bytes.
const ALIGNED: usize = 4;

impl Team {
    /// Lets NCCL add what lies on `device`.
    pub(super) fn join_nccl(&self, device: &Device) -> Result<()> {
        let mut joined = self.nccl.lock().unwrap_or_else(PoisonError::into_inner);
        *joined = None; // that of another device
        let mend = "NCCL cannot add the gradients; SIBERT_NCCL=0 adds them in the memory of the hosts";
        let met = Nccl::meet(&*self.ranks, device).map_err(|error| self.ends_all(error)).context(mend)?;
        *joined = Some(Arc::new(met.join(self.watch.clone()).context(mend)?));
        console::note_once(format!(
            "gradients are added by NCCL {} over {}",
            Nccl::version()?,
            self.ranks.engine()
        ));
        Ok(())
    }

    /// What adds on the GPUs, if NCCL does.
    pub(super) fn nccl(&self) -> Option<Arc<Nccl>> {
        self.nccl.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// [`Team::sum`] on GPUs: the same bits, if they are to be reproducible.
    pub(super) fn sum_on_gpus(
        &self,
        nccl: &Nccl,
        pieces: Vec<Piece>,
        vars: &[(String, Var)],
        Sharing { shares, sums: how }: Sharing,
        device: &Device,
    ) -> Result<(Gradients, Deferred<Sums>)> {
        let (ranges, sums): (Vec<Range<usize>>, Vec<_>) = pieces.into_iter().unzip();
        let (gradients, figures): (Vec<Gradients>, Vec<_>) = sums.into_iter().unzip();
        let (layout, _) = Layout::agreed(&*self.ranks, &gradients, vars, &[])?;
        let row = Row::of(&layout.parts, vars, nccl.size());
        let own =
            gradients.iter().map(|gradients| row.flat(gradients, device)).collect::<Result<Vec<_>>>()?;
        drop(gradients);
        let sums = match how {
            GradientSums::Reproducible => nccl.same_bits(shares, own, row.len)?,
            GradientSums::AnyOrder => nccl.sum_in_any_order(&row.added(own, device)?)?,
            GradientSums::Bf16 => {
                let added = row.added(own, device)?.to_dtype(DType::BF16)?;
                nccl.sum_in_any_order(&added)?.to_dtype(DType::F32)?
            }
        };
        let figures = Deferred::read(figures)?.into_iter().collect::<candle_core::Result<Vec<_>>>()?;
        let figures = self.figures(shares, ranges.into_iter().zip(figures))?;
        Ok((row.gradients(&sums)?, Deferred::ready(figures)))
    }
}

/// A row of numbers on a GPU: the parts of all variables that have a gradient.
struct Row<'a> {
    parts: &'a [Part],
    vars: &'a [(String, Var)],
    /// Where the numbers of each part lie.
    places: Vec<Range<usize>>,
    len: usize,
}

impl<'a> Row<'a> {
    /// A row that can be shared out among `size` processes.
    fn of(parts: &'a [Part], vars: &'a [(String, Var)], size: usize) -> Self {
        let mut end = 0_usize;
        let place = |(part, (_, var)): (&Part, &(String, Var))| {
            let start = end.next_multiple_of(ALIGNED);
            end = start + part.len(var);
            start..end
        };
        let places = parts.iter().zip(vars).map(place).collect();
        Self { parts, vars, places, len: end.max(1).next_multiple_of(ALIGNED * size) }
    }

    fn parts(&self) -> impl Iterator<Item = (&Part, &Range<usize>, &Var)> {
        self.parts.iter().zip(&self.places).zip(self.vars).map(|((part, place), (_, var))| (part, place, var))
    }

    /// The gradients of this process, with nothing where it has none.
    fn flat(&self, own: &Gradients, device: &Device) -> Result<Tensor> {
        let (mut runs, mut end) = (Vec::new(), 0);
        for (part, place, var) in self.parts().filter(|(_, place, _)| !place.is_empty()) {
            if place.start > end {
                runs.push(nothing(place.start - end, 1, device)?.flatten_all()?);
            }
            runs.push(run(part, own.gradient(var), var, device)?.flatten_all()?);
            end = place.end;
        }
        if self.len > end {
            runs.push(nothing(self.len - end, 1, device)?.flatten_all()?);
        }
        Ok(Tensor::cat(&runs, 0)?)
    }

    /// The sum of all pieces of this process; nothing if it has none.
    fn added(&self, own: Vec<Tensor>, device: &Device) -> candle_core::Result<Tensor> {
        match own.into_iter().map(Ok).reduce(|x, y| x? + y?) {
            Some(sum) => sum,
            None => nothing(self.len, 1, device)?.flatten_all(),
        }
    }

    /// The gradients that the numbers are.
    fn gradients(&self, numbers: &Tensor) -> Result<Gradients> {
        let mut gradients = Gradients::of(self.vars.iter().map(|(_, var)| var));
        for (part, place, var) in self.parts() {
            let values = || numbers.narrow(0, place.start, place.len());
            match part {
                Part::None => {}
                Part::Whole => gradients.replace(var, None, values()?.reshape(var.shape())?),
                Part::Rows(ids) => {
                    let rows = values()?.reshape((ids.len(), width(var)))?;
                    gradients.replace(var, Some(ids.clone()), rows);
                }
            }
        }
        Ok(gradients)
    }
}

/// The numbers of one part: (rows, width) of a table, or of any shape.
fn run(part: &Part, gradient: Option<Gradient>, var: &Var, device: &Device) -> Result<Tensor> {
    Ok(match (part, gradient) {
        (part, None) => nothing(part.len(var), 1, device)?,
        (Part::Whole, Some(Gradient::Dense(values))) => values.clone(),
        (Part::Rows(wanted), Some(Gradient::Rows { ids, values })) if wanted == ids => values.clone(),
        (Part::Rows(_), Some(Gradient::Dense(_))) => bail!("a whole gradient, expected its rows"),
        (part, Some(Gradient::Rows { ids, values })) => {
            let row = |id: u32| ids.binary_search(&id).unwrap_or(ids.len()) as u32; // the last one is nothing
            let rows: Vec<u32> = match part {
                Part::Rows(wanted) => wanted.iter().copied().map(row).collect(),
                Part::None | Part::Whole => (0..var.dims()[0] as u32).map(row).collect(),
            };
            let rows = cukernel::upload(&rows, rows.len(), device)?;
            Tensor::cat(&[values, &nothing(1, width(var), device)?], 0)?.index_select(&rows, 0)?
        }
        (Part::None, Some(Gradient::Dense(_))) => bail!("a gradient that no process has"),
    })
}

fn nothing(rows: usize, width: usize, device: &Device) -> candle_core::Result<Tensor> {
    Tensor::full(NOTHING, (rows, width), device)
}
