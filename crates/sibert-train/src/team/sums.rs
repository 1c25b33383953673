//! Sums over the shares of a batch.

use std::ops::Range;

use anyhow::{Context, Result};
use candle_core::{Device, Var};
use sibert_model::Gradients;
use sibert_ranks::shares::root;
use sibert_ranks::sum::same_bits;
use sisgd::Deferred;

use super::Team;
use super::flat::Layout;
use crate::sums::Sums;

/// How the gradients of a batch are added.
#[derive(Clone, Copy, Debug)]
pub struct Sharing {
    /// Parts of the batch.
    pub shares: usize,
    /// Whether they are added along the tree, or in any order.
    pub reproducible: bool,
}

/// The sums of a node of the tree of shares.
pub type Piece = (Range<usize>, (Gradients, Deferred<Sums>));

impl Team {
    /// The sums over all shares of the pieces of all processes; each has them.
    ///
    /// If they are to be reproducible, the bits do not depend on the number of processes.
    ///
    /// # Errors
    /// If the engine or the device fails.
    pub fn sum(
        &self,
        pieces: Vec<Piece>,
        vars: &[(String, Var)],
        Sharing { shares, reproducible }: Sharing,
        device: &Device,
    ) -> Result<(Gradients, Deferred<Sums>)> {
        #[cfg(feature = "nccl")]
        if let Some(nccl) = self.nccl() {
            return self.sum_on_gpus(&nccl, pieces, vars, Sharing { shares, reproducible }, device);
        }
        if self.size() == 1 {
            let (_, sums) = pieces.into_iter().next().context("a batch without shares")?;
            return Ok(sums);
        }
        let (mut ranges, mut gradients, mut figures) = (Vec::new(), Vec::new(), Vec::new());
        for (range, (of_piece, sums)) in pieces {
            ranges.push(range);
            gradients.push(of_piece);
            figures.push(sums);
        }
        let figures = Deferred::read(figures)?.into_iter().collect::<candle_core::Result<Vec<_>>>()?;
        let figures = self.figures(shares, ranges.into_iter().zip(figures))?;
        let layout = Layout::agreed(&*self.ranks, &gradients, vars)?;
        let numbers = layout.numbers(&gradients, vars)?;
        let sums = match reproducible {
            true => same_bits(&*self.ranks, shares, &numbers.views(), layout.len())?,
            false => {
                let mut sums = numbers.added();
                self.ranks.sum_in_any_order(&mut sums)?;
                sums
            }
        };
        drop(numbers);
        Ok((layout.gradients(&sums, vars, device)?, Deferred::ready(figures)))
    }

    /// The sums of the figures of all pieces.
    pub(super) fn figures(
        &self,
        shares: usize,
        own: impl Iterator<Item = (Range<usize>, Sums)>,
    ) -> Result<Sums> {
        let own: Vec<(Range<usize>, [f64; 6])> = own.map(|(range, sums)| (range, sums.numbers())).collect();
        let said = self.ranks.all_gather(&serde_json::to_vec(&own)?)?;
        let mut all = Vec::new();
        for said in said {
            let pieces: Vec<(Range<usize>, [f64; 6])> = serde_json::from_slice(&said)?;
            all.extend(pieces.into_iter().map(|(range, numbers)| (range, Sums::of_numbers(numbers))));
        }
        root(shares, all, |x, y| anyhow::Ok(x.plus(&y)))?.context("a share of the batch is missing")
    }

    /// The figures of the batches of an evaluation, in their order: of every `size`-th one this process has made its own.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn interleaved(&self, own: &[Sums]) -> Result<Vec<Sums>> {
        if self.size() == 1 {
            return Ok(own.to_vec());
        }
        let own: Vec<[f64; 6]> = own.iter().map(Sums::numbers).collect();
        let said = self.ranks.all_gather(&serde_json::to_vec(&own)?)?;
        let said = said.iter().map(|said| Ok(serde_json::from_slice::<Vec<[f64; 6]>>(said)?));
        let said = said.collect::<Result<Vec<_>>>()?;
        let count = said.iter().map(Vec::len).sum();
        let at = |i: usize| said[i % said.len()].get(i / said.len()).copied().map(Sums::of_numbers);
        (0..count).map(|i| at(i).context("an evaluation is missing")).collect()
    }

    /// The rows of all processes, each of which has made some and left the others empty.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn merged(&self, mut rows: Vec<Vec<f32>>) -> Result<Vec<Vec<f32>>> {
        if self.size() == 1 {
            return Ok(rows);
        }
        let lengths: Vec<u32> = rows.iter().map(|row| row.len() as u32).collect();
        let own: Vec<f32> = rows.concat();
        let said = self.ranks.all_gather(&serde_json::to_vec(&lengths)?)?;
        let said = said.iter().map(|said| Ok(serde_json::from_slice::<Vec<u32>>(said)?));
        let lengths = said.collect::<Result<Vec<_>>>()?;
        let counts: Vec<usize> =
            lengths.iter().map(|lengths| lengths.iter().map(|&length| length as usize).sum()).collect();
        let mut all = vec![0.; counts.iter().sum()];
        self.ranks.all_gather_numbers(&own, &mut all, &counts)?;
        let mut rest = all.as_slice();
        for lengths in lengths {
            for (row, length) in rows.iter_mut().zip(lengths).filter(|(_, length)| *length > 0) {
                let (values, behind) = rest.split_at(length as usize);
                (*row, rest) = (values.to_vec(), behind);
            }
        }
        Ok(rows)
    }

    /// Whether this process makes batch `i` of an evaluation.
    pub fn makes(&self, i: usize) -> bool {
        i % self.size() == self.ranks.rank()
    }
}
