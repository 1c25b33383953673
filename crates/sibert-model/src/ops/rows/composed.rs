use candle_core::{Result, Tensor};

use super::cpu;

/// `table[ids]` by candle's `index_select`, whose kernels do not all check the ids.
pub fn rows(table: &Tensor, ids: &Tensor) -> Result<Tensor> {
    let (len, width) = table.dims2()?;
    let shape = [ids.dims(), &[width]].concat();
    let ids = ids.flatten_all()?;
    cpu::check(&ids.to_vec1()?, len)?;
    table.index_select(&ids, 0)?.reshape(shape)
}
