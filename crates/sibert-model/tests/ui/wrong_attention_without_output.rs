//! Attention's result added to the stream without the output map: degree one onto degree two.
use candle_core::{Result, Tensor};
use sibert_model::Mode;
use sibert_model::homogeneous::{Homogeneous, One, Two};

pub fn branch(z: &Homogeneous<Two>, w: [&Homogeneous<One>; 3], keep: &Tensor) -> Result<Homogeneous<Two>> {
    let x = z.normalize()?;
    let (query, key, value) = (x.linear(w[0])?, x.linear(w[1])?, x.linear(w[2])?);
    z.add(&query.attention(&key, &value, keep, 2, 0., Mode::Eval)?)
}

fn main() {}
