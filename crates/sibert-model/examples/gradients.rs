//! The logits and gradients of a checkpoint for one batch: `… --example gradients -- FOLDER BATCH OUT`.
//!
//! BATCH is a safetensors file of u32: `input_ids`, `token_type_ids` and `attention_mask` (batch, seq); `positions` (n), places
//! in (batch · seq) to predict; `labels` (n), the tokens there. OUT gets `logits` (n, vocab), and the gradient of the mean
//! cross-entropy by each parameter, under its name.

use std::collections::HashMap;

use candle_core::{DType, Device, Result, bail, safetensors};
use sibert_model::{Batch, Gradients, Mode, PreTraining, Tape};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, batch, out] = args.as_slice() else { bail!("expected FOLDER BATCH OUT") };
    let model = PreTraining::from_pretrained(folder, DType::F32, &Device::Cpu)?;
    let batch = read(batch)?;

    let (output, tape) = Tape::record(|| model.forward(&batch, Mode::Eval))?;
    let mut gradients = Gradients::of(model.parameters().iter().map(|(_, var)| var));
    tape.backward(&[(&output.masked_lm_loss, 1. / batch.labels.elem_count() as f64)], &mut gradients)?;

    let mut tensors = HashMap::from([("logits".to_owned(), output.logits)]);
    for (name, var) in model.parameters() {
        let gradient = gradients.whole(&var)?;
        tensors.insert(name, gradient.map_or_else(|| var.zeros_like(), Ok)?);
    }
    safetensors::save(&tensors, out)
}

fn read(path: &str) -> Result<Batch> {
    let tensors = safetensors::load(path, &Device::Cpu)?;
    let tensor = |name: &str| match tensors.get(name) {
        Some(tensor) => tensor.to_dtype(DType::U32),
        None => bail!("{path} has no {name}"),
    };
    Ok(Batch {
        input_ids: tensor("input_ids")?,
        token_type_ids: tensor("token_type_ids")?,
        attention_mask: tensor("attention_mask")?.to_dtype(DType::F32)?,
        positions: tensor("positions")?,
        labels: tensor("labels")?,
        next_sentence: None,
    })
}
