//! The gradients of a model as one row of numbers, alike on all processes.
//!
//! Of a table in which few rows have a gradient, the rows that have one anywhere are sent. Where a process has none of its
//! own it sends −0, which adds nothing: x + −0 is x for every x, with its sign.

use std::collections::BTreeSet;
use std::ops::{Deref, Range};

use anyhow::{Context, Result};
use candle_core::{Device, Storage, Tensor, Var};
use serde::{Deserialize, Serialize};
use sibert_model::Gradients;
use sibert_ranks::Communicator;
use sibert_ranks::sum::Numbers;
use sisgd::{Gradient, GradientSource};

/// What adds nothing.
pub(super) const NOTHING: f32 = -0.;

/// The part of a variable that has a gradient.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) enum Part {
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
    pub(super) fn len(&self, var: &Var) -> usize {
        match self {
            Self::None => 0,
            Self::Rows(ids) => ids.len() * width(var),
            Self::Whole => var.elem_count(),
        }
    }
}

/// Which numbers are sent: a part of each variable, in the order of the variables.
pub struct Layout {
    pub(super) parts: Vec<Part>,
    /// Where the numbers of each part lie.
    places: Vec<Range<usize>>,
}

impl Layout {
    /// The parts that have a gradient on any process.
    pub fn agreed(ranks: &dyn Communicator, own: &[Gradients], vars: &[(String, Var)]) -> Result<Self> {
        let of_own = |(_, var): &(String, Var)| {
            own.iter().map(|gradients| Part::of(gradients.gradient(var))).fold(Part::None, Part::with)
        };
        let parts: Vec<Part> = vars.iter().map(of_own).collect();
        let mut agreed = vec![Part::None; vars.len()];
        for said in ranks.all_gather(&serde_json::to_vec(&parts)?)? {
            let parts: Vec<Part> = serde_json::from_slice(&said)?;
            agreed = agreed.into_iter().zip(parts).map(|(part, other)| part.with(other)).collect();
        }
        let mut end = 0;
        let places = agreed.iter().zip(vars).map(|(part, (_, var))| {
            let start = end;
            end += part.len(var);
            start..end
        });
        Ok(Self { places: places.collect(), parts: agreed })
    }

    /// How many numbers are sent.
    pub fn len(&self) -> usize {
        self.places.last().map_or(0, |place| place.end)
    }

    /// The numbers of gradients of this process, without a copy where they lie in memory as they are sent.
    pub fn numbers<'a>(&self, own: &'a [Gradients], vars: &[(String, Var)]) -> Result<Flat<'a>> {
        let of_one = |gradients: &'a Gradients| {
            let part =
                |(part, (_, var)): (&Part, &(String, Var))| Run::of(part, gradients.gradient(var), var);
            self.parts.iter().zip(vars).map(part).collect::<Result<Vec<_>>>()
        };
        own.iter().map(of_one).collect::<Result<_>>().map(Flat)
    }

    /// The gradients that the numbers are.
    pub fn gradients(&self, numbers: &[f32], vars: &[(String, Var)], device: &Device) -> Result<Gradients> {
        let mut gradients = Gradients::of(vars.iter().map(|(_, var)| var));
        for ((part, place), (_, var)) in self.parts.iter().zip(&self.places).zip(vars) {
            let numbers = &numbers[place.clone()];
            match part {
                Part::None => {}
                Part::Whole => {
                    gradients.replace(var, None, Tensor::from_slice(numbers, var.shape(), device)?);
                }
                Part::Rows(ids) => {
                    let rows = Tensor::from_slice(numbers, (ids.len(), width(var)), device)?;
                    gradients.replace(var, Some(ids.clone()), rows);
                }
            }
        }
        Ok(gradients)
    }
}

pub(super) fn width(table: &Var) -> usize {
    table.elem_count() / table.dims()[0].max(1)
}

/// The numbers of several gradients.
pub struct Flat<'a>(Vec<Vec<Run<'a>>>);

impl Flat<'_> {
    /// To be read one after the other.
    pub fn views(&self) -> Vec<Numbers<'_>> {
        self.0.iter().map(|runs| Numbers::of(runs.iter().map(Run::numbers).collect())).collect()
    }

    /// The sums of the gradients, one after the other.
    pub fn added(&self) -> Vec<f32> {
        let mut gradients = self.0.iter();
        let first = gradients.next().map(|runs| runs.iter().flat_map(|run| run.numbers().to_vec()).collect());
        let mut sums: Vec<f32> = first.unwrap_or_default();
        for runs in gradients {
            let numbers = runs.iter().flat_map(Run::numbers);
            sums.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
        }
        sums
    }
}

/// Numbers of one variable.
enum Run<'a> {
    /// Where the tensor has them.
    There(Box<dyn Deref<Target = Storage> + 'a>, Range<usize>),
    Copied(Vec<f32>),
}

impl<'a> Run<'a> {
    fn of(part: &Part, gradient: Option<Gradient<'a>>, var: &Var) -> Result<Self> {
        Ok(match (part, gradient) {
            (Part::None, _) => Self::Copied(Vec::new()),
            (part, None) => Self::Copied(vec![NOTHING; part.len(var)]),
            (Part::Whole, Some(Gradient::Dense(values))) => Self::whole(values)?,
            (Part::Rows(wanted), Some(Gradient::Rows { ids, values })) if wanted == ids => {
                Self::whole(values)?
            }
            (part, Some(Gradient::Rows { ids, values })) => {
                let (values, width) = (Self::whole(values)?, width(var));
                let mut all = vec![NOTHING; part.len(var)];
                for (id, row) in ids.iter().zip(values.numbers().chunks_exact(width)) {
                    let place = match part {
                        Part::Rows(wanted) => {
                            wanted.binary_search(id).ok().context("a row that no process has")?
                        }
                        Part::None | Part::Whole => *id as usize,
                    };
                    all[place * width..][..width].copy_from_slice(row);
                }
                Self::Copied(all)
            }
            (Part::Rows(_), Some(Gradient::Dense(_))) => anyhow::bail!("a whole gradient, expected its rows"),
        })
    }

    fn whole(values: &'a Tensor) -> Result<Self> {
        let (storage, layout) = values.storage_and_layout();
        match (&*storage, layout.contiguous_offsets()) {
            (Storage::Cpu(_), Some((start, end))) => Ok(Self::There(Box::new(storage), start..end)),
            _ => {
                drop(storage);
                Ok(Self::Copied(values.flatten_all()?.to_vec1()?))
            }
        }
    }

    fn numbers(&self) -> &[f32] {
        match self {
            Self::Copied(numbers) => numbers,
            Self::There(storage, range) => match &***storage {
                Storage::Cpu(cpu) => cpu.as_slice().map_or(&[], |all| &all[range.clone()]),
                Storage::Cuda(_) | Storage::Metal(_) => &[],
            },
        }
    }
}
