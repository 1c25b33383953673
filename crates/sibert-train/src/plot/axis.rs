//! Ranges, round ticks and their labels.

/// Nearer to 0 than this is 0, and farther from it than [`FAR`] is there: the margins of either still have logarithms.
const NEAR: f64 = 1e-250;
/// The farthest place on an axis.
const FAR: f64 = 1e250;
/// So many lengths of an axis from its ends is as good as anywhere beyond.
const BEYOND: f64 = 100.;

/// Unit of an axis' labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unit {
    /// Plain numbers.
    Number,
    /// Shares, shown in percent.
    Percent,
}

/// Maps values to `0..=1` and knows its ticks.
#[derive(Debug)]
pub struct Axis {
    low: f64,
    high: f64,
    log: bool,
    /// Values with their labels, ascending.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// A linear axis over the values, a little wider; shares and steps begin at 0.
    pub fn linear(low: f64, high: f64, unit: Unit, tick_count: usize) -> Self {
        let (low, high) = (tame(low), tame(high));
        let spread = if high > low { high - low } else { high.abs().max(1e-12) };
        let low = if low >= 0. && (unit == Unit::Percent || low < 0.25 * spread) {
            0.
        } else {
            low - 0.05 * spread
        };
        let high = high + 0.05 * spread;
        let step = round_step((high - low) / tick_count as f64);
        let first = (low / step).ceil() as i64;
        let last = (high / step * (1. + 1e-12)).floor() as i64;
        let ticks = (first..=last).map(|i| (i as f64 * step, label(i as f64 * step, step, unit))).collect();
        Self { low, high, log: false, ticks }
    }

    /// A logarithmic axis over positive values that span a factor of 10 or more, else a linear one.
    pub fn log(low: f64, high: f64, tick_count: usize) -> Self {
        let (low, high) = (tame(low), tame(high));
        if low <= 0. || high / low < 10. {
            return Self::linear(low, high, Unit::Number, tick_count);
        }
        let (low, high) = with_margins(low, high);
        let ratio = high / low;
        let decades = if ratio.is_finite() { ratio.log10() } else { high.log10() - low.log10() };
        let factors: &[f64] = if decades < 2. { &[1., 2., 5.] } else { &[1.] };
        let every = (decades / tick_count as f64).ceil() as i32;
        let exponents = low.log10().floor() as i32..=high.log10().ceil() as i32;
        let ticks = exponents
            .filter(|exponent| exponent.rem_euclid(every) == 0)
            .flat_map(|exponent| factors.iter().map(move |factor| factor * 10f64.powi(exponent)))
            .filter(|value| (low..=high).contains(value))
            .map(|value| (value, number(value, value)))
            .collect();
        Self { low, high, log: true, ticks }
    }

    /// A linear axis from one end to the other, without margins.
    pub fn exact(low: f64, high: f64, tick_count: usize) -> Self {
        let (low, high) = (tame(low), tame(high));
        let mut axis = Self::linear(low, high, Unit::Number, tick_count);
        axis.ticks.retain(|(value, _)| (low..=high).contains(value));
        Self { low, high, ..axis }
    }

    /// An axis with a tick at each of these ascending values; logarithmic if they are positive and span a factor of 10.
    pub fn at(values: &[f64]) -> Self {
        let (low, high) = (values.first().copied().unwrap_or(0.), values.last().copied().unwrap_or(1.));
        let (low, high) = (tame(low), tame(high));
        let log = low > 0. && high / low >= 10.;
        let (low, high) = match log {
            true => with_margins(low, high),
            false => {
                let margin = if high > low { 0.05 * (high - low) } else { high.abs().max(1e-12) };
                (low - margin, high + margin)
            }
        };
        let ticks = values.iter().map(|&at| (at, value(at, Unit::Number))).collect();
        Self { low, high, log, ticks }
    }

    /// The lower end.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// The upper end.
    pub fn high(&self) -> f64 {
        self.high
    }

    /// An axis of steps, from 0.
    pub fn steps(last: f64) -> Self {
        let mut axis = Self::linear(0., last.max(1.), Unit::Number, 4);
        axis.high = last.max(1.);
        axis.ticks.retain(|(value, _)| *value <= last.max(1.) && value.fract() == 0.);
        axis
    }

    /// Where a value lies between the ends, 0 to 1; or somewhere beyond them.
    pub fn position(&self, value: f64) -> f64 {
        let value = tame(value);
        let position = match self.log {
            true => ln_of(value, self.low) / ln_of(self.high, self.low),
            false => (value - self.low) / (self.high - self.low),
        };
        if position.is_nan() { -BEYOND } else { position.clamp(-BEYOND, BEYOND) }
    }
}

/// A value that can be added to others, divided by them, and has a place.
fn tame(value: f64) -> f64 {
    if value.abs() < NEAR { 0. } else { value.clamp(-FAR, FAR) }
}

/// The ends of a logarithmic axis, a twentieth of its length beyond these values.
fn with_margins(low: f64, high: f64) -> (f64, f64) {
    let ratio = high / low;
    let margin = if ratio.is_finite() { ratio.powf(0.05) } else { (0.05 * ln_of(high, low)).exp() };
    (low / margin, high * margin)
}

/// `ln(value / low)`, also where that ratio is beyond all numbers.
fn ln_of(value: f64, low: f64) -> f64 {
    let ratio = value / low;
    if ratio.is_finite() { ratio.ln() } else { value.ln() - low.ln() }
}

/// The smallest of 1, 2, 2.5, 5 times a power of ten that is not below `step`.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    [1., 2., 2.5, 5.]
        .map(|factor| factor * power)
        .into_iter()
        .find(|round| *round >= step * 0.999)
        .unwrap_or(10. * power)
}

fn label(value: f64, step: f64, unit: Unit) -> String {
    match unit {
        Unit::Number => number(value, step),
        Unit::Percent => format!("{} %", decimal(100. * value, 100. * step)),
    }
}

/// `0`, `0.25`, `2.5k`, `8e-4`: digits as far as `step` asks for them.
fn number(value: f64, step: f64) -> String {
    let size = value.abs();
    match size {
        0. => "0".to_owned(),
        _ if size < 1e-3 && step < 1e-3 => scientific(value, step),
        _ if size >= 1e9 => scientific(value, step),
        _ if size >= 1e6 => decimal(value / 1e6, step / 1e6) + "M",
        _ if size >= 1e3 && step >= 10. => decimal(value / 1e3, step / 1e3) + "k",
        _ => decimal(value, step),
    }
}

fn scientific(value: f64, step: f64) -> String {
    let exponent = (value.abs() * (1. + 1e-9)).log10().floor() as i32;
    let power = 10f64.powi(exponent);
    format!("{}e{exponent}", decimal(value / power, step / power))
}

/// The shortest decimal that tells multiples of `step` apart.
fn decimal(value: f64, step: f64) -> String {
    let decimals = (0..6).find(|&d| {
        let scaled = step * 10f64.powi(d);
        (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1.)
    });
    let text = format!("{value:.*}", decimals.unwrap_or(6) as usize);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A single value with three significant digits.
pub fn value(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Percent => format!("{:.1} %", 100. * value),
        Unit::Number if value == 0. => "0".to_owned(),
        Unit::Number if tame(value) != value => format!("{value:.2e}"),
        Unit::Number => {
            let step = 10f64.powi(value.abs().log10().floor() as i32 - 2);
            number((value / step).round() * step, step)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: Axis) -> Vec<String> {
        axis.ticks.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(labels(Axis::linear(2.1, 9.8, Unit::Number, 5)), ["2", "4", "6", "8", "10"]);
        assert_eq!(labels(Axis::linear(0.02, 0.63, Unit::Percent, 4)), ["0 %", "20 %", "40 %", "60 %"]);
        assert_eq!(labels(Axis::linear(0., 8e-4, Unit::Number, 4)), ["0", "2.5e-4", "5e-4", "7.5e-4"]);
        assert_eq!(labels(Axis::steps(2000.)), ["0", "1k", "2k"].map(String::from).to_vec());
        assert_eq!(labels(Axis::log(0.3, 250., 5)), ["1", "10", "100"]);
        assert_eq!(labels(Axis::log(0.002, 0.05, 5)), ["0.002", "0.005", "0.01", "0.02", "0.05"]);
    }

    #[test]
    fn a_constant_has_a_range() {
        for value in [0., 8e-4, -3.] {
            let axis = Axis::linear(value, value, Unit::Number, 4);
            assert!(axis.high > axis.low && !axis.ticks.is_empty(), "{axis:?}");
            assert!((0. ..=1.).contains(&axis.position(value)));
        }
    }

    #[test]
    fn a_small_span_is_linear() {
        assert!(!Axis::log(1., 2., 4).log && !Axis::log(0., 100., 4).log && Axis::log(1., 20., 4).log);
        assert_eq!(Axis::log(1., 100., 4).position(10.), 0.5);
    }

    #[test]
    fn ends_are_exact_where_they_are_asked_to_be() {
        let axis = Axis::exact(1.2, 7.7, 5);
        assert_eq!((axis.position(1.2), axis.position(7.7)), (0., 1.));
        assert_eq!(labels(axis), ["2", "4", "6"]);
    }

    #[test]
    fn the_smallest_and_largest_numbers_have_places() {
        let extremes = [-1e308, -1., -1e-320, 0., 1e-320, 1., 1e308, f64::MAX, f64::MIN_POSITIVE];
        for low in extremes {
            for high in extremes.into_iter().filter(|high| *high >= low) {
                let at = Axis::at(&[low, high]);
                let linear = Axis::linear(low, high, Unit::Number, 5);
                for axis in
                    [linear, Axis::log(low, high, 5), Axis::exact(low, high, 5), at, Axis::steps(high)]
                {
                    assert!(axis.ticks.len() < 20, "{axis:?}");
                    for value in extremes {
                        assert!(axis.position(value).is_finite(), "{value} on {axis:?}");
                    }
                    assert!(axis.position(low) <= axis.position(high), "{axis:?}");
                }
            }
        }
        assert_eq!(value(1e308, Unit::Number), "1.00e308");
        assert_eq!(value(1e-320, Unit::Number), "1.00e-320");
    }

    #[test]
    fn tested_values_are_the_ticks() {
        let axis = Axis::at(&[0.01, 1., 100.]);
        assert!(axis.log && (axis.position(1.) - 0.5).abs() < 1e-12);
        assert_eq!(labels(axis), ["0.01", "1", "100"]);
        let axis = Axis::at(&[0., 2., 4.]);
        assert!(!axis.log && axis.position(2.) == 0.5);
        assert_eq!(Axis::at(&[3.]).position(3.), 0.5);
    }

    #[test]
    fn end_labels_have_three_digits() {
        let shown = [2.345, 123.4, 0.000_812_3, 45_678.].map(|number| value(number, Unit::Number));
        assert_eq!(shown, ["2.35", "123", "8.12e-4", "45.7k"]);
        assert_eq!(value(0.4123, Unit::Percent), "41.2 %");
    }
}
