//! A residual stream of degree two plus a branch of degree one.
use candle_core::Result;
use sibert_model::homogeneous::{Homogeneous, One, Two};

pub fn residual(z: &Homogeneous<Two>, branch: &Homogeneous<One>) -> Result<Homogeneous<Two>> {
    z.add(branch)
}

fn main() {}
