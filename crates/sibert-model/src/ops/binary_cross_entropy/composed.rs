use candle_core::{Result, Tensor};

/// `Σ (max(x, 0) + log(1 + e^−|x|) − target · x)`.
pub fn binary_cross_entropy([x]: [&Tensor; 1], target: Tensor) -> Result<Tensor> {
    let softplus = (x.relu()? + (x.abs()?.neg()?.exp()? + 1.)?.log()?)?;
    (softplus - (x * target)?)?.sum_all()
}
