//! GELU is homogeneous of no degree.
use candle_core::Result;
use sibert_model::homogeneous::{Homogeneous, One};

pub fn activation(x: &Homogeneous<One>) -> Result<Homogeneous<One>> {
    x.gelu()
}

fn main() {}
