//! Logits through the tied token table depend on the scale of the encoder.
use candle_core::{Result, Tensor};
use sibert_model::homogeneous::{Homogeneous, One, Zero};

pub fn logits(hidden: &Homogeneous<Zero>, table: &Homogeneous<One>) -> Result<Tensor> {
    Ok(hidden.linear(table)?.into_inner())
}

fn main() {}
