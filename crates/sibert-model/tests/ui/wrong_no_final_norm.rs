//! Without the final norm the result has degree two, not zero.
use candle_core::Result;
use sibert_model::homogeneous::{Homogeneous, One, Two, Zero};

pub fn encode(z: Homogeneous<Two>, w: &Homogeneous<One>) -> Result<Homogeneous<Zero>> {
    let wide = z.normalize()?.linear(w)?;
    z.add(&wide.linear(w)?)
}

fn main() {}
