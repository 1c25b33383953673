use candle_core::{Result, Tensor};

/// `table[ids]` by candle's `index_select`.
pub fn rows(table: &Tensor, ids: &Tensor) -> Result<Tensor> {
    let shape = [ids.dims(), &[table.dim(1)?]].concat();
    table.index_select(&ids.flatten_all()?, 0)?.reshape(shape)
}
