//! Sums over the steps since the last line of `metrics.jsonl`.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::sums::Pairs;

/// The quantities of one optimizer step.
#[derive(Clone, Debug, Default)]
pub struct StepMetrics {
    /// Sum of the cross-entropies of the masked words.
    pub loss_sum: f64,
    /// Masked words predicted correctly.
    pub correct: u64,
    /// Masked words.
    pub masked: u64,
    /// Pairs of sentences.
    pub pairs: Pairs,
    /// Tokens read.
    pub tokens: u64,
    /// Learning rate η of the encoder.
    pub lr: f64,
    /// Learning rate of the head, where it has its own optimizer.
    pub head_lr: Option<f64>,
    /// ‖g‖ of the encoder before clipping.
    pub grad_norm: f64,
    /// ‖x‖ of the encoder after the step.
    pub param_norm: f64,
    /// Factor applied to the gradient; below 1 where it was clipped.
    pub clip_factor: f64,
    /// Angle between the parameters before and after, in radians.
    pub angle: Option<f64>,
    /// η / ‖x‖².
    pub effective_lr: Option<f64>,
    /// Quantities of the theory of scale-invariant losses; none where it does not apply.
    pub sphere: Option<Sphere>,
    /// Wall time of the step.
    pub seconds: f64,
    /// The part of it that was spent waiting for the batch.
    pub wait_seconds: f64,
}

/// A step of SGD on a scale-invariant encoder, before its update.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sphere {
    /// ‖g‖·‖x‖, the gradient's norm at the same direction on the unit sphere, before clipping.
    pub grad_norm: f64,
    /// ‖x‖.
    pub param_norm: f64,
    /// ⟨g,x⟩/(‖g‖‖x‖), 0 for a loss that is scale invariant.
    pub euler: f64,
    /// λ.
    pub weight_decay: f64,
}

/// Sums since the last report; part of a checkpoint, so that a resumed run reports the same numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Steps summed.
    pub steps: u64,
    /// Steps whose gradient was clipped.
    pub clipped_steps: u64,
    /// Sum of [`StepMetrics::loss_sum`].
    pub loss_sum: f64,
    /// Sum of [`StepMetrics::correct`].
    pub correct: u64,
    /// Sum of [`StepMetrics::masked`].
    pub masked: u64,
    /// Sum of [`StepMetrics::pairs`].
    #[serde(default)]
    pub pairs: Pairs,
    /// Sum of [`StepMetrics::tokens`].
    pub tokens: u64,
    /// Sum of [`StepMetrics::clip_factor`].
    pub clip_factor_sum: f64,
    /// Sum of [`StepMetrics::angle`], where there is one.
    pub angle_sum: Option<f64>,
    /// Of the last step.
    pub grad_norm: f64,
    /// Of the last step.
    pub param_norm: f64,
    /// Of the last step.
    pub lr: f64,
    /// Of the last step.
    pub head_lr: Option<f64>,
    /// Of the last step.
    pub effective_lr: Option<f64>,
    /// Wall time of the steps.
    pub seconds: f64,
    /// Sum of [`StepMetrics::wait_seconds`]; checkpoints of earlier versions do not know it.
    #[serde(default)]
    pub wait_seconds: f64,
}

/// One line of `metrics.jsonl` about training; everything but `timing` repeats exactly from run to run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Optimizer steps done.
    pub step: usize,
    /// Passes over the text; earlier versions did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<f64>,
    /// Mean cross-entropy of the masked words of the window.
    pub loss: f64,
    /// Share of the masked words of the window that were predicted correctly.
    pub masked_accuracy: f64,
    /// Mean cross-entropy of the window's pairs of sentences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_sentence_loss: Option<f64>,
    /// Share of the window's pairs of sentences that were judged correctly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_sentence_accuracy: Option<f64>,
    /// Learning rate η of the encoder at the last step.
    pub lr: f64,
    /// Learning rate of the head at the last step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_lr: Option<f64>,
    /// ‖g‖ of the encoder before clipping, last step.
    pub grad_norm: f64,
    /// ‖x‖ of the encoder, last step.
    pub param_norm: f64,
    /// Share of the window's steps whose gradient was clipped.
    pub clip_rate: f64,
    /// Mean factor applied to the gradients.
    pub clip_factor: f64,
    /// Mean angle moved a step, in radians.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub angle: Option<f64>,
    /// η / ‖x‖² at the last step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_lr: Option<f64>,
    /// Where ‖x‖ would settle at these rates, by the gradients of the last steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equilibrium_norm: Option<f64>,
    /// √(2ηλ), the angle of a step there, in radians.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equilibrium_angle: Option<f64>,
    /// The window's longest gradient, before clipping, in units of the one that keeps ‖x‖ in balance, √(2λ/η)·‖x‖.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_gradient_ratio: Option<f64>,
    /// Steps of the window whose gradient was more than twice as long as usual.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spikes: Option<u64>,
    /// The window's largest |⟨g,x⟩|/(‖g‖‖x‖): 0 but for rounding if the encoder is scale invariant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub euler: Option<f64>,
    /// ‖x‖ of the embeddings, of the blocks of each layer and of the head, last step.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub group_norms: IndexMap<String, f64>,
    /// Tokens read since step 0.
    pub tokens: u64,
    /// Times, which differ from run to run.
    pub timing: Timing,
}

/// The part of a line that depends on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Of the window's steps, without evaluations and saves.
    pub tokens_per_second: f64,
    /// Since step 0, over all resumed parts.
    pub elapsed_seconds: f64,
    /// Share of the steps' time that was spent waiting for batches.
    pub loader_wait: f64,
    /// Largest memory of the process, or that tensors took of a GPU, so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_bytes: Option<u64>,
}

impl Window {
    /// Adds one step.
    pub fn observe(&mut self, step: &StepMetrics) {
        self.steps += 1;
        self.clipped_steps += u64::from(step.clip_factor < 1.);
        self.loss_sum += step.loss_sum;
        self.correct += step.correct;
        self.masked += step.masked;
        self.pairs.merge(&step.pairs);
        self.tokens += step.tokens;
        self.clip_factor_sum += step.clip_factor;
        if let Some(angle) = step.angle {
            self.angle_sum = Some(self.angle_sum.unwrap_or(0.) + angle);
        }
        (self.grad_norm, self.param_norm) = (step.grad_norm, step.param_norm);
        (self.lr, self.head_lr, self.effective_lr) = (step.lr, step.head_lr, step.effective_lr);
        self.seconds += step.seconds;
        self.wait_seconds += step.wait_seconds;
    }

    /// The means since the last report, and an empty window. Steps without a masked word give a loss of 0.
    pub fn report(&mut self, step: usize, tokens_seen: u64, elapsed_seconds: f64) -> Report {
        let window = std::mem::take(self);
        let steps = window.steps.max(1) as f64;
        let masked = window.masked.max(1) as f64;
        Report {
            step,
            epoch: None,
            loss: window.loss_sum / masked,
            masked_accuracy: window.correct as f64 / masked,
            next_sentence_loss: window.pairs.mean_loss(),
            next_sentence_accuracy: window.pairs.accuracy(),
            lr: window.lr,
            head_lr: window.head_lr,
            grad_norm: window.grad_norm,
            param_norm: window.param_norm,
            clip_rate: window.clipped_steps as f64 / steps,
            clip_factor: window.clip_factor_sum / steps,
            angle: window.angle_sum.map(|sum| sum / steps),
            effective_lr: window.effective_lr,
            equilibrium_norm: None,
            equilibrium_angle: None,
            max_gradient_ratio: None,
            spikes: None,
            euler: None,
            group_norms: IndexMap::new(),
            tokens: tokens_seen,
            timing: Timing {
                tokens_per_second: window.tokens as f64 / window.seconds.max(1e-9),
                elapsed_seconds,
                loader_wait: window.wait_seconds / window.seconds.max(1e-9),
                peak_bytes: None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn step(loss_sum: f64, masked: u64, clip_factor: f64) -> StepMetrics {
        StepMetrics {
            loss_sum,
            masked,
            correct: masked / 2,
            tokens: 100,
            clip_factor,
            angle: Some(clip_factor),
            grad_norm: loss_sum,
            seconds: 0.5,
            wait_seconds: 0.125,
            ..StepMetrics::default()
        }
    }

    #[test]
    fn loss_is_weighted_by_masked_words() {
        let mut window = Window::default();
        window.observe(&step(30., 10, 1.));
        window.observe(&step(30., 20, 0.5));
        let report = window.report(2, 200, 1.5);
        assert_eq!((report.loss, report.masked_accuracy), (2., 0.5));
        assert_eq!((report.clip_rate, report.clip_factor, report.angle), (0.5, 0.75, Some(0.75)));
        assert_eq!((report.grad_norm, report.timing.tokens_per_second), (30., 200.));
        assert_eq!(report.timing.loader_wait, 0.25);
        assert_eq!(window, Window::default());
    }

    #[test]
    fn a_window_saved_and_read_back_reports_the_same_bits() {
        let mut whole = Window::default();
        whole.observe(&step(0.1, 3, 0.3));
        let mut resumed: Window = serde_json::from_str(&serde_json::to_string(&whole).unwrap()).unwrap();
        for window in [&mut whole, &mut resumed] {
            window.observe(&step(0.2, 4, 1.));
        }
        assert_eq!(whole.report(2, 7, 1.), resumed.report(2, 7, 1.));
    }

    #[test]
    fn timing_is_one_key_that_can_be_left_out() {
        let report = Window::default().report(1, 0, 3.);
        let mut line = serde_json::to_value(&report).unwrap();
        assert_eq!(line["timing"]["elapsed_seconds"], 3.);
        line.as_object_mut().unwrap().remove("timing");
        assert!(["second", "wait"].iter().all(|time| !line.to_string().contains(time)));
    }
}
