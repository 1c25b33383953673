//! bf16 beside f32, and scale invariance, which makes the scaling of losses needless.

use anyhow::Result;
use candle_core::Device;
use sibert_model::{Mode, ModelType, PreTraining, Precision, no_grad};

use super::Subject;
use super::report::Report;
use super::sample::relative;
use super::training::{Named, batch, gradient_of, largest_deviation, model, settings, steps, train, values};
use crate::batch::to_device;
use crate::config::RunConfig;
use crate::step;
use crate::team::Team;

/// How far the loss of bf16 may drift from that of f32 on the CPU, as a part of it.
const DRIFT: f64 = 0.05;
/// How far the encoder's output may move with the scale of its parameters, in f32 and in bf16.
const INVARIANCE: [(Precision, f64); 2] = [(Precision::F32, 1e-4), (Precision::Bf16, 5e-2)];
const SCALES: [f64; 4] = [1e-2, 1e-1, 10., 100.];
/// A power of two: multiplying by it rounds nothing.
const LOSS_SCALE: f64 = 1024.;

/// The drift of bf16, and what does not change with a scale.
///
/// # Errors
/// If standard output is closed.
pub fn check(subject: &Subject, report: &mut Report) -> Result<()> {
    for model_type in [ModelType::Sibert, ModelType::Bert] {
        drift(subject, report, model_type);
    }
    for (precision, allowed) in INVARIANCE {
        let config = settings(ModelType::Sibert, precision, subject.quick);
        let claim = format!("sibert, output of scaled parameters, {precision}");
        for scale in SCALES {
            report.check([(&claim, allowed)], &format!("scale {scale}"), || {
                Ok([subject.run(|| moved_by(&config, scale, &subject.device))?])
            });
        }
    }
    let config = settings(ModelType::Sibert, Precision::Bf16, subject.quick);
    let claims = [
        ("sibert, gradients of a scaled loss, bf16", 1e-6),
        ("sibert, gradients zero or infinite, bf16", 0.),
    ];
    report.check(claims, &format!("loss scale {LOSS_SCALE}"), || {
        subject.run(|| unscaled_loss_is_enough(&config, &subject.device))
    });
    report.print()
}

/// The losses of bf16 on the device against those of f32 on the CPU.
fn drift(subject: &Subject, report: &mut Report, model_type: ModelType) {
    let (steps, name) = (steps(subject.quick), model_type.prefix());
    let of = |precision| settings(model_type, precision, subject.quick);
    let mut losses = Vec::new();
    report.check([(&format!("{name}, drift of {steps} steps in bf16"), DRIFT)], "every step", || {
        let expected = train(&of(Precision::F32), &Device::Cpu, steps)?.losses;
        let found = subject.run(|| train(&of(Precision::Bf16), &subject.device, steps))?.losses;
        let largest = largest_deviation(&found, &expected);
        losses = found;
        Ok([largest])
    });
    report.curves.insert(format!("{name}.bf16"), losses.into());
}

/// `‖f(s x) − f(x)‖ / ‖f(x)‖` of the encoder's output f.
fn moved_by(config: &RunConfig, scale: f64, device: &Device) -> Result<f64> {
    let model = model(config, device)?;
    let batch = to_device(batch(config, 0), &model, device)?;
    let output = |model: &PreTraining| -> Result<Vec<f64>> {
        let encode = || no_grad(|| model.encode(&batch, Mode::Eval));
        Ok(cukernel::download(&config.precision.scope(encode)?)?)
    };
    let unit = output(&model)?;
    model.scale_encoder(scale)?;
    Ok(relative([(&output(&model)?[..], &unit[..])]))
}

/// How far gradients of a scaled loss are from scaled gradients, and how many parameters of the encoder have one that is
/// zero or not finite without a scale.
fn unscaled_loss_is_enough(config: &RunConfig, device: &Device) -> Result<[f64; 2]> {
    let model = model(config, device)?;
    let gradients = |loss_scale: f64| -> Result<Named> {
        let config = RunConfig { loss_scale, ..config.clone() };
        let (gradients, _) =
            step::gradients(&model, vec![(0, batch(&config, 0))], &config, 0, device, &Team::alone())?;
        values(&model, |var| Ok(gradient_of(&gradients, var)?.iter().map(|g| g / loss_scale).collect()))
    };
    let (unit, scaled) = (gradients(1.)?, gradients(LOSS_SCALE)?);
    let pairs = scaled.iter().zip(&unit).map(|((_, scaled), (_, unit))| (&scaled[..], &unit[..]));
    let unfit = |gradient: &[f64]| {
        let norm = gradient.iter().map(|g| g * g).sum::<f64>();
        norm == 0. || !norm.is_finite()
    };
    let encoder = unit.iter().filter(|(name, _)| name.starts_with(ModelType::Sibert.prefix()));
    let unfit = encoder.filter(|(_, gradient)| unfit(gradient)).count();
    Ok([relative(pairs), unfit as f64])
}
