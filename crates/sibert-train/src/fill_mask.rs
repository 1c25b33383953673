//! `sibert fill-mask`: guesses of a trained model for the masked words of a sentence.

use anyhow::{Context, Result, ensure};
use candle_core::{D, Device, Tensor};
use sibert_model::{Batch, Mode, PreTraining, no_grad};
use tokenizers::Tokenizer;

use crate::args::FillMaskArgs;
use crate::batch::DTYPE;
use crate::console::result;
use crate::data::tokenizer::SpecialTokens;
use crate::model_dir::ModelDir;

/// One guess for one mask.
#[derive(Clone, Debug)]
pub struct Guess {
    /// The token, as the vocabulary spells it.
    pub token: String,
    /// Its probability.
    pub probability: f32,
}

/// Prints the guesses for each sentence.
///
/// # Errors
/// If the model cannot be read, a sentence has no `[MASK]` or is too long.
pub fn run(args: &FillMaskArgs) -> Result<()> {
    let device = args.device.open()?;
    let ModelDir { model, tokenizer, .. } = ModelDir::open(&args.model, DTYPE, &device)?;
    let tokenizer = tokenizer.with_context(|| {
        format!(
            "{} has no tokenizer.json: copy there the one the model was trained with",
            args.model.display()
        )
    })?;
    for text in &args.text {
        let guesses = guess(&model, &tokenizer, text, args.top_k, &device)?;
        result(line(text, &guesses))?;
    }
    Ok(())
}

/// The `top_k` most likely tokens for each `[MASK]` of `text`, most likely first.
///
/// # Errors
/// If the text has no `[MASK]` or more tokens than the model has positions.
pub fn guess(
    model: &PreTraining,
    tokenizer: &Tokenizer,
    text: &str,
    top_k: usize,
    device: &Device,
) -> Result<Vec<Vec<Guess>>> {
    let special = SpecialTokens::of(tokenizer)?;
    let encoding = tokenizer.encode(text, true).map_err(anyhow::Error::msg)?;
    let ids = encoding.get_ids();
    let positions: Vec<u32> = (0..ids.len() as u32).filter(|&i| ids[i as usize] == special.mask).collect();
    ensure!(!positions.is_empty(), "no [MASK] in {text:?}: write [MASK] where a word is to be guessed");
    let (seq, masked) = (ids.len(), positions.len());
    let batch = Batch {
        input_ids: Tensor::from_slice(ids, (1, seq), &Device::Cpu)?,
        token_type_ids: Tensor::from_slice(encoding.get_type_ids(), (1, seq), &Device::Cpu)?,
        attention_mask: Tensor::ones((1, seq), DTYPE, device)?,
        positions: Tensor::from_vec(positions, masked, &Device::Cpu)?,
        labels: Tensor::zeros(masked, candle_core::DType::U32, &Device::Cpu)?,
        next_sentence: None,
    };
    let logits = no_grad(|| model.forward(&batch, Mode::Eval))?.logits.to_device(&Device::Cpu)?; // (masked, vocab)
    let probabilities = candle_nn::ops::softmax(&logits, D::Minus1)?.to_vec2::<f32>()?;
    Ok(probabilities.into_iter().map(|row| most_likely(row, tokenizer, top_k)).collect())
}

fn most_likely(probabilities: Vec<f32>, tokenizer: &Tokenizer, top_k: usize) -> Vec<Guess> {
    let mut ranked: Vec<(usize, f32)> = probabilities.into_iter().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let name = |id: usize| tokenizer.id_to_token(id as u32).unwrap_or_else(|| format!("#{id}"));
    ranked.into_iter().take(top_k).map(|(id, probability)| Guess { token: name(id), probability }).collect()
}

/// `The capital of France is [MASK].  →  paris 0.93 · london 0.02`.
pub fn line(text: &str, guesses: &[Vec<Guess>]) -> String {
    let of_mask = |guesses: &Vec<Guess>| {
        let shown = guesses.iter().map(|guess| format!("{} {:.2}", guess.token, guess.probability));
        shown.collect::<Vec<_>>().join(" · ")
    };
    let masks: Vec<String> = guesses.iter().map(of_mask).collect();
    format!("{text}  →  {}", masks.join("  |  "))
}
