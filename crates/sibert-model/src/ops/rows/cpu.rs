use candle_core::{Result, bail};

use crate::ops::real::Real;
use crate::ops::row_sums::for_each_row;

/// Refuses ids that are not below `len`.
pub fn check(op: &str, ids: &[u32], len: usize) -> Result<()> {
    match ids.iter().position(|&id| id as usize >= len) {
        Some(at) => bail!("{op}: id {} at position {at} is not below the table's {len} rows", ids[at]),
        None => Ok(()),
    }
}

pub fn forward<T: Real>(table: &[T], ids: &[u32], width: usize) -> Vec<T> {
    let mut y = crate::ops::buffer::uninit(ids.len() * width);
    for_each_row(&mut y, width, |i, y| y.copy_from_slice(&table[ids[i] as usize * width..][..width]));
    y
}

/// Each row of the table belongs to one task, which adds the gradients of its occurrences in their order.
pub fn backward<T: Real>(dy: &[T], ids: &[u32], len: usize, width: usize) -> Vec<T> {
    let (starts, positions) = occurrences(ids, len);
    let mut dtable = vec![T::zero(); len * width];
    for_each_row(&mut dtable, width, |row, sum| {
        for &i in &positions[starts[row]..starts[row + 1]] {
            sum.iter_mut().zip(&dy[i as usize * width..][..width]).for_each(|(sum, &dy)| *sum += dy);
        }
    });
    dtable
}

/// The positions of every id, by counting sort: those of id `r` are `positions[starts[r]..starts[r + 1]]`.
fn occurrences(ids: &[u32], len: usize) -> (Vec<usize>, Vec<u32>) {
    let mut starts = vec![0; len + 1];
    ids.iter().for_each(|&id| starts[id as usize + 1] += 1);
    (0..len).for_each(|row| starts[row + 1] += starts[row]);
    let mut next = starts.clone();
    let mut positions = vec![0; ids.len()];
    for (i, &id) in ids.iter().enumerate() {
        positions[next[id as usize]] = i as u32;
        next[id as usize] += 1;
    }
    (starts, positions)
}
