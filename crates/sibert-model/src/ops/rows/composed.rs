use candle_core::{D, Result, Tensor};

use super::cpu;

/// `x[ids]` by candle's `index_select`, whose kernels do not all check the ids.
pub fn rows(x: &Tensor, ids: &Tensor) -> Result<Tensor> {
    let width = x.dim(D::Minus1)?;
    let x = x.reshape(((), width))?;
    let shape = [ids.dims(), &[width]].concat();
    let ids = ids.flatten_all()?;
    cpu::check("rows", &ids.to_vec1()?, x.dim(0)?)?;
    x.index_select(&ids.to_device(x.device())?, 0)?.reshape(shape)
}
