//! The numbers of gradients, read where they lie.

use std::ops::{Deref, Range};

use anyhow::{Context, Result};
use candle_core::{Storage, Tensor, Var};
use sibert_ranks::sum::Numbers;
use sisgd::Gradient;

use super::flat::Part;

/// What adds nothing.
pub const NOTHING: f32 = -0.;

/// The numbers of several gradients.
pub struct Flat<'a>(pub Vec<Vec<Run<'a>>>);

impl Flat<'_> {
    /// To be read one after the other.
    pub fn views(&self) -> Vec<Numbers<'_>> {
        self.0.iter().map(|runs| Numbers::of(runs.iter().map(Run::numbers).collect())).collect()
    }

    /// The sums of the gradients, `length` numbers one after the other.
    pub fn added(&self, length: usize) -> Vec<f32> {
        let mut sums = vec![NOTHING; length];
        for runs in &self.0 {
            let numbers = runs.iter().flat_map(Run::numbers);
            sums.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
        }
        sums
    }
}

/// Numbers of one variable.
pub enum Run<'a> {
    /// Where the tensor has them.
    There(Box<dyn Deref<Target = Storage> + 'a>, Range<usize>),
    Copied(Vec<f32>),
}

impl<'a> Run<'a> {
    pub fn of(part: &Part, gradient: Option<Gradient<'a>>, var: &Var) -> Result<Self> {
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

/// How many numbers a row of a table has.
pub fn width(table: &Var) -> usize {
    table.elem_count() / table.dims()[0].max(1)
}
