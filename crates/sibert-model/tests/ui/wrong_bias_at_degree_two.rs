//! A bias after the map from degree one to degree two.
use candle_core::Result;
use sibert_model::homogeneous::{Homogeneous, One, Two, Zero};

pub fn feed_forward(
    x: &Homogeneous<Zero>,
    w: &Homogeneous<One>,
    bias: &Homogeneous<One>,
) -> Result<Homogeneous<Two>> {
    x.linear_bias_relu(w, bias)?.linear(w)?.add(bias)
}

fn main() {}
