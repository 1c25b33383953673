//! Learning rates as pure functions of the step.

use crate::require;
use candle_core::{Result, bail};
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// How the learning rate moves over a run; steps are counted from 0.
///
/// In a configuration file the variant stands under `kind`, in snake case:
///
/// ```
/// # use sisgd::Schedule;
/// let json = r#"{ "kind": "piecewise_constant", "milestones": [600, 900], "factor": 0.1 }"#;
/// let schedule: Schedule = serde_json::from_str(json)?;
/// assert_eq!(schedule.lr(8e-4, 599), 8e-4);
/// assert_eq!(schedule.lr(8e-4, 600), 8e-4 * 0.1);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// `η`.
    #[default]
    Constant,
    /// `η·factorᵏ` after `k` milestones: the paper's encoder, with factor 0.1 at 60 % and 90 % of the steps.
    PiecewiseConstant {
        /// The first step of each new rate, increasing.
        milestones: Vec<usize>,
        /// The factor of the rate at each milestone.
        factor: f64,
    },
    /// Linear warm-up, then `η·(1 − p)`: the paper's head.
    Linear {
        /// Steps until the full rate is reached.
        warmup_steps: usize,
        /// Steps of the whole run, warm-up included.
        total_steps: usize,
    },
    /// Linear warm-up, then `η·(1 + cos πp)/2`.
    Cosine {
        /// Steps until the full rate is reached.
        warmup_steps: usize,
        /// Steps of the whole run, warm-up included.
        total_steps: usize,
    },
    /// Linear warm-up, then `η·(1 − p)^power`.
    Polynomial {
        /// Steps until the full rate is reached.
        warmup_steps: usize,
        /// Steps of the whole run, warm-up included.
        total_steps: usize,
        /// The exponent; 1 is [`Schedule::Linear`].
        power: f64,
    },
}

impl Schedule {
    /// The learning rate of step `step` for a peak rate of `base`.
    ///
    /// ```text
    /// warm-up      step < W:  η·(step + 1)/W             the first step already moves, step W − 1 has the full rate
    /// decay        step ≥ W:  η·decay(p),  p = (step − W)/(T − W)
    /// ```
    ///
    /// Within the run (`step < T`) the rate is positive; from `T` on it is 0, which every optimizer here refuses.
    pub fn lr(&self, base: f64, step: usize) -> f64 {
        match *self {
            Schedule::Constant => base,
            Schedule::PiecewiseConstant { ref milestones, factor } => {
                let passed = milestones.iter().filter(|&&milestone| milestone <= step).count();
                base * factor.powi(passed as i32)
            }
            Schedule::Linear { warmup_steps, total_steps } => {
                base * warm_then(warmup_steps, total_steps, step, |p| 1. - p)
            }
            Schedule::Cosine { warmup_steps, total_steps } => {
                base * warm_then(warmup_steps, total_steps, step, |p| (1. + (PI * p).cos()) / 2.)
            }
            Schedule::Polynomial { warmup_steps, total_steps, power } => {
                base * warm_then(warmup_steps, total_steps, step, |p| (1. - p).powf(power))
            }
        }
    }

    /// Refuses parameters that describe no schedule.
    ///
    /// # Errors
    /// Milestones that do not increase, a factor or power that is not positive, a warm-up that fills the whole run.
    pub fn validate(&self) -> Result<()> {
        match *self {
            Schedule::Constant => Ok(()),
            Schedule::PiecewiseConstant { ref milestones, factor } => {
                if let Some(pair) = milestones.windows(2).find(|pair| pair[0] >= pair[1]) {
                    bail!("milestones are not increasing: {} is followed by {}", pair[0], pair[1]);
                }
                require::positive("factor", factor)
            }
            Schedule::Linear { warmup_steps, total_steps }
            | Schedule::Cosine { warmup_steps, total_steps } => warmup_ends(warmup_steps, total_steps),
            Schedule::Polynomial { warmup_steps, total_steps, power } => {
                require::positive("power", power)?;
                warmup_ends(warmup_steps, total_steps)
            }
        }
    }
}

fn warm_then(warmup_steps: usize, total_steps: usize, step: usize, decay: impl Fn(f64) -> f64) -> f64 {
    if step < warmup_steps {
        (step + 1) as f64 / warmup_steps as f64
    } else if step < total_steps {
        decay((step - warmup_steps) as f64 / (total_steps - warmup_steps) as f64)
    } else {
        0.
    }
}

fn warmup_ends(warmup_steps: usize, total_steps: usize) -> Result<()> {
    if warmup_steps >= total_steps {
        bail!("warmup_steps {warmup_steps} is not below total_steps {total_steps}");
    }
    Ok(())
}

/// The intrinsic learning rate `ηλ = D / steps` of a run with budget `D`.
///
/// Once the norm has settled only `ηλ` matters, and the norm settles in `O(1/(ηλ))` steps, so runs of different length
/// compare at the same `D`; the paper's recipe has `D = 8e-4 · 1e-2 · 1e6 = 8`. Keep `η` and set `λ = ηλ/η`.
///
/// ```
/// let weight_decay = sisgd::intrinsic_lr(8., 1_000_000)? / 8e-4;
/// assert!((weight_decay - 1e-2).abs() < 1e-15);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # Errors
/// If the budget is not positive or does not fit below one per step.
pub fn intrinsic_lr(budget: f64, steps: usize) -> Result<f64> {
    require::positive("budget", budget)?;
    let rate = budget / steps as f64;
    if rate >= 1. {
        bail!("budget {budget} over {steps} steps gives lr times weight_decay {rate}, expected below 1");
    }
    Ok(rate)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn decaying(warmup_steps: usize, total_steps: usize) -> [Schedule; 3] {
        [
            Schedule::Linear { warmup_steps, total_steps },
            Schedule::Cosine { warmup_steps, total_steps },
            Schedule::Polynomial { warmup_steps, total_steps, power: 2. },
        ]
    }

    #[test]
    fn rates_within_the_run_are_positive_and_at_most_the_peak() {
        for (warmup_steps, total_steps) in [(0, 7), (1, 7), (5, 1000)] {
            for schedule in decaying(warmup_steps, total_steps) {
                for step in 0..total_steps {
                    let lr = schedule.lr(3e-4, step);
                    assert!(lr > 0. && lr <= 3e-4, "{schedule:?} gives {lr} at step {step}");
                }
                assert_eq!(schedule.lr(3e-4, total_steps), 0.);
                assert_eq!(schedule.lr(3e-4, total_steps + 100), 0.);
            }
        }
    }

    #[test]
    fn the_peak_is_reached_at_the_end_of_the_warmup() {
        for schedule in decaying(10, 100) {
            assert_eq!(schedule.lr(2., 0), 0.2);
            assert_eq!(schedule.lr(2., 9), 2.);
            assert_eq!(schedule.lr(2., 10), 2.);
            assert!(schedule.lr(2., 11) < 2.);
        }
        let [linear, cosine, polynomial] = decaying(10, 110);
        let (linear, cosine, polynomial) = (linear.lr(1., 60), cosine.lr(1., 60), polynomial.lr(1., 60));
        assert!(
            (linear - 0.5).abs() < 1e-15 && (cosine - 0.5).abs() < 1e-15 && (polynomial - 0.25).abs() < 1e-15
        );
    }

    #[test]
    fn milestones_multiply_by_the_factor() {
        let schedule = Schedule::PiecewiseConstant { milestones: vec![600, 900], factor: 0.1 };
        let rates = [0, 599, 600, 899, 900, 5000].map(|step| schedule.lr(1., step));
        let expected = [1., 1., 0.1, 0.1, 0.01, 0.01];
        assert!(
            rates.iter().zip(expected).all(|(rate, expected)| (rate - expected).abs() < 1e-15),
            "{rates:?}"
        );
        assert_eq!(Schedule::Constant.lr(0.3, 1_000_000), 0.3);
    }

    #[test]
    fn schedules_are_read_and_written_by_snake_case_kind() {
        for schedule in decaying(2, 9).into_iter().chain([Schedule::Constant]) {
            let json = serde_json::to_string(&schedule).unwrap();
            assert_eq!(serde_json::from_str::<Schedule>(&json).unwrap(), schedule, "{json}");
        }
        assert_eq!(serde_json::to_string(&Schedule::Constant).unwrap(), r#"{"kind":"constant"}"#);
        let unknown = r#"{"kind":"linear","warmup_steps":1,"total_steps":2,"power":3}"#;
        assert!(serde_json::from_str::<Schedule>(unknown).is_err());
    }

    #[test]
    fn impossible_schedules_are_refused() {
        let descending = Schedule::PiecewiseConstant { milestones: vec![9, 6], factor: 0.1 };
        assert!(descending.validate().unwrap_err().to_string().contains("9 is followed by 6"));
        assert!(Schedule::PiecewiseConstant { milestones: vec![], factor: 0. }.validate().is_err());
        assert!(decaying(5, 5).iter().all(|schedule| schedule.validate().is_err()));
        assert!(decaying(5, 6).iter().all(|schedule| schedule.validate().is_ok()));
        assert!(Schedule::Polynomial { warmup_steps: 0, total_steps: 1, power: -1. }.validate().is_err());
        assert!(
            intrinsic_lr(8., 0).is_err() && intrinsic_lr(8., 8).is_err() && intrinsic_lr(-1., 100).is_err()
        );
        assert_eq!(intrinsic_lr(8., 1000).unwrap(), 8e-3);
    }
}
