//! A bias after the map from degree one to degree two.
use candle_core::Result;
use sibert_model::homogeneous::{Homogeneous, One, Two, Zero};

pub fn feed_forward(
    x: &Homogeneous<Zero>,
    w: &Homogeneous<One>,
    bias: &Homogeneous<One>,
) -> Result<Homogeneous<Two>> {
    x.linear(w)?.add_bias(bias)?.relu()?.linear(w)?.add_bias(bias)
}

fn main() {}
