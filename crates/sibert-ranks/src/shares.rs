//! The tree along which the shares of a batch are added.
//!
//! The node of the shares `a..b` is the sum of two nodes: its first `2^k` shares, with the largest `2^k < b - a`, and the
//! rest. A rank has a run of shares next to each other. It adds as much of the tree as lies in its run, the [`pieces`], and
//! the rest of the tree is added from everybody's pieces. So every sum is between the same two operands, on any number of
//! ranks:
//!
//! ```text
//! 8 shares, 3 ranks        ((0+1)+(2+3)) + ((4+5)+(6+7))
//! ranks                      0 0   0 1      1 1   2 2
//! pieces                     0..2  2  3    4..6  6..8
//! ```

use std::ops::Range;

/// The shares of a rank, `rank` of `size`: as many as those of the others, or one more.
pub fn of_rank(shares: usize, rank: usize, size: usize) -> Range<usize> {
    let (each, more) = (shares / size, shares % size);
    let start = |rank: usize| rank * each + rank.min(more);
    start(rank)..start(rank + 1)
}

/// The largest nodes of the tree over `shares` that lie in `run`, in order.
pub fn pieces(shares: usize, run: &Range<usize>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if shares > 0 {
        collect(0..shares, run, &mut found);
    }
    found
}

fn collect(node: Range<usize>, run: &Range<usize>, found: &mut Vec<Range<usize>>) {
    if node.end <= run.start || run.end <= node.start {
        return;
    }
    if run.start <= node.start && node.end <= run.end {
        return found.push(node);
    }
    let (left, right) = halves(&node);
    collect(left, run, found);
    collect(right, run, found);
}

/// The two nodes that a node of several shares is the sum of.
pub fn halves(node: &Range<usize>) -> (Range<usize>, Range<usize>) {
    let middle = node.start + node.len().next_power_of_two() / 2;
    (node.start..middle, middle..node.end)
}

/// The sums of the nodes of one rank's run, made as its shares come, one after the other.
///
/// At most one sum for each level of the tree is kept at a time, and two for a run that begins inside of a node.
pub struct Tree<T> {
    shares: usize,
    sums: Vec<(Range<usize>, T)>,
}

impl<T> Tree<T> {
    /// Of a batch in so many shares.
    pub fn new(shares: usize) -> Self {
        Self { shares, sums: Vec::new() }
    }

    /// Takes the next share, and adds what can be added.
    ///
    /// # Errors
    /// Those of `add`.
    pub fn push<E>(
        &mut self,
        share: usize,
        value: T,
        mut add: impl FnMut(T, T) -> Result<T, E>,
    ) -> Result<(), E> {
        let (range, earlier) = self.open(share);
        let sum = earlier.into_iter().try_fold(value, |sum, earlier| add(earlier, sum))?;
        self.close(range, sum);
        Ok(())
    }

    /// Takes out the sums that go with the next share, the nearest first, and says which shares theirs and its sum has.
    ///
    /// [`push`](Self::push) in two steps, for whoever wants to add while the share is being made: each sum is added in front
    /// of what there is then, and [`close`](Self::close) takes the result.
    pub fn open(&mut self, share: usize) -> (Range<usize>, Vec<T>) {
        let (mut range, mut earlier) = (share..share + 1, Vec::new());
        while let Some((before, _)) = self.sums.last()
            && is_node(self.shares, &(before.start..range.end), before.end)
            && let Some((before, sum)) = self.sums.pop()
        {
            range.start = before.start;
            earlier.push(sum);
        }
        (range, earlier)
    }

    /// Takes the sum of `range`, which [`open`](Self::open) said.
    pub fn close(&mut self, range: Range<usize>, sum: T) {
        self.sums.push((range, sum));
    }

    /// The sums up to now.
    pub fn sums(&self) -> impl Iterator<Item = &T> {
        self.sums.iter().map(|(_, sum)| sum)
    }

    /// The sums, each with its shares: the [`pieces`] of the run.
    pub fn pieces(self) -> Vec<(Range<usize>, T)> {
        self.sums
    }
}

/// Whether `range` is a node of the tree whose halves meet at `middle`.
fn is_node(shares: usize, range: &Range<usize>, middle: usize) -> bool {
    let mut node = 0..shares;
    while node.len() > 1 {
        let (left, right) = halves(&node);
        if node == *range {
            return left.end == middle;
        }
        node = if range.end <= left.end { left } else { right };
    }
    false
}

/// The sum over all shares of the pieces of all ranks, in the order of their shares.
///
/// # Errors
/// Those of `add`. None if pieces are missing.
pub fn root<T, E>(
    shares: usize,
    pieces: impl IntoIterator<Item = (Range<usize>, T)>,
    mut add: impl FnMut(T, T) -> Result<T, E>,
) -> Result<Option<T>, E> {
    descend(0..shares, &mut pieces.into_iter(), &mut None, &mut add)
}

/// The sum of a node: `next` is the piece that was taken and not used yet.
fn descend<T, E>(
    range: Range<usize>,
    pieces: &mut impl Iterator<Item = (Range<usize>, T)>,
    next: &mut Option<(Range<usize>, T)>,
    add: &mut impl FnMut(T, T) -> Result<T, E>,
) -> Result<Option<T>, E> {
    if next.is_none() {
        *next = pieces.next();
    }
    match next.take() {
        Some((piece, value)) if piece == range => return Ok(Some(value)),
        other => *next = other,
    }
    if range.len() < 2 {
        return Ok(None);
    }
    let (left, right) = halves(&range);
    let Some(first) = descend(left, pieces, next, add)? else { return Ok(None) };
    let Some(second) = descend(right, pieces, next, add)? else { return Ok(None) };
    add(first, second).map(Some)
}

#[cfg(test)]
#[path = "shares_tests.rs"]
mod tests;
