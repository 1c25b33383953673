//! `sibert verify`: the theorems of Li et al. (2022), Section 2, measured on a trained model.

use anyhow::{Result, bail};
use candle_core::{DType, Device, Tensor, Var};
use sibert_model::{Batch, Gradients, Mode, PreTraining, Tape, no_grad, random};

use crate::args::VerifyArgs;
use crate::batch::DTYPE;
use crate::console::result;
use crate::pretrained::MaskedLm;

const SCALES: [f64; 4] = [1e-2, 1e-1, 10., 100.];
/// Rounding of the encoder's output in f32.
const OUTPUT: f64 = 1e-4;
/// Rounding of the gradient in f64. In f32 it may be a thousand times `OUTPUT`: where the one positive score of an
/// attention row is close to zero, its gradient is divided by almost nothing.
const GRADIENT: f64 = 1e-7;
/// Rounding of ⟨∇L, x⟩ / (‖∇L‖ ‖x‖) in f32, over the whole encoder.
const EULER: f64 = 1e-5;
/// The same for one group, whose gradient is a small part of the whole.
const EULER_GROUP: f64 = 1e-4;

/// Measures, prints a table, and fails if a claim does not hold.
///
/// Output and Euler's identity are measured in f32 on the device asked for, as the model is used; the degree of the
/// gradient in f64 on the CPU.
///
/// # Errors
/// If the model cannot be read, or is not scale invariant.
pub fn run(args: &VerifyArgs) -> Result<()> {
    let mut table = Table::default();
    let device = args.device.open()?;
    let saved = MaskedLm::open(&args.model, &device)?;
    let model = saved.clone().model(DTYPE, &device)?;
    let batch = random_batch(&model, args.seed, DTYPE, &device)?;
    euler(&mut table, &Measured::at(&model, &batch)?)?;
    for_each_scale(&model, &batch, |unit, scaled, scale| {
        let error = relative(&scaled.hidden, &unit.hidden)?;
        table.row(&format!("output of degree 0, scale {scale}"), error, OUTPUT)
    })?;
    let exact = saved.model(DType::F64, &Device::Cpu)?;
    let batch = random_batch(&exact, args.seed, DType::F64, &Device::Cpu)?;
    for_each_scale(&exact, &batch, |unit, scaled, scale| {
        let error = gradient_error(scaled, unit, scale)?;
        table.row(&format!("gradient of degree -1, scale {scale}, f64"), error, GRADIENT)
    })?;
    if table.failed > 0 {
        bail!("{} of {} checks failed: the encoder is not scale invariant", table.failed, table.checked);
    }
    result(format!("all {} checks passed: the encoder is scale invariant", table.checked))
}

/// Calls `compare` with what was measured at scale 1 and at each other scale.
fn for_each_scale(
    model: &PreTraining,
    batch: &Batch,
    mut compare: impl FnMut(&Measured, &Measured, f64) -> Result<()>,
) -> Result<()> {
    let unit = Measured::at(model, batch)?;
    for scale in SCALES {
        model.scale_encoder(scale)?;
        compare(&unit, &Measured::at(model, batch)?, scale)?;
        model.scale_encoder(1. / scale)?;
    }
    Ok(())
}

/// The encoder's output, gradient and parameters at one scale.
struct Measured {
    hidden: Tensor,
    encoder: Vec<(String, Var)>,
    grads: Gradients,
}

impl Measured {
    fn at(model: &PreTraining, batch: &Batch) -> Result<Self> {
        let hidden = no_grad(|| model.encode(batch, Mode::Eval))?;
        let encoder = model.encoder_parameters();
        let mut grads = Gradients::of(encoder.iter().map(|(_, var)| var));
        let (output, tape) = Tape::record(|| model.masked_lm(batch, Mode::Eval))?;
        tape.backward(&[(&output.masked_lm_loss, 1. / batch.labels.dim(0)? as f64)], &mut grads)?;
        Ok(Self { hidden, encoder, grads })
    }

    fn gradient(&self, var: &Var) -> Result<Tensor> {
        match self.grads.whole(var)? {
            Some(grad) => Ok(grad),
            None => Ok(var.zeros_like()?),
        }
    }

    /// `⟨∇L, x⟩ / (‖∇L‖ ‖x‖)` over the parameters that `belongs` accepts.
    fn cosine(&self, belongs: impl Fn(&str) -> bool) -> Result<f64> {
        let (mut dot, mut g2, mut x2) = (0., 0., 0.);
        for (_, var) in self.encoder.iter().filter(|(name, _)| belongs(name)) {
            let (g, x) = (self.gradient(var)?, var.as_detached_tensor());
            dot += inner(&g, &x)?;
            (g2, x2) = (g2 + inner(&g, &g)?, x2 + inner(&x, &x)?);
        }
        let norms = (g2 * x2).sqrt();
        Ok(if norms > 0. { dot / norms } else { 0. })
    }
}

/// Euler's identity over the encoder, and over each group that is invariant by itself: the tables, which a norm
/// follows, and each layer's query and key, over whose product the attention weights are normalised.
fn euler(table: &mut Table, unit: &Measured) -> Result<()> {
    table.row("<grad, x>, whole encoder", unit.cosine(|_| true)?.abs(), EULER)?;
    let tables = unit.cosine(|name| name.contains("_embeddings."))?;
    table.row("<grad, x>, embedding tables", tables.abs(), EULER_GROUP)?;
    for (name, _) in &unit.encoder {
        if name.ends_with("self.query.weight") || name.ends_with("self.key.weight") {
            let short = name.trim_end_matches(".weight").split('.').skip(2).collect::<Vec<_>>().join(".");
            table.row(
                &format!("<grad, x>, {short}"),
                unit.cosine(|other| other == name)?.abs(),
                EULER_GROUP,
            )?;
        }
    }
    Ok(())
}

/// `‖s ∇L(s x) − ∇L(x)‖ / ‖∇L(x)‖`: zero if the gradient has degree −1.
fn gradient_error(scaled: &Measured, unit: &Measured, scale: f64) -> Result<f64> {
    let (mut difference, mut total) = (0., 0.);
    for ((_, var), (_, unit_var)) in scaled.encoder.iter().zip(&unit.encoder) {
        let expected = unit.gradient(unit_var)?;
        let error = (scaled.gradient(var)?.affine(scale, 0.)? - &expected)?;
        (difference, total) = (difference + inner(&error, &error)?, total + inner(&expected, &expected)?);
    }
    Ok((difference / total).sqrt())
}

fn inner(a: &Tensor, b: &Tensor) -> Result<f64> {
    let product = (a.to_dtype(DType::F64)? * b.to_dtype(DType::F64)?)?;
    Ok(product.sum_all()?.to_scalar()?)
}

fn relative(found: &Tensor, expected: &Tensor) -> Result<f64> {
    let error = (found - expected)?;
    Ok((inner(&error, &error)? / inner(expected, expected)?).sqrt())
}

/// Four random sequences, every eighth token to be predicted, the last sequence padded.
fn random_batch(model: &PreTraining, seed: u64, dtype: DType, device: &Device) -> Result<Batch> {
    let config = model.config();
    let (rows, seq) = (4, config.max_position_embeddings.min(64));
    let count = rows * seq;
    let key = random::named(seed, "verify");
    let draw = |i: usize| (random::fork(key, i as u64) % config.vocab_size as u64) as u32;
    let padding = |i: usize| i / seq == rows - 1 && i % seq >= seq.div_ceil(2);
    let keep: Vec<f32> = (0..count).map(|i| if padding(i) { 0. } else { 1. }).collect();
    let positions: Vec<u32> = (0..count as u32).filter(|&i| i % 8 == 3 && !padding(i as usize)).collect();
    let labels: Vec<u32> = (0..positions.len()).map(|i| draw(count + i)).collect();
    let masked = labels.len();
    Ok(Batch {
        input_ids: Tensor::from_vec((0..count).map(draw).collect::<Vec<_>>(), (rows, seq), &Device::Cpu)?,
        token_type_ids: Tensor::zeros((rows, seq), DType::U32, &Device::Cpu)?,
        attention_mask: Tensor::from_vec(keep, (rows, seq), device)?.to_dtype(dtype)?,
        positions: Tensor::from_vec(positions, masked, &Device::Cpu)?,
        labels: Tensor::from_vec(labels, masked, &Device::Cpu)?,
        next_sentence: None,
    })
}

/// A table of claims, printed row by row.
#[derive(Default)]
struct Table {
    checked: usize,
    failed: usize,
}

impl Table {
    fn row(&mut self, claim: &str, found: f64, allowed: f64) -> Result<()> {
        if self.checked == 0 {
            result(format!("{:<44} {:>10} {:>10}", "should be zero", "found", "allowed"))?;
        }
        let holds = found <= allowed; // false for NaN
        self.checked += 1;
        self.failed += usize::from(!holds);
        let verdict = if holds { "ok" } else { "FAILED" };
        result(format!("{claim:<44} {found:>10.1e} {allowed:>10.0e}  {verdict}"))
    }
}
