use candle_core::{Result, Tensor};

/// `Σ (x − target)²`.
pub fn squared_error([x]: [&Tensor; 1], target: Tensor) -> Result<Tensor> {
    (x - target)?.sqr()?.sum_all()
}
