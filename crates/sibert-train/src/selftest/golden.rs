//! Loss, gradients and parameters of small models, number by number.
//!
//! The CPU's are held to the values of an independent implementation by the tests; here the device is held to the CPU's.

use anyhow::Result;
use candle_core::Device;
use sibert_model::{ModelType, Precision};

use super::Subject;
use super::report::Report;
use super::sample::relative;
use super::training::{Named, Training, settings, train};

/// How far apart they may be, as a part of their norm.
const PARITY: f64 = 1e-5;
const STEPS: usize = 5;

/// Compares SIBERT and BERT after their first and after some more steps.
///
/// # Errors
/// If standard output is closed.
pub fn check(subject: &Subject, report: &mut Report) -> Result<()> {
    let steps = if subject.quick { 2 } else { STEPS };
    for model_type in [ModelType::Sibert, ModelType::Bert] {
        let mut config = settings(model_type, Precision::F32, subject.quick);
        config.seed = 1;
        if let Some(head) = &mut config.head {
            // small steps: a score near zero is rectified on one device and not on the other, sooner or later
            (head.lr, config.weight_decay) = (1e-3, 1e-10);
        }
        let name = model_type.prefix();
        let claims = ["first loss", "first gradients", &format!("parameters after {steps} steps")]
            .map(|claim| format!("{name}, {claim}"));
        let claims = [(&*claims[0], PARITY), (&*claims[1], PARITY), (&*claims[2], PARITY)];
        report.check(claims, "norm of the difference", || {
            let expected = train(&config, &Device::Cpu, steps)?;
            let found = subject.run(|| train(&config, &subject.device, steps))?;
            Ok(compared(&found, &expected))
        });
    }
    report.print()
}

fn compared(found: &Training, expected: &Training) -> [f64; 3] {
    let loss = relative([(&found.losses[..1], &expected.losses[..1])]);
    let [gradients, parameters] =
        [[&found.gradients, &expected.gradients], [&found.parameters, &expected.parameters]]
            .map(|[found, expected]| relative(pairs(found, expected)));
    [loss, gradients, parameters]
}

/// The values of both, by parameter.
///
/// Without the bias of keys: softmax does not depend on it, so that its gradient is rounding, which AdamW makes as large
/// as all others.
fn pairs<'a>(found: &'a Named, expected: &'a Named) -> impl Iterator<Item = (&'a [f64], &'a [f64])> {
    let matters = |name: &str| !name.ends_with("self.key.bias");
    let both = found.iter().zip(expected).filter(move |((name, _), _)| matters(name));
    both.map(|((_, found), (_, expected))| (&found[..], &expected[..]))
}
