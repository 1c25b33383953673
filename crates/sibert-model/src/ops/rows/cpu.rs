use candle_core::{Result, Shape, Tensor};

use crate::compute::buffer::{Values, tensor, uninit, written};
use crate::compute::by_float;
use crate::compute::real::Real;
use crate::compute::row_sums::for_each_row;
use crate::ops::op::width;
use crate::tape::{Backward, Sink};

pub fn rows([x]: [Tensor; 1], ids: Tensor) -> Result<(Tensor, impl Backward)> {
    let width = width(&x);
    let y = by_float!("rows", x.dtype(), T => {
        let (table, ids) = (Values::of(&x), Values::of(&ids));
        let shape = Shape::from([ids.shape().dims(), &[width]].concat());
        tensor(forward::<T>(table.slice()?, ids.slice()?, width), shape)
    })?;
    let shape = x.shape().clone();
    let backward = move |dy: &Tensor, sink: &mut Sink| {
        let len = shape.elem_count() / width.max(1);
        let dx = by_float!("rows", dy.dtype(), T => {
            let (dys, ids) = (Values::of(dy), Values::of(&ids));
            tensor(backward(dys.slice::<T>()?, ids.slice()?, len, width), shape)
        })?;
        sink.add(0, dx)
    };
    Ok((y, backward))
}

fn forward<T: Real>(table: &[T], ids: &[u32], width: usize) -> Vec<T> {
    let mut y = uninit(ids.len() * width);
    for_each_row(&mut y, width, |i, y| {
        y.write_copy_of_slice(&table[ids[i] as usize * width..][..width]);
    });
    // SAFETY: a row of the table is copied to each row.
    unsafe { written(y) }
}

/// Each row of the table belongs to one task, which adds the gradients of its occurrences in their order.
fn backward<T: Real>(dy: &[T], ids: &[u32], len: usize, width: usize) -> Vec<T> {
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
