use candle_core::{Device, Result, Tensor};

use super::Tokens;

/// Three look-ups and two sums.
pub fn embed([words, types, positions]: [&Tensor; 3], tokens: Tokens) -> Result<Tensor> {
    let shape = (tokens.batch(), tokens.seq, words.dim(1)?);
    let rows = |table: &Tensor, ids: &[u32]| {
        let ids = Tensor::from_slice(ids, ids.len(), &Device::Cpu)?.to_device(table.device())?;
        table.contiguous()?.index_select(&ids, 0)?.reshape(shape)
    };
    let sum = (rows(words, &tokens.ids)? + rows(types, &tokens.types)?)?;
    sum.broadcast_add(&positions.narrow(0, 0, tokens.seq)?)
}
