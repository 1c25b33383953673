//! Steps that a device is still at.
//!
//! A step enqueues its work and goes on. The numbers of many steps are read in one copy, when a report, an evaluation or a
//! checkpoint asks for them, and only then does the host wait. On the CPU they are there at once and read at once.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use sisgd::Deferred;

use super::divergence::Diverged;
use crate::log::StepMetrics;
use crate::sums::Sums;

/// A step whose numbers are not read yet.
pub struct Step {
    /// Its number, counted from 1.
    pub number: usize,
    /// Tokens of its batch.
    pub tokens: u64,
    /// The sums of its batch.
    pub sums: Deferred<Sums>,
    /// The report of its update.
    pub update: Deferred<StepMetrics>,
}

/// A step with the time that the host took.
struct Timed {
    step: Step,
    elapsed: Duration,
    waited: Duration,
}

/// The steps since the last reading.
#[derive(Default)]
pub struct Ahead(Vec<Timed>);

impl Ahead {
    /// Adds a step that took the host so long, of which it waited for the batch.
    pub fn push(&mut self, step: Step, elapsed: Duration, waited: Duration) {
        self.0.push(Timed { step, elapsed, waited });
    }

    /// The steps in their order, each with its number, up to the first that failed; waits for the device.
    ///
    /// The time of the wait is the last step's. Steps behind one that failed have changed nothing.
    ///
    /// # Errors
    /// If the device fails.
    pub fn read(&mut self) -> Result<Vec<(usize, Result<StepMetrics>)>> {
        let began = Instant::now();
        let (mut sums, mut updates, mut known) = (Vec::new(), Vec::new(), Vec::new());
        for Timed { step, elapsed, waited } in self.0.drain(..) {
            let Step { number, tokens, sums: of_batch, update } = step;
            sums.push(of_batch);
            updates.push(update);
            known.push((number, tokens, elapsed, waited));
        }
        let (sums, updates) = (Deferred::read(sums)?, Deferred::read(updates)?);
        if let Some((_, _, elapsed, _)) = known.last_mut() {
            *elapsed += began.elapsed();
        }
        let mut steps = Vec::with_capacity(known.len());
        for (((number, tokens, elapsed, waited), sums), update) in known.into_iter().zip(sums).zip(updates) {
            let metrics = sums.map_err(anyhow::Error::from).and_then(|sums| joined(sums, update));
            let failed = metrics.is_err();
            steps.push((
                number,
                metrics.map(|metrics| StepMetrics {
                    tokens,
                    seconds: elapsed.as_secs_f64(),
                    wait_seconds: waited.as_secs_f64(),
                    ..metrics
                }),
            ));
            if failed {
                break;
            }
        }
        Ok(steps)
    }
}

/// Both halves of a step; an update that was refused on the device, or a loss that is not finite, ends the run.
fn joined(sums: Sums, update: candle_core::Result<StepMetrics>) -> Result<StepMetrics> {
    let loss = sums.mean_loss();
    let metrics = update.map_err(|error| anyhow!(error).context(Diverged(format!("loss {loss}"))))?;
    if !loss.is_finite() {
        return Err(anyhow!(Diverged(format!("loss {loss}, with finite gradients"))));
    }
    let Sums { loss: loss_sum, correct, masked, pairs } = sums;
    Ok(StepMetrics { loss_sum, correct: correct as u64, masked: masked as u64, pairs, ..metrics })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;
    use crate::pretrain::divergence;

    fn number(value: f64) -> Tensor {
        Tensor::new(&[value], &Device::Cpu).unwrap()
    }

    fn step(number_of: usize, loss: f64, grad_norm: f64) -> Step {
        Step {
            number: number_of,
            tokens: 8,
            sums: Deferred::new(number(loss), |loss| {
                Ok(Sums { loss: loss[0], masked: 2, ..Sums::default() })
            }),
            update: Deferred::new(number(grad_norm), |norm| match norm[0].is_finite() {
                true => Ok(StepMetrics { grad_norm: norm[0], ..StepMetrics::default() }),
                false => candle_core::bail!("the gradient of `x` is not finite"),
            }),
        }
    }

    fn read(steps: impl IntoIterator<Item = Step>) -> Vec<(usize, Result<StepMetrics>)> {
        let mut ahead = Ahead::default();
        steps.into_iter().for_each(|step| ahead.push(step, Duration::from_secs(1), Duration::ZERO));
        ahead.read().unwrap()
    }

    #[test]
    fn steps_are_read_in_order_with_their_own_numbers() {
        let steps = read((1..4).map(|i| step(i, i as f64, 10. * i as f64)));
        for (i, (number, metrics)) in (1..).zip(steps) {
            let metrics = metrics.unwrap();
            assert_eq!((number, metrics.loss_sum, metrics.grad_norm), (i, i as f64, 10. * i as f64));
            assert_eq!((metrics.tokens, metrics.masked), (8, 2));
            assert!(metrics.seconds >= 1.);
        }
    }

    #[test]
    fn what_follows_a_refused_step_is_not_reported() {
        let steps = read([step(5, 1., 1.), step(6, 4., f64::NAN), step(7, 1., 1.)]);
        assert_eq!(steps.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [5, 6]);
        let error = steps.into_iter().next_back().unwrap().1.unwrap_err();
        let reason = divergence::reason(&error).unwrap();
        assert!(reason.starts_with("loss 2: the gradient of `x` is not finite"), "{reason}");
    }

    #[test]
    fn a_loss_that_is_not_finite_ends_the_run() {
        let error = read([step(1, f64::INFINITY, 1.)]).remove(0).1.unwrap_err();
        assert_eq!(divergence::reason(&error).unwrap(), "loss inf, with finite gradients");
    }
}
