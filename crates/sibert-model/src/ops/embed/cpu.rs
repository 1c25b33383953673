use candle_core::{Result, Tensor};

use super::Tokens;
use crate::compute::buffer::{Values, tensor, uninit, written};
use crate::compute::by_float;
use crate::compute::real::Real;
use crate::compute::row_sums::for_each_row;
use crate::ops::op::width;
use crate::tape::{Backward, Sink};

pub fn embed(tables: [Tensor; 3], tokens: Tokens) -> Result<(Tensor, impl Backward)> {
    let width = width(&tables[0]);
    let y = by_float!("embed", tables[0].dtype(), T => {
        let [words, types, positions] = tables.each_ref().map(Values::of);
        let tables = [words.slice::<T>()?, types.slice()?, positions.slice()?];
        tensor(forward(tables, &tokens, width), (tokens.batch(), tokens.seq, width))
    })?;
    Ok((y, move |dy: &Tensor, sink: &mut Sink| tokens.backward(dy, sink)))
}

/// The sums of the rows of `[words, types, positions]` for every token.
fn forward<T: Real>(tables: [&[T]; 3], tokens: &Tokens, width: usize) -> Vec<T> {
    let Tokens { ids, types, seq } = tokens;
    let mut y = uninit(ids.len() * width);
    for_each_row(
        &mut y,
        width,
        #[inline(always)]
        |token, y| {
            let rows = [ids[token] as usize, types[token] as usize, token % seq];
            let [word, segment, position] = [0, 1, 2].map(|i| &tables[i][rows[i] * width..][..width]);
            for (y, ((&word, &segment), &position)) in
                y.iter_mut().zip(word.iter().zip(segment).zip(position))
            {
                y.write(word + segment + position);
            }
        },
    );
    // SAFETY: each row is written whole: those of the tables are as wide.
    unsafe { written(y) }
}
