//! SIBERT trained on a list of sentences: `cargo run --release -p sibert-model --example train -- FOLDER`.

use candle_core::{DType, Device, Result, Tensor, bail};
use sibert_model::{Batch, Gradients, Mode, ModelConfig, ModelType, PreTraining, Tape};
use sisgd::{Lamb, LambConfig, SiSgd, SiSgdConfig};

const SENTENCES: [&str; 4] =
    ["the cat sleeps at night", "the owl hunts at night", "the bee works by day", "the sun shines by day"];
const MASK: u32 = 0;

fn main() -> Result<()> {
    let mut words: Vec<&str> = SENTENCES.iter().flat_map(|sentence| sentence.split(' ')).collect();
    words.sort_unstable();
    words.dedup();
    let id = |word: &str| words.iter().position(|known| *known == word).map_or(MASK, |at| at as u32 + 1);
    let tokens: Vec<u32> = SENTENCES.iter().flat_map(|sentence| sentence.split(' ')).map(id).collect();

    let sizes = ModelConfig::preset(ModelType::Sibert, "tiny")?;
    let config = ModelConfig { vocab_size: words.len() + 1, hidden_dropout_prob: 0., ..sizes };
    let model = PreTraining::new(&config, 1, DType::F32, &Device::Cpu)?;
    let (encoder, head) = (model.encoder_parameters(), model.head_parameters());
    let mut encoder = SiSgd::new(encoder, SiSgdConfig { weight_decay: 0.1, ..SiSgdConfig::default() })?;
    let mut head = Lamb::new(head, LambConfig::default())?;

    let mut losses = Vec::new();
    for step in 0..200 {
        let batch = masked(&tokens, step)?;
        let (output, tape) = Tape::record(|| model.forward(&batch, Mode::train(step as u64)))?;
        let mut gradients = Gradients::of(model.parameters().iter().map(|(_, var)| var));
        let mean = 1. / batch.labels.elem_count() as f64;
        tape.backward(&[(&output.masked_lm_loss, mean)], &mut gradients)?;
        let (encoder, head) = (encoder.check(&gradients, 0.02)?, head.check(&gradients, 0.01)?);
        encoder.apply()?; // nothing has changed if either was refused
        head.apply()?;
        losses.push(mean * f64::from(output.masked_lm_loss.to_scalar::<f32>()?));
        if step % 20 == 0 {
            println!("step {step:3}: loss {:.3}", losses[step]);
        }
    }
    if losses[199] > losses[0] / 2. {
        bail!("the loss went from {:.3} to {:.3} only", losses[0], losses[199]);
    }
    match std::env::args().nth(1) {
        Some(folder) => model.save(folder),
        None => Ok(()),
    }
}

/// The sentences, of each another word masked at every step.
fn masked(tokens: &[u32], step: usize) -> Result<Batch> {
    let (rows, seq, device) = (SENTENCES.len(), tokens.len() / SENTENCES.len(), &Device::Cpu);
    let positions: Vec<u32> = (0..rows).map(|row| (row * seq + (row + step) % seq) as u32).collect();
    let labels: Vec<u32> = positions.iter().map(|&at| tokens[at as usize]).collect();
    let mut ids = tokens.to_vec();
    positions.iter().for_each(|&at| ids[at as usize] = MASK);
    Ok(Batch {
        input_ids: Tensor::from_vec(ids, (rows, seq), device)?,
        token_type_ids: Tensor::zeros((rows, seq), DType::U32, device)?,
        attention_mask: Tensor::ones((rows, seq), DType::F32, device)?,
        positions: Tensor::from_vec(positions, rows, device)?,
        labels: Tensor::from_vec(labels, rows, device)?,
        next_sentence: None,
    })
}
