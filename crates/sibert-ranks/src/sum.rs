//! Sums of many numbers over all ranks.
//!
//! The numbers of a rank are the sums of its [`pieces`]. They are cut into buckets, and each bucket
//! into a part for each rank. [`Communicator::exchange`] brings a rank its part of everybody's pieces; the rank adds them
//! along the tree, and [`Communicator::all_gather_numbers`] brings the sums to everybody. MPI's own sums would move as
//! many bytes, but MPI leaves their order to the engine (MPI 4.1, 6.9.1), which may choose by the number of ranks.

use std::ops::Range;

use anyhow::{Result, ensure};

use crate::Communicator;
use crate::shares::{halves, of_rank, pieces};

/// Numbers of each piece that are sent at a time, at least: 4 MiB.
const BUCKET: usize = 1 << 20;
/// Numbers of each piece that go from one rank to another at a time, at least: shorter messages cost more than their bytes.
const MESSAGE: usize = 1 << 16;
/// Numbers that are added at a time: they stay in the cache.
const BLOCK: usize = 1 << 12;

/// Numbers that lie in several places, read as if they lay one after the other.
#[derive(Debug, Default)]
pub struct Numbers<'a> {
    parts: Vec<&'a [f32]>,
    /// Where each part begins, and the end.
    starts: Vec<usize>,
}

impl<'a> Numbers<'a> {
    /// The numbers of `parts`.
    pub fn of(parts: Vec<&'a [f32]>) -> Self {
        let mut starts = vec![0];
        let mut end = 0;
        starts.extend(parts.iter().map(|part| {
            end += part.len();
            end
        }));
        Self { parts, starts }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds those of `range` to the end of `out`.
    fn append(&self, range: Range<usize>, out: &mut Vec<f32>) {
        let first = self.starts.partition_point(|&start| start <= range.start).saturating_sub(1);
        for (part, &start) in self.parts[first..].iter().zip(&self.starts[first..]) {
            let (from, to) = (range.start.max(start), range.end.min(start + part.len()));
            if from < to {
                out.extend_from_slice(&part[from - start..to - start]);
            }
            if range.end <= start + part.len() {
                break;
            }
        }
    }
}

/// The sums over all `shares`, of which this rank has those of [`of_rank`]: `own` are the sums of its pieces.
///
/// The bits are the same for any number of ranks.
///
/// # Errors
/// If the pieces are not those of the rank, or differ in length, or the engine fails.
pub fn same_bits(
    ranks: &dyn Communicator,
    shares: usize,
    own: &[Numbers],
    length: usize,
) -> Result<Vec<f32>> {
    let (rank, size) = (ranks.rank(), ranks.size());
    let everybody: Vec<Vec<Range<usize>>> =
        (0..size).map(|rank| pieces(shares, &of_rank(shares, rank, size))).collect();
    let expected = everybody[rank].len();
    ensure!(own.len() == expected, "a rank has {} sums of its shares, expected {expected}", own.len());
    ensure!(own.iter().all(|piece| piece.len() == length), "the sums of a rank differ in length");
    let order: Vec<Range<usize>> = everybody.concat();
    let mut sums = vec![0_f32; length];
    let (mut send, mut received) = (Vec::new(), Vec::new());
    let most = BUCKET.max(size * MESSAGE);
    for (bucket, sums) in sums.chunks_mut(most).enumerate() {
        let start = bucket * most;
        let parts: Vec<Range<usize>> = (0..size).map(|rank| of_rank(sums.len(), rank, size)).collect();
        send.clear();
        for part in &parts {
            own.iter().for_each(|piece| piece.append(start + part.start..start + part.end, &mut send));
        }
        let mine = parts[rank].len();
        let lengths: Vec<usize> = parts.iter().map(Range::len).collect();
        let to: Vec<usize> = lengths.iter().map(|length| length * own.len()).collect();
        let from: Vec<usize> = everybody.iter().map(|pieces| pieces.len() * mine).collect();
        received.resize(from.iter().sum(), 0.);
        ranks.exchange(&send, &to, &mut received, &from)?;
        let pieces: Vec<(&Range<usize>, &[f32])> = order.iter().zip(received.chunks(mine.max(1))).collect();
        let own_sums = along_the_tree(shares, &pieces, mine);
        ranks.all_gather_numbers(&own_sums, sums, &lengths)?;
    }
    Ok(sums)
}

/// The sums of `length` numbers of each piece, in the order of the tree; none are missing.
fn along_the_tree(shares: usize, pieces: &[(&Range<usize>, &[f32])], length: usize) -> Vec<f32> {
    let mut sums = vec![0_f32; length];
    for (block, sums) in sums.chunks_mut(BLOCK).enumerate() {
        let place = block * BLOCK..block * BLOCK + sums.len();
        let parts = pieces.iter().map(|(range, numbers)| (*range, &numbers[place.clone()]));
        node(&(0..shares), &mut parts.peekable(), sums);
    }
    sums
}

/// Writes the sum of a node.
fn node<'a>(
    range: &Range<usize>,
    pieces: &mut std::iter::Peekable<impl Iterator<Item = (&'a Range<usize>, &'a [f32])>>,
    sums: &mut [f32],
) {
    if let Some((_, numbers)) = pieces.next_if(|(piece, _)| *piece == range) {
        return sums.copy_from_slice(numbers);
    }
    let (left, right) = halves(range);
    node(&left, pieces, sums);
    let mut second = [0_f32; BLOCK];
    let second = &mut second[..sums.len()];
    node(&right, pieces, second);
    sums.iter_mut().zip(second).for_each(|(sum, number)| *sum += *number);
}

#[cfg(test)]
#[path = "sum_tests.rs"]
mod tests;
