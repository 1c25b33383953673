//! The sum of a token's three embeddings.

mod composed;
mod cpu;
pub(super) mod cuda;
#[cfg(test)]
mod tests;

use candle_core::{DType, Result, Tensor, bail};

use super::op;
use super::rows::check;
use crate::tape::Sink;

/// `y[b, t] = words[ids[b, t]] + types[type_ids[b, t]] + positions[t]`, from three tables (n, d) and u32 ids
/// (batch, seq) to (batch, seq, d).
///
/// On a [tape](crate::tape) the gradients of the tables are those of the rows that occur.
///
/// # Errors
/// If an id is outside its table, the sequence is longer than the positions, the ids are not u32 or of two shapes, or
/// the tables differ in width or dtype.
pub fn embed([words, types, positions]: [&Tensor; 3], ids: &Tensor, type_ids: &Tensor) -> Result<Tensor> {
    let (_, seq) = ids.dims2()?;
    if ids.dtype() != DType::U32 || type_ids.dtype() != DType::U32 {
        bail!("embed: ids of dtype {} and {} are not u32", ids.dtype().as_str(), type_ids.dtype().as_str())
    }
    if ids.dims() != type_ids.dims() {
        bail!("embed: ids of shape {:?} and segments of shape {:?} differ", ids.dims(), type_ids.dims())
    }
    if words.dim(1)? != types.dim(1)? || words.dim(1)? != positions.dim(1)? {
        let widths = [words, types, positions].map(|table| table.dims().to_vec());
        bail!("embed: tables of shapes {widths:?} differ in width")
    }
    if seq > positions.dim(0)? {
        bail!("embed: a sequence of {seq} tokens is longer than the {} positions", positions.dim(0)?)
    }
    let tokens =
        Tokens { ids: ids.flatten_all()?.to_vec1()?, types: type_ids.flatten_all()?.to_vec1()?, seq };
    check("embed", &tokens.ids, words.dim(0)?)?;
    check("embed", &tokens.types, types.dim(0)?)?;
    op("embed", [words, types, positions], tokens, cpu::embed, cuda::embed, composed::embed)
}

/// `y[b, t] = words[ids[b, t]] + types[type_ids[b, t]]`: as [`embed`] with positions of zeros, which learn nothing.
///
/// # Errors
/// As [`embed`], for a sequence of any length.
pub fn embed_without_positions(
    [words, types]: [&Tensor; 2],
    ids: &Tensor,
    type_ids: &Tensor,
) -> Result<Tensor> {
    let positions = Tensor::zeros((ids.dims2()?.1, words.dim(1)?), words.dtype(), words.device())?;
    embed([words, types, &positions], ids, type_ids)
}

/// The tokens of sequences of one length, row by row.
pub(super) struct Tokens {
    ids: Vec<u32>,
    types: Vec<u32>,
    seq: usize,
}

impl Tokens {
    /// Number of sequences.
    fn batch(&self) -> usize {
        self.ids.len() / self.seq.max(1)
    }

    /// The gradients of the tables, by the rows that occur.
    fn backward(&self, dy: &Tensor, sink: &mut Sink) -> Result<()> {
        let positions: Vec<u32> = (0..self.seq as u32).cycle().take(self.ids.len()).collect();
        for (i, ids) in [&self.ids, &self.types, &positions].into_iter().enumerate() {
            if sink.wants(i) {
                sink.add_rows(i, ids, dy)?;
            }
        }
        Ok(())
    }
}
