use candle_core::{D, Result, Tensor};

/// `x[ids]` by candle's `index_select`.
pub fn rows([x]: [&Tensor; 1], ids: Tensor) -> Result<Tensor> {
    let width = x.dim(D::Minus1)?;
    let shape = [ids.dims(), &[width]].concat();
    x.reshape(((), width))?.index_select(&ids.flatten_all()?.to_device(x.device())?, 0)?.reshape(shape)
}
