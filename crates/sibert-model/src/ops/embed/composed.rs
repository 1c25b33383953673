use candle_core::{Result, Tensor};

/// Three look-ups and two sums.
pub fn embed([words, types, positions]: [&Tensor; 3], ids: &Tensor, type_ids: &Tensor) -> Result<Tensor> {
    let (batch, seq) = ids.dims2()?;
    let rows = |table: &Tensor, ids: &Tensor| {
        table.index_select(&ids.flatten_all()?.to_device(table.device())?, 0)?.reshape((
            batch,
            seq,
            table.dim(1)?,
        ))
    };
    (rows(words, ids)? + rows(types, type_ids)?)?.broadcast_add(&positions.narrow(0, 0, seq)?)
}
