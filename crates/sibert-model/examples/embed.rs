//! Sentences as vectors, and how alike they are: `… --example embed -- FOLDER SENTENCE SENTENCE …`.
//!
//! The folder is a checkpoint with its tokenizer, such as `sibert pretrain` writes.

use std::error::Error;

use candle_core::{DType, Device, Tensor};
use sibert_model::{Inputs, PreTraining};
use tokenizers::Tokenizer;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().ok_or("expected the folder of a checkpoint, and sentences")?;
    let sentences: Vec<String> = args.collect();

    let model = PreTraining::from_pretrained(&folder, DType::F32, &Device::Cpu)?;
    let tokenizer = Tokenizer::from_file(format!("{folder}/tokenizer.json"))?;
    let texts = sentences.iter().map(|text| Ok(tokenizer.encode(text.as_str(), true)?.get_ids().to_vec()));
    let texts = texts.collect::<tokenizers::Result<Vec<_>>>()?;

    let vectors = model.embed(&padded(&texts)?)?; // (sentences, hidden)
    let units = vectors.broadcast_div(&vectors.sqr()?.sum_keepdim(1)?.sqrt()?)?;
    let cosines = units.matmul(&units.t()?)?.to_vec2::<f32>()?;
    for (sentence, row) in sentences.iter().zip(cosines) {
        let row: Vec<String> = row.iter().map(|cosine| format!("{cosine:5.2}")).collect();
        println!("{}  {sentence}", row.join(" "));
    }
    Ok(())
}

/// Texts of one length: shorter ones are padded, and the mask says where.
fn padded(texts: &[Vec<u32>]) -> candle_core::Result<Inputs> {
    let (rows, seq) = (texts.len(), texts.iter().map(Vec::len).max().unwrap_or(0));
    let token = |text: &Vec<u32>, at: usize| text.get(at).copied();
    let places = || texts.iter().flat_map(|text| (0..seq).map(move |at| token(text, at)));
    let ids: Vec<u32> = places().map(Option::unwrap_or_default).collect();
    let keep: Vec<f32> = places().map(|id| f32::from(id.is_some())).collect();
    Ok(Inputs {
        input_ids: Tensor::from_vec(ids, (rows, seq), &Device::Cpu)?,
        token_type_ids: Tensor::zeros((rows, seq), DType::U32, &Device::Cpu)?,
        attention_mask: Tensor::from_vec(keep, (rows, seq), &Device::Cpu)?,
    })
}
