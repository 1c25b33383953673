//! The conditions on hyper-parameters that several optimizers share.

use candle_core::{Result, bail};

pub(crate) fn non_negative(key: &str, value: f64) -> Result<()> {
    if !(value.is_finite() && value >= 0.) {
        bail!("{key} {value} is not a finite number of at least 0");
    }
    Ok(())
}

pub(crate) fn positive(key: &str, value: f64) -> Result<()> {
    if !(value.is_finite() && value > 0.) {
        bail!("{key} {value} is not a positive finite number");
    }
    Ok(())
}

pub(crate) fn fraction(key: &str, value: f64) -> Result<()> {
    if !(0. ..1.).contains(&value) {
        bail!("{key} {value} is not in [0, 1)");
    }
    Ok(())
}

/// Conditions on a step's learning rate: positive, and `ηλ < 1` where `1 − ηλ` multiplies the parameters.
pub(crate) fn learning_rate(lr: f64, decoupled_decay: f64) -> Result<()> {
    if !(lr.is_finite() && lr > 0.) {
        bail!("lr {lr} is not a positive finite number: does the schedule end before the run?");
    }
    if lr * decoupled_decay >= 1. {
        let product = lr * decoupled_decay;
        bail!(
            "lr {lr} times weight_decay {decoupled_decay} is {product}, expected below 1: one step would erase the parameters"
        );
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn values_outside_their_range_are_refused() {
        for bad in [-1., f64::NAN, f64::INFINITY] {
            assert!(non_negative("weight_decay", bad).is_err());
            assert!(positive("eps", bad).is_err());
            assert!(fraction("beta1", bad).is_err());
            assert!(learning_rate(bad, 0.).is_err());
        }
        assert!(
            positive("eps", 0.).is_err() && fraction("beta2", 1.).is_err() && learning_rate(0., 0.).is_err()
        );
        assert!(non_negative("weight_decay", 0.).is_ok() && fraction("beta1", 0.).is_ok());
        assert!(learning_rate(0.1, 9.9).is_ok());
        assert!(learning_rate(0.1, 10.).unwrap_err().to_string().contains("erase"));
    }
}
