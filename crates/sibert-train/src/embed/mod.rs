//! `sibert embed`: a vector for each text.

mod batches;
mod file;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use candle_core::Device;
use rayon::prelude::*;
use serde_json::json;
use sibert_data::examples::Example;
use sibert_model::{Pooling, TextEncoder, no_grad};

use crate::args::{EmbedArgs, PoolingName};
use crate::batch::DTYPE;
use crate::console::{note, result};
use crate::log::Progress;
use crate::pretrained::Pretrained;
use crate::tuned::{Encoded, Sequence, encode, inputs, warn_of_unknown};

use file::Format;

/// Vectors shorter than this are not divided by their length, as in PyTorch's `normalize`.
const SHORTEST: f32 = 1e-12;

/// The vectors of some texts, one after the other.
struct Vectors {
    values: Vec<f32>,
    width: usize,
}

impl Vectors {
    fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks(self.width)
    }
}

/// Writes the vectors to a file, or prints a line of JSON for each text.
///
/// # Errors
/// If the model or the texts cannot be read, the file is of no known format, or cannot be written.
pub fn run(args: &EmbedArgs) -> Result<()> {
    let format = args.out.as_deref().map(Format::of).transpose()?; // before any work
    let device = args.compute.open()?;
    let texts = args.input.as_deref().map_or_else(|| Ok(args.text.clone()), lines)?;
    let Pretrained { name, config, tensors, tokenizer, .. } = Pretrained::open(&args.model, &device)?;
    let positions = config.max_position_embeddings;
    let longest = args.max_seq_len.unwrap_or(positions);
    ensure!(longest >= 3, "--max-seq-len {longest}: expected at least 3, two of which are [CLS] and [SEP]");
    ensure!(
        longest <= positions,
        "--max-seq-len {longest}: {name} has {positions} positions, expected at most so many"
    );
    let examples: Vec<Example> =
        texts.iter().map(|text| Example { text: text.clone(), pair: None, target: None }).collect();
    let Encoded { sequences, cut } = encode(&examples, &tokenizer, longest)?;
    drop(examples);
    warn_of_unknown("the texts", &sequences, &tokenizer)?;
    if cut > 0 {
        note(format!("{cut} of {} texts are longer than {longest} tokens and were cut", texts.len()));
    }
    let model = TextEncoder::load(&config, tensors, DTYPE, &device).with_context(|| name)?;
    let vectors = vectors(&model, &sequences, args, &device)?;
    match (&args.out, format) {
        (Some(out), Some(format)) => {
            format.write(out, &texts, &vectors)?;
            result(format!("{}: {} vectors of width {}", out.display(), texts.len(), vectors.width))
        }
        _ => texts
            .iter()
            .zip(vectors.rows())
            .try_for_each(|(text, vector)| result(json!({ "text": text, "vector": vector }))),
    }
}

/// The lines of a file.
fn lines(path: &Path) -> Result<Vec<String>> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("cannot read the texts in {name}"))?;
    let numbered = (1..).zip(BufReader::new(file).lines());
    let texts = numbered.map(|(number, line)| line.with_context(|| format!("{name}:{number}")));
    let texts = texts.collect::<Result<Vec<_>>>()?;
    ensure!(!texts.is_empty(), "{name} is empty, expected a text on each line");
    Ok(texts)
}

/// One forward pass over the texts, those of like lengths together.
fn vectors(
    model: &TextEncoder,
    sequences: &[Sequence],
    args: &EmbedArgs,
    device: &Device,
) -> Result<Vectors> {
    let pooling = match args.pooling {
        PoolingName::Mean => Pooling::Mean,
        PoolingName::Cls => Pooling::Cls,
    };
    let width = model.config().hidden_size;
    let lengths: Vec<usize> = sequences.iter().map(Sequence::len).collect();
    let batches = batches::cut(&lengths, args.batch_size);
    let threads = if device.is_cpu() { rayon::current_num_threads() } else { 1 };
    let embed = |batch: &[usize]| -> Result<Vec<f32>> {
        let rows: Vec<&Sequence> = batch.iter().map(|&index| &sequences[index]).collect();
        let texts = inputs(&rows, model.config().pad_token_id, device)?;
        let pooled = args.compute.precision.scope(|| no_grad(|| model.embed(&texts, pooling)))?;
        Ok(pooled.to_dtype(DTYPE)?.flatten_all()?.to_vec1()?)
    };
    let (mut values, mut done) = (vec![0.; sequences.len() * width], 0);
    let progress = Progress::counting("batch", batches.len(), 0);
    batches::each(&batches, threads, embed, |batch, pooled| {
        for (&index, vector) in batch.iter().zip(pooled.chunks(width)) {
            values[index * width..][..width].copy_from_slice(vector);
        }
        done += 1;
        progress.step(done);
        Ok(())
    })?;
    progress.finish();
    let diverged = values.chunks(width).position(|vector| !vector.iter().all(|value| value.is_finite()));
    if let Some(index) = diverged {
        bail!("the vector of text {} is not a number: the training of the model diverged", index + 1);
    }
    if args.normalize {
        values.par_chunks_mut(width).for_each(normalize);
    }
    Ok(Vectors { values, width })
}

/// Divides a vector by its length.
fn normalize(vector: &mut [f32]) {
    let squared: f32 = vector.iter().map(|value| value * value).sum();
    let length = squared.sqrt().max(SHORTEST);
    vector.iter_mut().for_each(|value| *value /= length);
}
