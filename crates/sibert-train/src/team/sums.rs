//! Sums over the shares of a batch.

use std::ops::Range;

use anyhow::{Context, Result};
use candle_core::{Device, Tensor, Var};
use serde::{Deserialize, Serialize};
use sibert_model::Gradients;
use sibert_ranks::shares::{Tree, root};
use sisgd::Deferred;

use super::Team;
use super::ahead::{Bucket, Outbox, Plan};
use super::flat::Layout;
use crate::sums::Sums;

/// How processes add their gradients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GradientSums {
    /// Along one fixed tree: any number of processes gives the same bits.
    #[default]
    Reproducible,
    /// In the order that the engine likes.
    AnyOrder,
    /// Rounded to bf16 on their way: half the bytes.
    Bf16,
}

/// How the gradients of a batch are added.
#[derive(Clone, Copy, Debug)]
pub struct Sharing {
    /// Parts of the batch.
    pub shares: usize,
    /// The sums over the processes.
    pub sums: GradientSums,
}

/// The sums of a node of the tree of shares.
pub type Piece = (Range<usize>, (Gradients, Deferred<Sums>));

/// What a backward pass tells when the gradient of a variable is whole.
pub type Finished<'a> = dyn FnMut(&Tensor, &mut Gradients) -> candle_core::Result<()> + 'a;

impl Team {
    /// The sums over all shares of a batch; each process has them.
    ///
    /// `parts` names the parts of a share, which are summed one after the other. `add` adds the gradients of one part and
    /// returns its figures. It tells of each variable whose gradient is whole: those that nothing more is added to are sent
    /// while it goes on. What it does not tell of is sent later.
    ///
    /// The bits of reproducible sums do not depend on the number of processes.
    ///
    /// # Errors
    /// Those of `add`, or if the engine or the device fails.
    pub fn sum<P>(
        &self,
        vars: &[(String, Var)],
        sharing: Sharing,
        device: &Device,
        mut parts: impl FnMut(usize) -> Vec<P>,
        mut add: impl FnMut(P, &mut Gradients, &mut Finished) -> Result<Deferred<Sums>>,
    ) -> Result<(Gradients, Deferred<Sums>)> {
        let own = self.part_of(sharing.shares);
        std::thread::scope(|scope| {
            let plan = if device.is_cpu() { self.plan().clone() } else { Plan::new() };
            let mut outbox = Outbox::open(scope, &*self.ranks, vars, plan, sharing)?;
            let mut tree = Tree::<(Gradients, Deferred<Sums>)>::new(sharing.shares);
            for number in own.clone() {
                let (range, mut earlier) = tree.open(number);
                let mut gradients = Gradients::of(vars.iter().map(|(_, var)| var));
                let mut figures = Deferred::ready(Sums::default());
                let mut parts = parts(number).into_iter().peekable();
                while let Some(part) = parts.next() {
                    let nothing_follows = number + 1 == own.end && parts.peek().is_none();
                    let mut finished = |var: &Tensor, gradients: &mut Gradients| {
                        if nothing_follows {
                            for (of_earlier, _) in &mut earlier {
                                gradients.absorb(var, of_earlier)?;
                            }
                            outbox.hand_in(var, tree.sums().map(|(sums, _)| sums).chain([&*gradients]));
                        }
                        Ok(())
                    };
                    let of_part = add(part, &mut gradients, &mut finished)?;
                    figures = figures.zip(of_part)?.map(|(sums, part)| sums.plus(&part));
                }
                let sums = earlier.into_iter().try_fold((gradients, figures), |(y, b), (x, a)| {
                    let figures = a.zip(b)?.map(|(a, b)| a.plus(&b));
                    Ok::<_, candle_core::Error>((x.plus(y)?, figures))
                })?;
                tree.close(range, sums);
            }
            #[cfg(feature = "nccl")]
            if let Some(nccl) = self.nccl() {
                return self.sum_on_gpus(&nccl, tree.pieces(), vars, sharing, device);
            }
            if self.size() == 1 {
                let (_, sums) = tree.pieces().into_iter().next().context("a batch without shares")?;
                return Ok(sums);
            }
            self.sum_pieces(tree.pieces(), outbox, vars, sharing, device)
        })
    }

    /// The sums of the pieces of all processes.
    fn sum_pieces(
        &self,
        pieces: Vec<Piece>,
        outbox: Outbox,
        vars: &[(String, Var)],
        sharing: Sharing,
        device: &Device,
    ) -> Result<(Gradients, Deferred<Sums>)> {
        let (mut ranges, mut gradients, mut figures) = (Vec::new(), Vec::new(), Vec::new());
        for (range, (of_piece, sums)) in pieces {
            ranges.push(range);
            gradients.push(of_piece);
            figures.push(sums);
        }
        let figures = Deferred::read(figures)?.into_iter().collect::<candle_core::Result<Vec<_>>>()?;
        let (buckets, met) = outbox.close(vars, &gradients)?;
        let figures = self.figures(sharing.shares, ranges.into_iter().zip(figures))?;
        let (agreed, met) = Layout::agreed(&*self.ranks, &gradients, vars, &met)?;
        let rest = agreed.without(buckets.iter().map(|bucket| &bucket.layout), vars);
        let sums = rest.sums(&*self.ranks, &gradients, vars, sharing)?;
        let mut all = Gradients::of(vars.iter().map(|(_, var)| var));
        rest.write(&sums, &agreed, vars, device, &mut all)?;
        for Bucket { layout, sums } in buckets {
            layout.write(&sums, &agreed, vars, device, &mut all)?;
        }
        let whole = agreed.whole_ones();
        *self.plan() = met.into_iter().filter(|&place| whole[place]).collect();
        Ok((all, Deferred::ready(figures)))
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
