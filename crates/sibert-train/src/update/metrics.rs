//! The numbers that the log takes of an optimizer's report.

use sisgd::{Report, RotationReport, StepReport, UpdateReport};

use crate::log::{Sphere, StepMetrics};

impl From<Report> for StepMetrics {
    fn from(report: Report) -> Self {
        match report {
            Report::Step(report) => report.into(),
            Report::Rotation(report) => report.into(),
            Report::Update(report) => report.into(),
        }
    }
}

impl From<StepReport> for StepMetrics {
    fn from(report: StepReport) -> Self {
        Self {
            grad_norm: report.grad_norm,
            param_norm: report.new_param_norm,
            clip_factor: report.clip_factor,
            angle: Some(report.angle),
            effective_lr: Some(report.effective_lr),
            sphere: Some(Sphere {
                grad_norm: report.grad_norm * report.param_norm,
                param_norm: report.param_norm,
                euler: report.euler,
                weight_decay: 0.,
            }),
            ..Self::default()
        }
    }
}

impl From<RotationReport> for StepMetrics {
    fn from(report: RotationReport) -> Self {
        Self {
            grad_norm: report.grad_norm,
            param_norm: report.new_param_norm,
            clip_factor: 1.,
            angle: Some(report.angle),
            sphere: Some(Sphere {
                grad_norm: report.grad_norm * report.param_norm,
                param_norm: report.param_norm,
                euler: report.euler,
                weight_decay: 0.,
            }),
            ..Self::default()
        }
    }
}

impl From<UpdateReport> for StepMetrics {
    fn from(report: UpdateReport) -> Self {
        Self {
            grad_norm: report.grad_norm,
            param_norm: report.param_norm,
            clip_factor: report.clip_factor,
            ..Self::default()
        }
    }
}
