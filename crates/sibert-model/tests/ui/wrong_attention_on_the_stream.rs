//! Attention on the stream itself instead of its norm.
use candle_core::Result;
use sibert_model::homogeneous::{Homogeneous, One, Two};

pub fn query(z: &Homogeneous<Two>, w: &Homogeneous<One>) -> Result<Homogeneous<Two>> {
    z.linear(w)
}

fn main() {}
