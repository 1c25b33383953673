//! Numbers to compute with, and how far two results lie apart.

use candle_core::{Device, Result, Tensor};
use sibert_model::random;

/// Numbers of (-1, 1) on the CPU that bf16 holds exactly: multiples of 1/64.
///
/// Sums of up to 1024 products of two such numbers are exact in f32 too, so that no rectifier behind them can see another
/// sign on another device.
pub fn sample(shape: &[usize], name: &str) -> Result<Tensor> {
    let key = random::named(0, name);
    let number = |i| (random::fork(key, i) % 127) as f32 / 64. - 63. / 64.;
    let len = shape.iter().product::<usize>() as u64;
    Tensor::from_vec((0..len).map(number).collect::<Vec<f32>>(), shape, &Device::Cpu)
}

/// Ids below `end`, on the CPU; they repeat.
pub fn ids(shape: &[usize], end: usize, name: &str) -> Result<Tensor> {
    let key = random::named(1, name);
    let len = shape.iter().product::<usize>() as u64;
    let ids: Vec<u32> = (0..len).map(|i| (random::fork(key, i) % end as u64) as u32).collect();
    Tensor::from_vec(ids, shape, &Device::Cpu)
}

/// The largest absolute value; NaN counts as infinite.
pub fn largest(x: &[f64]) -> f64 {
    x.iter().map(|x| if x.is_nan() { f64::INFINITY } else { x.abs() }).fold(0., f64::max)
}

/// The largest difference as a part of `scale`; infinite if the lengths differ, a number is NaN, or zeros are not met.
pub fn apart(found: &[f64], expected: &[f64], scale: f64) -> f64 {
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let differences: Vec<f64> = found.iter().zip(expected).map(|(a, b)| a - b).collect();
    match largest(&differences) {
        0. => 0.,
        difference => difference / scale,
    }
}

/// `‖found − expected‖ / ‖expected‖`; infinite if the lengths differ.
pub fn relative<'a>(pairs: impl IntoIterator<Item = (&'a [f64], &'a [f64])>) -> f64 {
    let (mut difference, mut total) = (0., 0.);
    for (found, expected) in pairs {
        if found.len() != expected.len() {
            return f64::INFINITY;
        }
        difference += found.iter().zip(expected).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        total += expected.iter().map(|x| x * x).sum::<f64>();
    }
    if difference == 0. { 0. } else { (difference / total).sqrt() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::DType;

    use super::*;

    #[test]
    fn samples_are_what_bf16_holds() {
        let x = sample(&[1000], "x").unwrap();
        let rounded = x.to_dtype(DType::BF16).unwrap().to_dtype(DType::F32).unwrap();
        assert_eq!(x.to_vec1::<f32>().unwrap(), rounded.to_vec1::<f32>().unwrap());
        assert!(x.to_vec1::<f32>().unwrap().iter().all(|x| x.abs() < 1.));
    }

    #[test]
    fn what_is_not_a_number_or_of_another_length_is_infinitely_far() {
        assert_eq!(apart(&[1., 2.5], &[1., 2.], 2.), 0.25);
        assert_eq!(apart(&[0.], &[0.], 0.), 0.);
        assert_eq!(apart(&[f64::NAN], &[0.], 1.), f64::INFINITY);
        assert_eq!(apart(&[1e-9], &[0.], 0.), f64::INFINITY);
        assert_eq!(apart(&[], &[0.], 1.), f64::INFINITY);
        assert_eq!(relative([(&[3., 5.][..], &[3., 4.][..])]), 0.2);
    }
}
