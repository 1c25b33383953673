//! The gradients of a model as one row of numbers, alike on all processes.
//!
//! Of a table in which few rows have a gradient, the rows that have one anywhere are sent. Where a process has none of its
//! own it sends −0, which adds nothing: x + −0 is x for every x, with its sign.

use std::collections::BTreeSet;
use std::ops::Range;

use anyhow::Result;
use candle_core::{Device, Tensor, Var};
use serde::{Deserialize, Serialize};
use sibert_model::Gradients;
use sibert_ranks::sum::same_bits;
use sibert_ranks::{Communicator, in_bf16};
use sisgd::{Gradient, GradientSource};

use super::numbers::{Flat, Run, width};
use super::{GradientSums, Sharing};

/// The part of a variable that has a gradient.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Part {
    #[default]
    None,
    /// These rows, ascending.
    Rows(Vec<u32>),
    Whole,
}

impl Part {
    fn of(gradient: Option<Gradient>) -> Self {
        match gradient {
            None => Self::None,
            Some(Gradient::Dense(_)) => Self::Whole,
            Some(Gradient::Rows { ids, .. }) => Self::Rows(ids.to_vec()),
        }
    }

    fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Whole, _) | (_, Self::Whole) => Self::Whole,
            (Self::None, other) | (other, Self::None) => other,
            (Self::Rows(x), Self::Rows(y)) => {
                Self::Rows(x.into_iter().chain(y).collect::<BTreeSet<_>>().into_iter().collect())
            }
        }
    }

    /// How many numbers it has.
    pub fn len(&self, var: &Var) -> usize {
        match self {
            Self::None => 0,
            Self::Rows(ids) => ids.len() * width(var),
            Self::Whole => var.elem_count(),
        }
    }
}

/// Which numbers are sent: a part of each variable, in the order of the variables.
pub struct Layout {
    pub parts: Vec<Part>,
    /// Where the numbers of each part lie.
    places: Vec<Range<usize>>,
}

impl Layout {
    fn of(parts: Vec<Part>, vars: &[(String, Var)]) -> Self {
        let mut end = 0;
        let places = parts.iter().zip(vars).map(|(part, (_, var))| {
            let start = end;
            end += part.len(var);
            start..end
        });
        Self { places: places.collect(), parts }
    }

    /// Some variables whole, and nothing of the others.
    pub fn whole(some: &[usize], vars: &[(String, Var)]) -> Self {
        let mut parts = vec![Part::None; vars.len()];
        some.iter().for_each(|&place| parts[place] = Part::Whole);
        Self::of(parts, vars)
    }

    /// The parts that have a gradient on any process; and what the first process says in `order`.
    pub fn agreed(
        ranks: &dyn Communicator,
        own: &[Gradients],
        vars: &[(String, Var)],
        order: &[usize],
    ) -> Result<(Self, Vec<usize>)> {
        let of_own = |(_, var): &(String, Var)| {
            own.iter().map(|gradients| Part::of(gradients.gradient(var))).fold(Part::None, Part::with)
        };
        let parts: Vec<Part> = vars.iter().map(of_own).collect();
        let (mut agreed, mut first) = (vec![Part::None; vars.len()], None);
        for said in ranks.all_gather(&serde_json::to_vec(&(parts, order))?)? {
            let (parts, order): (Vec<Part>, Vec<usize>) = serde_json::from_slice(&said)?;
            agreed = agreed.into_iter().zip(parts).map(|(part, other)| part.with(other)).collect();
            first.get_or_insert(order);
        }
        Ok((Self::of(agreed, vars), first.unwrap_or_default()))
    }

    /// The variables that are sent whole.
    pub fn whole_ones(&self) -> Vec<bool> {
        self.parts.iter().map(|part| *part == Part::Whole).collect()
    }

    /// This one without the variables of `others`.
    pub fn without<'a>(&self, others: impl Iterator<Item = &'a Self>, vars: &[(String, Var)]) -> Self {
        let mut parts = self.parts.clone();
        for other in others {
            let theirs = parts.iter_mut().zip(&other.parts).filter(|(_, part)| **part != Part::None);
            theirs.for_each(|(own, _)| *own = Part::None);
        }
        Self::of(parts, vars)
    }

    /// The sums of the gradients of all processes, of which this one has `own`.
    pub fn sums(
        &self,
        ranks: &dyn Communicator,
        own: &[Gradients],
        vars: &[(String, Var)],
        Sharing { shares, sums: how }: Sharing,
    ) -> Result<Vec<f32>> {
        let numbers = self.numbers(own, vars)?;
        if how == GradientSums::Reproducible {
            return same_bits(ranks, shares, &numbers.views(), self.len());
        }
        let mut sums = numbers.added(self.len());
        match how {
            GradientSums::Bf16 => in_bf16(ranks, &mut sums)?,
            GradientSums::AnyOrder | GradientSums::Reproducible => ranks.sum_in_any_order(&mut sums)?,
        }
        Ok(sums)
    }

    /// How many numbers are sent.
    fn len(&self) -> usize {
        self.places.last().map_or(0, |place| place.end)
    }

    /// The numbers of gradients of this process, without a copy where they lie in memory as they are sent.
    fn numbers<'a>(&self, own: &'a [Gradients], vars: &[(String, Var)]) -> Result<Flat<'a>> {
        let of_one = |gradients: &'a Gradients| {
            let part =
                |(part, (_, var)): (&Part, &(String, Var))| Run::of(part, gradients.gradient(var), var);
            self.parts.iter().zip(vars).map(part).collect::<Result<Vec<_>>>()
        };
        own.iter().map(of_one).collect::<Result<_>>().map(Flat)
    }

    /// Puts the gradients that `sums` are, laid out like this, into `gradients`, as far as `agreed` has them.
    pub fn write(
        &self,
        sums: &[f32],
        agreed: &Self,
        vars: &[(String, Var)],
        device: &Device,
        gradients: &mut Gradients,
    ) -> Result<()> {
        for (i, (_, var)) in vars.iter().enumerate() {
            let numbers = &sums[self.places[i].clone()];
            match (&self.parts[i], &agreed.parts[i]) {
                (Part::None, _) | (_, Part::None) => {}
                (Part::Whole, Part::Rows(ids)) => {
                    let row = |&id: &u32| &numbers[id as usize * width(var)..][..width(var)];
                    let rows: Vec<f32> = ids.iter().flat_map(row).copied().collect();
                    let rows = Tensor::from_vec(rows, (ids.len(), width(var)), device)?;
                    gradients.replace(var, Some(ids.clone()), rows);
                }
                (Part::Whole, Part::Whole) => {
                    gradients.replace(var, None, Tensor::from_slice(numbers, var.shape(), device)?);
                }
                (Part::Rows(ids), _) => {
                    let rows = Tensor::from_slice(numbers, (ids.len(), width(var)), device)?;
                    gradients.replace(var, Some(ids.clone()), rows);
                }
            }
        }
        Ok(())
    }
}
