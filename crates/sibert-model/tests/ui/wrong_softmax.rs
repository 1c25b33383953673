//! Softmax over scores is homogeneous of no degree.
use candle_core::Result;
use sibert_model::homogeneous::{Homogeneous, Two, Zero};

pub fn weights(scores: &Homogeneous<Two>) -> Result<Homogeneous<Zero>> {
    scores.softmax()
}

fn main() {}
