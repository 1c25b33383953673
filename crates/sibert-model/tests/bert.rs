//! The BERT baseline against `candle-transformers`' BertModel and transformers' own values.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashMap;
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use sibert_model::{Mode, ModelConfig, ModelType, PreTraining, bert};
use support::{batch, golden, golden_batch, relative_error, small};

fn tensors(model: &PreTraining) -> HashMap<String, Tensor> {
    model.parameters().into_iter().map(|(name, var)| (name, var.as_detached_tensor())).collect()
}

#[test]
fn baseline_matches_candle_transformers() {
    let config = small(ModelType::Bert);
    let batch = batch(&config, 3, DType::F32);
    let model = PreTraining::new(&config, 4, DType::F32, &Device::Cpu).unwrap();
    let oracle_config: Config = serde_json::from_str(&config.to_json().unwrap()).unwrap();
    let vb = VarBuilder::from_tensors(tensors(&model), DType::F32, &Device::Cpu);
    let oracle = BertModel::load(vb.pp("bert"), &oracle_config).unwrap();
    let mask = batch.attention_mask.to_dtype(DType::F32).unwrap();
    let expected = oracle.forward(&batch.input_ids, &batch.token_type_ids, Some(&mask)).unwrap();
    let found = model.encode(&batch, Mode::Eval).unwrap();
    // padding rows are free to differ: nobody reads them
    for row in 0..3 {
        let real = if row == 2 { 9 } else { 12 };
        let part = |t: &Tensor| t.narrow(0, row, 1).unwrap().narrow(1, 0, real).unwrap();
        let error = relative_error(&part(&found), &part(&expected));
        assert!(error < 1e-5, "row {row}: {error:e}");
    }
}

#[test]
fn older_and_shorter_names_load_as_the_same_model() {
    let config = small(ModelType::Bert);
    let model = PreTraining::new(&config, 4, DType::F32, &Device::Cpu).unwrap();
    let batch = batch(&config, 3, DType::F32);
    let expected = model.forward(&batch, Mode::Eval).unwrap().logits;
    let mut old: HashMap<String, Tensor> = tensors(&model)
        .into_iter()
        .map(|(name, tensor)| {
            let name = name.trim_start_matches("bert.");
            (
                name.replace("LayerNorm.weight", "LayerNorm.gamma")
                    .replace("LayerNorm.bias", "LayerNorm.beta"),
                tensor,
            )
        })
        .collect();
    old.insert("embeddings.position_ids".into(), Tensor::zeros((1, 16), DType::U32, &Device::Cpu).unwrap());
    old.insert("cls.predictions.decoder.weight".into(), old["embeddings.word_embeddings.weight"].clone());
    let loaded = PreTraining::load(&config, old, DType::F32, &Device::Cpu).unwrap();
    let found = loaded.forward(&batch, Mode::Eval).unwrap().logits;
    assert!(relative_error(&found, &expected) < 1e-7);
}

#[test]
fn a_decoder_that_is_not_tied_is_used() {
    let tied = small(ModelType::Bert);
    let own = ModelConfig { tie_word_embeddings: Some(false), ..tied.clone() };
    let model = PreTraining::new(&tied, 4, DType::F32, &Device::Cpu).unwrap();
    let batch = batch(&tied, 3, DType::F32);
    let mut saved = tensors(&model);
    let doubled = (&saved["bert.embeddings.word_embeddings.weight"] * 2.).unwrap();
    saved.insert("cls.predictions.decoder.weight".into(), doubled);
    let logits = |config: &ModelConfig, tensors: HashMap<String, Tensor>| {
        let loaded = PreTraining::load(config, tensors, DType::F32, &Device::Cpu).unwrap();
        loaded.forward(&batch, Mode::Eval).unwrap().logits
    };
    let expected = (logits(&tied, saved.clone()) * 2.).unwrap(); // the bias is zero
    assert!(relative_error(&logits(&own, saved.clone()), &expected) < 1e-6);
    let bias = saved.remove("cls.predictions.bias").unwrap();
    saved.insert("cls.predictions.decoder.bias".into(), bias);
    assert!(relative_error(&logits(&own, saved), &expected) < 1e-6, "the bias under its other name");
}

#[test]
fn a_model_of_pairs_guesses_words_without_pairs() {
    let config = ModelConfig { next_sentence_prediction: true, ..small(ModelType::Bert) };
    let model = PreTraining::new(&config, 4, DType::F32, &Device::Cpu).unwrap();
    let alone =
        tensors(&model).into_iter().filter(|(name, _)| !name.contains("pooler") && !name.contains("seq_rel"));
    let without = ModelConfig { next_sentence_prediction: false, ..config.clone() };
    let same = PreTraining::load(&without, alone.collect(), DType::F32, &Device::Cpu).unwrap();
    let batch = batch(&config, 3, DType::F32);
    let (found, expected) = (model.masked_lm(&batch, Mode::Eval), same.forward(&batch, Mode::Eval));
    assert_eq!(relative_error(&found.unwrap().logits, &expected.unwrap().logits), 0.);
    assert!(model.forward(&batch, Mode::Eval).is_err(), "training needs the pairs");
}

#[test]
fn names_are_those_of_bert_for_masked_lm() {
    let config = ModelConfig { num_hidden_layers: 1, ..small(ModelType::Bert) };
    let model = PreTraining::new(&config, 4, DType::F32, &Device::Cpu).unwrap();
    let names: Vec<_> = model.parameters().into_iter().map(|(name, _)| name).collect();
    let layer = |name: &str| format!("bert.encoder.layer.0.{name}");
    for name in ["attention.self.query.bias", "attention.output.LayerNorm.weight", "output.dense.bias"] {
        assert!(names.contains(&layer(name)), "{name} is missing among {names:?}");
    }
    assert_eq!(names.last().unwrap(), "cls.predictions.bias");
}

/// Folder of `sentence-transformers/all-MiniLM-L6-v2` (config.json, model.safetensors), named by `SIBERT_MINILM`.
fn minilm() -> Option<PathBuf> {
    std::env::var_os("SIBERT_MINILM").map(PathBuf::from)
}

#[test]
fn baseline_matches_transformers_on_a_real_checkpoint() {
    let Some(folder) = minilm() else {
        eprintln!(
            "skipped: set SIBERT_MINILM to the absolute path of a folder of sentence-transformers/all-MiniLM-L6-v2"
        );
        return;
    };
    let config = ModelConfig::load(&folder.join("config.json")).unwrap();
    let weights = candle_core::safetensors::load(folder.join("model.safetensors"), &Device::Cpu).unwrap();
    let weights = weights.into_iter().filter_map(|(n, t)| Some((bert::canonical_name(&n)?, t))).collect();
    let vb = VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu);
    let model = bert::Bert::new(&config, vb.pp("bert")).unwrap();
    let mut expected = golden("minilm.safetensors");
    expected.insert("labels".into(), Tensor::zeros((3, 22), DType::I64, &Device::Cpu).unwrap());
    let batch = golden_batch(&expected, DType::F32);
    let found = model
        .forward(&batch.input_ids, &batch.token_type_ids, &batch.attention_mask, None, Mode::Eval)
        .unwrap();
    let real = batch.attention_mask.unsqueeze(2).unwrap();
    let keep = |t: &Tensor| t.broadcast_mul(&real).unwrap();
    let error = relative_error(&keep(&found), &keep(&expected["last_hidden_state"]));
    assert!(error < 1e-5, "{error:e}");
}
