//! Every operation, forward and backward.

use anyhow::Result;
use candle_core::{DType, Device, Tensor, Var};
use sibert_model::{Gradients, Precision, Tape, no_grad, ops};

use super::cases::{Case, Role};
use super::report::Report;
use super::sample::{apart, ids, largest, sample};
use super::training::gradient_of;
use super::{Subject, attention, cases};

/// Rounding of f32, as a part of the largest result.
const FORWARD: f64 = 2e-6;
/// The same of gradients, whose sums are longer.
const BACKWARD: f64 = 1e-5;
/// Rounding of bf16 activations, whose last place is a part of 2⁻⁸.
const NARROW: f64 = 2e-2;

/// Compares each operation at each of its sizes.
///
/// # Errors
/// If standard output is closed, or the samples cannot be made.
pub fn check(subject: &Subject, report: &mut Report) -> Result<()> {
    let narrow = subject.narrow_activations();
    let mut cases = cases::all(subject.quick)?;
    cases.extend(attention::cases(subject.quick)?);
    for of_one_op in cases.chunk_by(|a, b| a.op == b.op) {
        for (precision, activations) in [(Precision::F32, DType::F32), (Precision::Bf16, narrow)] {
            let [forward, backward] = match precision {
                Precision::F32 => [FORWARD, BACKWARD],
                Precision::Bf16 | Precision::Bf16x3 => [NARROW, NARROW],
            };
            for case in of_one_op {
                let claims = ["forward", "backward"].map(|part| format!("{}, {precision}, {part}", case.op));
                report.check([(&claims[0], forward), (&claims[1], backward)], &case.size, || {
                    let expected = outcome(case, &Device::Cpu, DType::F32)?;
                    let found = || outcome(case, &subject.device, activations);
                    Ok(expected.compared_with(&subject.run(|| precision.scope(found))?))
                });
            }
        }
        report.print()?;
    }
    largest_of_rows(subject, report, narrow);
    masks(subject, report);
    report.print()
}

/// The results of an operation.
struct Outcome {
    output: Vec<f64>,
    /// The same where nothing is recorded.
    unrecorded: Vec<f64>,
    /// Of the inputs that have one, in their order.
    gradients: Vec<Vec<f64>>,
}

impl Outcome {
    /// How far another's output and gradients lie apart from these, as parts of the largest.
    ///
    /// A gradient that is almost nothing is measured by a tenth of the largest of all.
    fn compared_with(&self, found: &Self) -> [f64; 2] {
        let scale = largest(&self.output);
        let forward = [&found.output, &found.unrecorded].map(|output| apart(output, &self.output, scale));
        let of_all = self.gradients.iter().map(|gradient| largest(gradient)).fold(0., f64::max);
        let pairs = found.gradients.iter().zip(&self.gradients);
        let each = pairs.map(|(found, expected)| apart(found, expected, largest(expected).max(of_all / 10.)));
        [forward[0].max(forward[1]), each.fold(0., f64::max)]
    }
}

/// Applies an operation on `device`, and takes the gradients of a weighted sum of its result.
fn outcome(case: &Case, device: &Device, activations: DType) -> Result<Outcome> {
    let mut vars = Vec::new();
    let mut floats = Vec::new();
    for (role, values) in &case.floats {
        let dtype = if *role == Role::Activation { activations } else { DType::F32 };
        let values = values.to_device(device)?.to_dtype(dtype)?;
        match role {
            Role::Activation | Role::Parameter => {
                let var = Var::from_tensor(&values)?;
                floats.push(var.as_tensor().clone());
                vars.push(var);
            }
            Role::Constant => floats.push(values),
        }
    }
    let apply = || (case.apply)(&floats, &case.ids);
    let unrecorded = cukernel::download(&no_grad(apply)?)?;
    let (output, tape) = Tape::record(apply)?;
    let weights = sample(output.dims(), "weights")?.to_device(device)?.to_dtype(output.dtype())?;
    let mut gradients = Gradients::of(&vars);
    tape.backward_from(vec![(output.clone(), weights)], &mut gradients)?;
    let gradients = vars.iter().map(|var| gradient_of(&gradients, var)).collect::<Result<_>>()?;
    Ok(Outcome { output: cukernel::download(&output)?, unrecorded, gradients })
}

/// The places of the largest elements are the same, those of equal elements too, and they are counted.
fn largest_of_rows(subject: &Subject, report: &mut Report, narrow: DType) {
    let mut dtypes = vec![DType::F32, narrow];
    dtypes.dedup();
    for dtype in dtypes {
        for [rows, width] in cases::sizes(subject.quick) {
            let claim = format!("argmax_rows, {}", dtype.as_str());
            report.check([(&claim, 0.)], &format!("({rows}, {width})"), || {
                let x = sample(&[rows, width], "argmax")?;
                let expected: Vec<u32> = ops::argmax_rows(&x)?.to_vec1()?;
                let labels = Tensor::new(expected.as_slice(), &Device::Cpu)?;
                let (found, count) = subject.run(|| {
                    let x = x.to_device(&subject.device)?.to_dtype(dtype)?;
                    let found =
                        no_grad(|| ops::argmax_rows(&x))?.to_device(&Device::Cpu)?.to_vec1::<u32>()?;
                    let count = ops::count_correct(&x, &labels)?.to_device(&Device::Cpu)?;
                    Ok::<_, candle_core::Error>((found, count.to_scalar::<f64>()?))
                })?;
                let wrong = found.iter().zip(&expected).filter(|(found, expected)| found != expected).count();
                Ok([wrong as f64 + (rows as f64 - count).abs()])
            });
        }
    }
}

/// Dropout keeps the same elements, bit for bit, wherever in the stream of its key a tensor begins.
fn masks(subject: &Subject, report: &mut Report) {
    let claims = [("dropout, elements kept elsewhere", 0.), ("residual_rows, elements kept elsewhere", 0.)];
    let (rows, width) = if subject.quick { (7, 37) } else { (300, 769) };
    for offset in [0, 1, 12345] {
        report.check(claims, &format!("({rows}, {width}) from {offset}"), || {
            let expected = ops::dropout_mask(9, 0.1, offset, rows * width);
            let ids = ids(&[rows], rows, "masks")?;
            let chosen: Vec<u32> = ids.to_vec1()?;
            let of_rows = chosen.iter().flat_map(|&row| &expected[row as usize * width..][..width]);
            let [found, found_of_rows] = subject.run(|| {
                let ones = Tensor::ones((rows, width), DType::F32, &subject.device)?;
                let dropped = no_grad(|| ops::dropout(&ones, 0.1, 9, offset))?;
                let zeros = ones.zeros_like()?;
                let added = no_grad(|| ops::residual_rows(&zeros, &ones, 0.1, 9, offset, &ids))?;
                Ok::<_, anyhow::Error>([cukernel::download(&dropped)?, cukernel::download(&added)?])
            })?;
            let differ = |(&found, &keeps): (&f64, &bool)| (found != 0.) != keeps;
            let all = found.iter().zip(&expected).filter(|&pair| differ(pair)).count();
            let some = found_of_rows.iter().zip(of_rows).filter(|&pair| differ(pair)).count();
            Ok([all as f64, some as f64])
        });
    }
}
