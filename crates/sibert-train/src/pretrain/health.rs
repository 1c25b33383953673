//! Words of warning when a run leaves the range in which it learns, each once, with the setting to change.

use sisgd::equilibrium;

use crate::config::{Optimizer, RunConfig};
use crate::log::{Evaluation, Report};

/// Reports in a row that make a habit of what one may do by chance.
const HABIT: usize = 5;
/// Radians a step of SGD, above which what is learned is forgotten before it is of use.
pub const FAR: f64 = 0.03;
/// Radians a step of SGD, below which the encoder hardly learns.
pub const NEAR: f64 = 1e-4;
/// The same of θ, the angle of every block under the rule `spectral`: docs/results/recipe.md.
pub const FAR_THETA: f64 = 0.1;
pub const NEAR_THETA: f64 = 2e-3;
/// Share of steps whose gradient stands out.
const MANY_SPIKES: f64 = 0.02;
/// `|⟨g,x⟩|/(‖g‖‖x‖)` beyond rounding.
const NOT_ORTHOGONAL: f64 = 0.05;
/// Before this step nothing can be said of what is learned.
const EARLIEST: usize = 200;
/// Below the loss of word frequencies by less than this is the plateau.
const PLATEAU: f64 = 0.1;

/// Warnings about a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Far,
    Near,
    Spikes,
    NotOrthogonal,
    Plateau,
    WorseThanFrequencies,
}

/// Watches the reports of a run.
#[derive(Debug)]
pub struct Health {
    frequency_loss: f64,
    in_a_row: [usize; 4],
    said: Vec<Sign>,
}

impl Health {
    /// Of a run whose held-out words are worth this loss to a model that knows their frequencies alone; NaN if that is not
    /// known, and then nothing is said of it.
    pub fn new(frequency_loss: f64) -> Self {
        Self { frequency_loss, in_a_row: [0; 4], said: Vec::new() }
    }

    /// Warnings after a report.
    pub fn of_report(&mut self, report: &Report, config: &RunConfig) -> Vec<String> {
        // The rate of the end is meant to be small.
        let full_rate = report.lr >= 0.5 * config.lr;
        let settled = report.step >= config.max_steps / 20;
        let spikes = report.spikes.unwrap_or(0) as f64 / config.log_every as f64;
        let theory = report.euler.is_some();
        let spectral = config.optimizer == Optimizer::Spectral;
        let (far, near) = if spectral { (FAR_THETA, NEAR_THETA) } else { (FAR, NEAR) };
        let signs = [
            (Sign::Far, theory && settled && report.angle > Some(far)),
            (Sign::Near, theory && settled && full_rate && report.angle < Some(near)),
            (Sign::Spikes, !spectral && config.clip.is_none() && spikes > MANY_SPIKES),
            (Sign::NotOrthogonal, report.euler > Some(NOT_ORTHOGONAL)),
        ];
        let mut words = Vec::new();
        for (in_a_row, (sign, seen)) in self.in_a_row.iter_mut().zip(signs) {
            *in_a_row = if seen { *in_a_row + 1 } else { 0 };
            if *in_a_row >= HABIT && !self.said.contains(&sign) {
                self.said.push(sign);
                words.push(describe(sign, report, config));
            }
        }
        words
    }

    /// Warnings after an evaluation.
    pub fn of_evaluation(&mut self, evaluation: &Evaluation, config: &RunConfig) -> Vec<String> {
        let (loss, known) = (evaluation.eval_loss, self.frequency_loss);
        let begun = evaluation.step >= EARLIEST.max(config.max_steps / 10);
        let half_done = 2 * evaluation.step >= config.max_steps;
        let sign = match loss - known {
            over if over > 1. && begun => Sign::WorseThanFrequencies,
            over if over > -PLATEAU && begun && half_done => Sign::Plateau,
            _ => return Vec::new(),
        };
        if self.said.contains(&sign) {
            return Vec::new();
        }
        self.said.push(sign);
        let step = evaluation.step;
        vec![match sign {
            Sign::Plateau => format!(
                "warning: at step {step} the held-out loss {loss:.2} is that of word frequencies ({known:.2}): nothing is \
                 learned from context yet; train longer (max_steps), on larger batches (batch_size), or with another lr"
            ),
            _ => format!(
                "warning: at step {step} the held-out loss {loss:.2} is above that of word frequencies ({known:.2}): the \
                 run does not learn; lower {}",
                if config.head.is_some() { "head.lr and lr" } else { "lr" }
            ),
        }]
    }
}

fn describe(sign: Sign, report: &Report, config: &RunConfig) -> String {
    let Report { step, param_norm, .. } = report;
    let angle = report.angle.unwrap_or_default();
    let theta = config.lr;
    let words = match sign {
        Sign::Far if config.optimizer == Optimizer::Spectral => format!(
            "each step turns every block by {angle:.2} rad, which forgets as fast as it learns: lower lr, the angle, from \
             {theta} towards 0.05"
        ),
        Sign::Near if config.optimizer == Optimizer::Spectral => format!(
            "a step turns every block by only {angle:.1e} rad, so the encoder hardly learns: raise lr, the angle, from \
             {theta} towards 0.05"
        ),
        Sign::Far => {
            let intrinsic_lr = config.lr * config.weight_decay;
            let remedy = match config.clip {
                None if equilibrium::angle(intrinsic_lr) < FAR => {
                    format!("lower lr (now {}), or set clip = 2", config.lr)
                }
                _ => format!(
                    "lower intrinsic_lr (now {intrinsic_lr:.1e}) until sqrt(2 intrinsic_lr) is below {FAR}"
                ),
            };
            format!(
                "each step turns the encoder by {angle:.2} rad, which forgets as fast as it learns: {remedy}"
            )
        }
        Sign::Near => format!(
            "a step turns the encoder by only {angle:.1e} rad at ||x|| = {param_norm:.3}, so it hardly learns: raise lr \
             (now {}), keeping intrinsic_lr (now {:.1e}){}",
            config.lr,
            config.lr * config.weight_decay,
            match config.clip {
                Some(_) => "; with a clip it cannot be too large",
                None => ", and set clip = 2, with which it cannot be too large",
            }
        ),
        Sign::Spikes => {
            let remedy = match config.optimizer {
                Optimizer::Sisgd => "set clip = 2",
                _ => "set clip",
            };
            format!("many gradients are more than twice as long as usual: {remedy}")
        }
        _ => format!(
            "gradient and parameters are not orthogonal, <g,x>/(|g||x|) is {:.2}: the encoder is not scale invariant as it \
             is computed here; use precision = \"f32\"",
            report.euler.unwrap_or_default()
        ),
    };
    format!("warning: at step {step} {words}")
}
