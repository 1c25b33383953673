//! Attention weights that were not divided by their row sum.
use candle_core::Result;
use sibert_model::homogeneous::{Homogeneous, One, Two};

pub fn mix(scores: &Homogeneous<Two>, value: &Homogeneous<One>) -> Result<Homogeneous<Two>> {
    scores.matmul(value)
}

fn main() {}
