//! Sequences in readable form, with their masks.

use anyhow::Result;
use sibert_data::batches::MaskedBatch;
use sibert_data::wordpiece::CONTINUATION;
use tokenizers::Tokenizer;

use super::Opened;
use crate::console::result;

/// Prints the first `count` sequences from `step` on.
///
/// # Errors
/// If standard output is closed.
pub fn print(opened: &Opened, count: usize, step: u64) -> Result<()> {
    let Opened { config, corpus, .. } = opened;
    let rows = config.batch_size;
    for number in 0..count {
        let (step, row) = (step + (number / rows) as u64, number % rows);
        let batch = corpus.train.micro_batch(step, row..row + 1);
        result(format!("step {step}, sequence {row}: {}", summary(&batch)))?;
        result(format!("  {}\n", text(&batch, &corpus.tokenizer)))?;
    }
    Ok(())
}

/// `128 tokens, 19 predicted, the second sentence is random`.
fn summary(batch: &MaskedBatch) -> String {
    let tokens = batch.attention_mask.iter().filter(|&&keep| keep == 1).count();
    let pair = match batch.next_sentence.as_deref() {
        None => "",
        Some([0]) => ", the second part follows the first",
        Some(_) => ", the second part is random",
    };
    format!("{tokens} tokens, {} predicted{pair}", batch.positions.len())
}

/// The tokens of one row: pieces joined to words, what is predicted in braces behind what stands in its place.
fn text(batch: &MaskedBatch, tokenizer: &Tokenizer) -> String {
    let piece = |id: u32| tokenizer.id_to_token(id).unwrap_or_else(|| format!("#{id}"));
    let mut predicted = batch.positions.iter().zip(&batch.labels).peekable();
    let mut text = String::new();
    for (position, &id) in batch.input_ids.iter().enumerate() {
        if batch.attention_mask[position] == 0 {
            break;
        }
        let label = predicted.next_if(|(at, _)| **at as usize == position).map(|(_, &label)| piece(label));
        let piece = piece(id);
        // Where a piece continues a word is told by what stood there, not by the random piece in its place.
        match label.as_deref().unwrap_or(&piece).strip_prefix(CONTINUATION) {
            Some(_) => text.push_str(piece.strip_prefix(CONTINUATION).unwrap_or(&piece)),
            None => {
                text.extend((!text.is_empty()).then_some(' '));
                text.push_str(&piece);
            }
        }
        if let Some(label) = label {
            text.push_str(&format!("{{{label}}}"));
        }
    }
    text
}
