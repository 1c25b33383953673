use candle_core::{Result, Tensor};

/// `x (1 + erf(x / √2)) / 2`; the slope of candle's own `gelu_erf` has a constant of six digits.
pub fn gelu([x]: [&Tensor; 1], _: ()) -> Result<Tensor> {
    x.mul(&((x * std::f64::consts::FRAC_1_SQRT_2)?.erf()? + 1.)?)? * 0.5
}

/// candle's own.
pub fn tanh([x]: [&Tensor; 1], _: ()) -> Result<Tensor> {
    x.tanh()
}
