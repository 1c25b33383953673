#![allow(clippy::unwrap_used)]

use super::*;
use crate::ops::test_support::*;

#[test]
fn gelu_matches_composed_and_finite_differences() {
    let inputs = [(sample(&[3, 37], 1) * 6.).unwrap()];
    assert_matches(|x| gelu(&x[0]), |x| composed::gelu([&x[0]], ()), &inputs);
    assert_gradients(|x| gelu(&x[0]), &inputs);
}

#[test]
fn tanh_matches_candle_and_finite_differences() {
    assert_matches(|x| tanh(&x[0]), |x| x[0].tanh(), &[sample(&[3, 37], 1)]);
    assert_gradients(|x| tanh(&x[0]), &[sample(&[3, 7], 1)]);
}
