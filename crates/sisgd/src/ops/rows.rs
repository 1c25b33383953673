//! The gradient of a table, zero but in a few rows, as slices.

use std::ops::Range;

/// Rows of a flat table.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a, T> {
    /// Ascending, each once.
    pub ids: &'a [u32],
    /// The rows one after the other.
    pub values: &'a [T],
    pub width: usize,
}

impl<'a, T> Rows<'a, T> {
    /// The rows in `range` of the flat table, in order: where each part begins, counted from the start of the range, and
    /// its values.
    #[inline(always)]
    pub fn within(self, range: Range<usize>) -> impl Iterator<Item = (usize, &'a [T])> {
        let width = self.width.max(1); // the rows of a table without columns hold nothing
        let first = self.ids.partition_point(|&id| (id as usize + 1) * width <= range.start);
        let rows = self.ids[first..].iter().zip(self.values[first * self.width..].chunks_exact(width));
        rows.map(move |(&id, row)| (id as usize * width, row)).take_while(move |(at, _)| *at < range.end).map(
            move |(at, row)| {
                let (start, end) = (at.max(range.start), (at + width).min(range.end));
                (start - range.start, &row[start - at..end - at])
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_at_the_ends_of_a_range() {
        let rows = Rows { ids: &[1, 2, 5], values: &[10, 11, 12, 20, 21, 22, 50, 51, 52], width: 3 };
        let within = |range| rows.within(range).map(|(at, row)| (at, row.to_vec())).collect::<Vec<_>>();
        assert_eq!(within(0..3), []);
        assert_eq!(within(0..4), [(3, vec![10])]);
        assert_eq!(within(4..8), [(0, vec![11, 12]), (2, vec![20, 21])]);
        assert_eq!(within(7..8), [(0, vec![21])]);
        assert_eq!(within(9..30), [(6, vec![50, 51, 52])]);
        assert_eq!(within(18..30), []);
    }
}
