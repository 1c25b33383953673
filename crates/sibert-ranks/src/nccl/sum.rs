//! [`crate::sum::same_bits`] on GPUs: the same tree, and sums of two floats are the same there.

use std::ops::Range;

use anyhow::{Context, Result, ensure};
use candle_core::Tensor;

use super::Nccl;
use crate::shares::{of_rank, pieces, root};

impl Nccl {
    /// The sums over all `shares`, of which this rank has those of [`of_rank`]: `own` are the sums of its [`pieces`], of
    /// `length` numbers each, a multiple of the number of ranks.
    ///
    /// The bits are the same for any number of ranks, and those of [`crate::sum::same_bits`].
    ///
    /// # Errors
    /// If the pieces are not those of the rank or differ in length, or NCCL or a GPU fails, here or on another rank.
    pub fn same_bits(&self, shares: usize, own: Vec<Tensor>, length: usize) -> Result<Tensor> {
        let everybody: Vec<Vec<Range<usize>>> =
            (0..self.size).map(|rank| pieces(shares, &of_rank(shares, rank, self.size))).collect();
        let expected = everybody[self.rank].len();
        ensure!(own.len() == expected, "a rank has {} sums of its shares, expected {expected}", own.len());
        ensure!(own.iter().all(|piece| piece.elem_count() == length), "the sums of a rank differ in length");
        ensure!(
            length.is_multiple_of(self.size),
            "{length} numbers are no equal parts for {} ranks",
            self.size
        );
        let part = length / self.size;
        let counts: Vec<usize> = everybody.iter().map(Vec::len).collect();
        self.watch.over(|| {
            let received = self.exchange(&own, &counts, part)?;
            drop(own); // the memory is free once the stream has sent it
            let parts = everybody.into_iter().flatten().enumerate();
            let parts = parts.map(|(i, piece)| Ok((piece, received.narrow(0, i * part, part)?)));
            let parts = parts.collect::<candle_core::Result<Vec<_>>>()?;
            let sums = root(shares, parts, |x, y| x + y)?.context("a share of the batch is missing")?;
            let all = self.all_gather(&sums)?;
            self.settle()?;
            Ok(all)
        })
    }
}
