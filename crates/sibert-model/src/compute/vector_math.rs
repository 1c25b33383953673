//! Elementary functions of one f32, branch-free, so that a loop over them becomes vector code.
//!
//! Without `mul_add`: they give the same bits whatever instructions the processor has.

/// The polynomial with these coefficients, the highest power's first.
#[inline(always)]
fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[0];
    for &c in &coefficients[1..] {
        sum = sum * x + c;
    }
    sum
}

/// The coefficients of q, the highest power's first.
pub const Q: [f32; 5] = [0.001_395_053_8, 0.008_368_918, 0.041_666_206, 0.166_665_18, 0.5];
/// `1.5 · 2²³`: adding it rounds to an integer, which is then in the low bits.
pub const ROUND: f32 = 12_582_912.;
/// `ln 2` to nine bits, so that its products with `n` are exact, and the rest.
pub const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// `eˣ` within two units in the last place; results below the normal range are rounded once more.
///
/// `x = n ln 2 + r` with `|r| ≤ ln 2 / 2`, and `eʳ = 1 + r + r² q(r)`. The power of two is multiplied in two steps,
/// since `2ⁿ` need not be a number where its product with `eʳ` is one.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // NaN stays: a comparison with it is false
    let clamped = if x < -105. { -105. } else { x };
    let clamped = if clamped > 90. { 90. } else { clamped };
    let rounded = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = (clamped - n * LN_2[0]) - n * LN_2[1];
    let exponent = rounded.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let (half, rest) = (exponent >> 1, exponent - (exponent >> 1));
    let power = |n: i32| f32::from_bits(((n + 127) << 23) as u32);
    (r * r * polynomial(r, Q) + r + 1.) * power(half) * power(rest)
}

/// `erf(x)`, its absolute error below 1e-7, and `exp(−x²)`.
///
/// Up to 3/4 it is `x` more than an odd polynomial, above it `1 − exp(−x²) q(|x| − 3/2)`; the arguments of both are
/// small, and with them the errors of rounding.
#[inline(always)]
pub fn erf_and_bell(x: f32) -> (f32, f32) {
    const CENTRE: [f32; 6] =
        [-6.603_828e-4, 5.092_495_6e-3, -2.682_275_7e-2, 0.112_830_97, -0.376_125_93, 0.128_379_17];
    const TAIL: [f32; 9] = [
        1.961_766_2e-4,
        -8.122_044e-4,
        1.942_658_1e-3,
        -5.036_341_5e-3,
        1.336_380_9e-2,
        -3.295_883e-2,
        7.614_97e-2,
        -0.163_621_44,
        0.321_585_5,
    ];
    let square = x * x;
    let bell = exp(-square);
    let size = if x.abs() > 4. { 4. } else { x.abs() };
    let centre = x + x * polynomial(square, CENTRE);
    let tail = (1. - bell * polynomial(size - 1.5, TAIL)).copysign(x);
    (if size < 0.75 { centre } else { tail }, bell)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every 499th number, of every binade and both signs.
    fn numbers() -> impl Iterator<Item = f32> {
        (0..=u32::MAX).step_by(499).map(f32::from_bits)
    }

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        for x in numbers().filter(|x| !x.is_nan()) {
            let (actual, expected) = (exp(x), libm::exp(f64::from(x)));
            if expected > f64::from(f32::MAX) * (1. + 1e-7) {
                assert_eq!(actual, f32::INFINITY, "{x:e}");
            } else if actual.is_finite() {
                let unit = (expected * 2f64.powi(-23)).max(2f64.powi(-149));
                let error = (f64::from(actual) - expected).abs() / unit;
                assert!(error <= 2., "exp({x:e}) = {actual:e}, off by {error} units");
            } else {
                assert!(expected > f64::from(f32::MAX) * (1. - 1e-6), "{x:e}");
            }
        }
    }

    #[test]
    fn exp_keeps_the_special_values() {
        assert_eq!([exp(0.), exp(f32::NEG_INFINITY), exp(f32::INFINITY)], [1., 0., f32::INFINITY]);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn erf_is_within_its_error_bound() {
        let worst = numbers()
            .filter(|x| !x.is_nan())
            .chain((-600_000..=600_000).map(|i| i as f32 * 1e-5))
            .map(|x| (f64::from(erf_and_bell(x).0) - libm::erf(f64::from(x))).abs())
            .fold(0f64, f64::max);
        assert!(worst < 1e-7, "{worst:e}");
    }

    #[test]
    fn erf_keeps_nan_and_reaches_one() {
        assert!(erf_and_bell(f32::NAN).0.is_nan());
        assert_eq!(erf_and_bell(f32::INFINITY), (1., 0.));
        assert_eq!(erf_and_bell(-20.), (-1., 0.));
    }
}
