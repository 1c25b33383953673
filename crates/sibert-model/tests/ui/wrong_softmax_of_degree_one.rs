//! Softmax attention of queries and keys that were not brought to unit length.
use candle_core::{Result, Tensor};
use sibert_model::Mode;
use sibert_model::homogeneous::{Homogeneous, One, Zero};

pub fn mixed(x: &Homogeneous<Zero>, w: [&Homogeneous<One>; 3], keep: &Tensor) -> Result<Homogeneous<One>> {
    let (query, key, value) = (x.linear(w[0])?, x.linear(w[1])?, x.linear(w[2])?);
    Homogeneous::<Zero>::softmax_attention([&query, &key], &value, keep, 2, 6., 0., Mode::Eval)
}

fn main() {}
