//! `sibert fill-mask`: guesses of a trained model for the masked words of a sentence.

use anyhow::{Result, anyhow, ensure};
use candle_core::{D, DType, Device, Tensor};
use serde::Serialize;
use serde_json::json;
use sibert_data::contained::contained;
use sibert_data::tokenizer::SpecialTokens;
use sibert_model::{Batch, Mode, PreTraining, no_grad};
use tokenizers::Tokenizer;

use crate::args::FillMaskArgs;
use crate::batch::DTYPE;
use crate::console::{note, result};
use crate::pretrained::Pretrained;

/// One guess for one mask.
#[derive(Clone, Debug, Serialize)]
pub struct Guess {
    /// The token, as the vocabulary spells it.
    pub token: String,
    /// Its id.
    pub id: u32,
    /// Its probability.
    pub probability: f32,
}

/// Prints the guesses for each sentence.
///
/// # Errors
/// If the model cannot be read, a sentence has no `[MASK]` or is too long.
pub fn run(args: &FillMaskArgs) -> Result<()> {
    let device = args.compute.open()?;
    let pretrained = Pretrained::open(&args.model, &device)?;
    let tokenizer = pretrained.tokenizer.clone();
    let model = pretrained.masked_lm(DTYPE, &device)?;
    for text in &args.text {
        let guesses =
            args.compute.precision.scope(|| guess(&model, &tokenizer, text, args.top_k, &device))?;
        result(if args.json {
            json!({ "text": text, "masks": guesses }).to_string()
        } else {
            line(text, &guesses)
        })?;
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
    let encoding =
        contained(|| tokenizer.encode(text, true).map_err(|error| anyhow!("the tokenizer: {error}")))?;
    let ids = encoding.get_ids();
    let unknown = ids.iter().filter(|&&id| id == special.unk).count();
    if unknown > 0 {
        note(format!("{unknown} of the {} tokens of {text:?} are unknown to the vocabulary", ids.len()));
    }
    let positions: Vec<u32> = (0..ids.len() as u32).filter(|&i| ids[i as usize] == special.mask).collect();
    ensure!(!positions.is_empty(), "no [MASK] in {text:?}: write [MASK] in place of the word to guess");
    let (seq, masked) = (ids.len(), positions.len());
    let batch = Batch {
        input_ids: Tensor::from_slice(ids, (1, seq), &Device::Cpu)?,
        token_type_ids: Tensor::from_slice(encoding.get_type_ids(), (1, seq), &Device::Cpu)?,
        attention_mask: Tensor::ones((1, seq), DTYPE, device)?,
        positions: Tensor::from_vec(positions, masked, &Device::Cpu)?,
        labels: Tensor::zeros(masked, DType::U32, &Device::Cpu)?,
        next_sentence: None,
    };
    let logits = no_grad(|| model.masked_lm(&batch, Mode::Eval))?.logits.to_device(&Device::Cpu)?; // (masked, vocab)
    let probabilities = candle_nn::ops::softmax(&logits, D::Minus1)?.to_vec2::<f32>()?;
    Ok(probabilities.into_iter().map(|row| most_likely(row, tokenizer, top_k)).collect())
}

fn most_likely(probabilities: Vec<f32>, tokenizer: &Tokenizer, top_k: usize) -> Vec<Guess> {
    let mut ranked: Vec<(usize, f32)> = probabilities.into_iter().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let name = |id: u32| tokenizer.id_to_token(id).unwrap_or_else(|| format!("#{id}"));
    let guess = |(id, probability)| Guess { token: name(id as u32), id: id as u32, probability };
    ranked.into_iter().take(top_k).map(guess).collect()
}

/// `The capital of France is [MASK].  →  paris 0.93 · london 0.02`.
pub fn line(text: &str, guesses: &[Vec<Guess>]) -> String {
    let of_mask = |guesses: &Vec<Guess>| {
        let shown = guesses.iter().map(|guess| format!("{} {}", guess.token, digits(guess.probability)));
        shown.collect::<Vec<_>>().join(" · ")
    };
    let masks: Vec<String> = guesses.iter().map(of_mask).collect();
    format!("{text}  →  {}", masks.join("  |  "))
}

/// Two digits behind the point, and of what is smaller two that are not zero: 0.93, 0.0021.
fn digits(probability: f32) -> String {
    let zeros = (-probability.max(f32::MIN_POSITIVE).log10()).floor().clamp(0., 6.) as usize;
    format!("{probability:.*}", zeros + 2)
}

#[cfg(test)]
mod tests {
    use super::digits;

    #[test]
    fn small_probabilities_keep_two_digits() {
        let shown = [0.934, 0.5, 0.0213, 0.00213, 0.000_021, 0.].map(digits);
        assert_eq!(shown, ["0.93", "0.50", "0.021", "0.0021", "0.000021", "0.00000000"]);
    }
}
