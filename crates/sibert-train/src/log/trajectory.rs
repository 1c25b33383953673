//! The encoder's way to its equilibrium: how long its gradients are on the unit sphere, and which stand out.

use serde::{Deserialize, Serialize};
use sisgd::equilibrium;

use super::{Report, Sphere, StepMetrics};

/// Weight of the newest step in the running means.
const NEWEST: f64 = 0.02;
/// A gradient this many times as long as usual is a spike.
const SPIKE: f64 = 2.;
/// Steps before the first of which a spike can be told.
const LEARNING: u64 = 50;

/// Running means over the steps of a run; part of a checkpoint, so that a resumed run reports the same numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trajectory {
    /// Steps seen.
    steps: u64,
    /// Steps whose gradient was clipped.
    pub clipped_steps: u64,
    /// Steps whose gradient was more than twice as long, at the same norm of the parameters, as those before it.
    pub spikes: u64,
    /// The same since the last report.
    recent_spikes: u64,
    /// σ², the running mean of `‖g‖²·‖x‖²` after clipping.
    sigma_squared: f64,
    /// The same before clipping, without spikes.
    usual: f64,
    /// The longest gradient since the last report, in units of the one that keeps `‖x‖` in balance.
    longest: Option<f64>,
    /// The largest `|⟨g,x⟩|/(‖g‖‖x‖)` since the last report.
    euler: Option<f64>,
    /// ηλ of the last step.
    intrinsic_lr: f64,
    /// `‖x‖` where the last rates would let it settle.
    pub equilibrium_norm: Option<f64>,
}

impl Trajectory {
    /// Adds a step.
    pub fn observe(&mut self, step: &StepMetrics) {
        self.clipped_steps += u64::from(step.clip_factor < 1.);
        let Some(sphere) = &step.sphere else { return };
        let squared = sphere.grad_norm * sphere.grad_norm;
        let spike = self.steps >= LEARNING && squared > SPIKE * SPIKE * self.usual;
        self.spikes += u64::from(spike);
        self.recent_spikes += u64::from(spike);
        // A plain mean at first, so that the first steps count no more than the others.
        let newest = NEWEST.max(1. / (self.steps + 1) as f64);
        let towards = |mean: f64, value: f64| mean + newest * (value - mean);
        let unusual = if self.steps >= LEARNING { SPIKE * SPIKE * self.usual } else { f64::INFINITY };
        self.usual = towards(self.usual, squared.min(unusual));
        self.sigma_squared = towards(self.sigma_squared, squared * step.clip_factor * step.clip_factor);
        self.steps += 1;
        self.settle(step.lr, sphere);
    }

    /// Where the norm is going at these rates.
    fn settle(&mut self, lr: f64, sphere: &Sphere) {
        let weight_decay = sphere.weight_decay;
        self.euler = Some(self.euler.unwrap_or(0.).max(sphere.euler.abs()));
        self.intrinsic_lr = lr * weight_decay;
        self.equilibrium_norm =
            (weight_decay > 0.).then(|| equilibrium::norm(self.sigma_squared, lr, weight_decay));
        if weight_decay > 0. {
            let balanced = sisgd::clip::relative_threshold(1., weight_decay, lr, sphere.param_norm);
            let ratio = sphere.grad_norm / sphere.param_norm / balanced;
            self.longest = Some(self.longest.unwrap_or(0.).max(ratio));
        }
    }

    /// Completes a report with what was seen since the last one.
    pub fn complete(&mut self, report: &mut Report) {
        if self.steps == 0 {
            return;
        }
        report.spikes = Some(std::mem::take(&mut self.recent_spikes));
        report.euler = self.euler.take();
        report.equilibrium_norm = self.equilibrium_norm;
        report.equilibrium_angle = self.equilibrium_norm.map(|_| equilibrium::angle(self.intrinsic_lr));
        report.max_gradient_ratio = self.longest.take();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::log::Window;

    const LR: f64 = 0.5;
    const DECAY: f64 = 0.02;

    fn step(grad_norm: f64, param_norm: f64) -> StepMetrics {
        let sphere =
            Sphere { grad_norm: grad_norm * param_norm, param_norm, euler: -1e-6, weight_decay: DECAY };
        StepMetrics { lr: LR, clip_factor: 1., sphere: Some(sphere), ..StepMetrics::default() }
    }

    /// `steps` of Pythagoras' norm under gradients of norm `sigma` on the unit sphere, every hundredth ten times that.
    fn followed(sigma: f64, steps: u64, spikes: bool) -> (Trajectory, f64) {
        let (mut trajectory, mut norm) = (Trajectory::default(), 7.);
        for t in 1..=steps {
            let spike = if spikes && t % 100 == 0 { 10. } else { 1. };
            let grad_norm = spike * sigma / norm;
            trajectory.observe(&step(grad_norm, norm));
            norm = ((1. - LR * DECAY) * norm).hypot(LR * grad_norm);
        }
        (trajectory, norm)
    }

    #[test]
    fn the_equilibrium_that_is_told_is_the_one_that_is_reached() {
        let (mut trajectory, norm) = followed(3., 1200, false);
        assert!((trajectory.equilibrium_norm.unwrap() / norm - 1.).abs() < 1e-6);
        let mut report = Window::default().report(1, 0, 0.);
        trajectory.complete(&mut report);
        assert!((report.equilibrium_angle.unwrap() - 0.02f64.sqrt()).abs() < 1e-15);
        assert_eq!((report.spikes, report.euler), (Some(0), Some(1e-6)));
    }

    #[test]
    fn gradients_that_stand_out_are_counted_at_any_norm() {
        let (mut trajectory, _) = followed(3., 1000, true);
        assert_eq!(trajectory.spikes, 10);
        let mut report = Window::default().report(1, 0, 0.);
        trajectory.complete(&mut report);
        assert_eq!(report.spikes, Some(10));
        assert!(report.max_gradient_ratio.unwrap() > 5., "{:?}", report.max_gradient_ratio);
        trajectory.complete(&mut report);
        assert_eq!((report.spikes, report.max_gradient_ratio), (Some(0), None));
        assert_eq!(followed(300., 1000, false).0.spikes, 0);
    }

    #[test]
    fn a_network_that_is_not_scale_invariant_has_none() {
        let mut trajectory = Trajectory::default();
        trajectory.observe(&StepMetrics { clip_factor: 0.5, ..StepMetrics::default() });
        assert_eq!((trajectory.clipped_steps, trajectory.equilibrium_norm), (1, None));
        let mut report = Window::default().report(1, 0, 0.);
        trajectory.complete(&mut report);
        assert_eq!(report.spikes, None);
    }

    #[test]
    fn a_trajectory_saved_and_read_back_goes_on_alike() {
        let (mut whole, norm) = followed(3., 130, true);
        let mut resumed: Trajectory = serde_json::from_str(&serde_json::to_string(&whole).unwrap()).unwrap();
        for trajectory in [&mut whole, &mut resumed] {
            trajectory.observe(&step(0.3, norm));
        }
        assert_eq!(whole, resumed);
    }
}
