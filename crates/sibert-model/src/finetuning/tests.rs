#![allow(clippy::unwrap_used)]

use super::*;
use crate::{ModelType, PreTraining};

const ARCHITECTURES: [ModelType; 2] = [ModelType::Sibert, ModelType::Bert];
const HEADS: [HeadKind; 5] =
    [HeadKind::Classes(3), HeadKind::Labels(3), HeadKind::Score, HeadKind::Span, HeadKind::Tokens(3)];

/// One layer, with sentence pairs: the checkpoint then has a pooler.
fn config(model_type: ModelType, next_sentence_prediction: bool) -> ModelConfig {
    ModelConfig {
        vocab_size: 11,
        hidden_size: 8,
        num_hidden_layers: 1,
        intermediate_size: 16,
        max_position_embeddings: 4,
        next_sentence_prediction,
        ..ModelConfig::preset(model_type, "tiny").unwrap()
    }
}

fn tensors(parameters: Vec<(String, Var)>) -> HashMap<String, Tensor> {
    parameters.into_iter().map(|(name, var)| (name, var.as_detached_tensor())).collect()
}

fn checkpoint(config: &ModelConfig) -> HashMap<String, Tensor> {
    tensors(PreTraining::new(config, 7, DType::F32, &Device::Cpu).unwrap().parameters())
}

fn load(
    config: &ModelConfig,
    head: HeadKind,
    keeps_head: bool,
    tensors: &HashMap<String, Tensor>,
    seed: u64,
) -> Result<(FineTuning, Origins)> {
    FineTuning::load(config, head, keeps_head, tensors.clone(), seed, DType::F32, &Device::Cpu)
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn both(root: &str) -> [String; 2] {
    ["bias", "weight"].map(|name| format!("{root}.{name}"))
}

/// The pretraining heads of a checkpoint, those that this crate's names keep.
fn pretraining_heads(checkpoint: &HashMap<String, Tensor>) -> Vec<String> {
    let is_one = |name: &&String| name.starts_with("cls.predictions.") || name.starts_with("cls.seq_rel");
    checkpoint.keys().filter(is_one).cloned().collect()
}

#[test]
fn origins_name_what_is_new_and_what_is_left() {
    for (model_type, pairs, head) in ARCHITECTURES
        .into_iter()
        .flat_map(|model_type| [true, false].map(|pairs| (model_type, pairs)))
        .flat_map(|(model_type, pairs)| HEADS.map(|head| (model_type, pairs, head)))
    {
        let config = config(model_type, pairs);
        let checkpoint = checkpoint(&config);
        let (_, origins) = load(&config, head, false, &checkpoint, 1).unwrap();
        let pooler =
            both(if model_type == ModelType::Bert { "bert.pooler.dense" } else { "cls.pooler.dense" });
        let (mut drawn, mut unused) = (Vec::new(), pretraining_heads(&checkpoint));
        match head {
            head if head.is_of_tokens() && pairs => unused.extend(pooler),
            head if !head.is_of_tokens() && !pairs => drawn.extend(pooler),
            _ => {}
        }
        drawn.extend(both(head.root()));
        drawn.sort();
        unused.sort();
        assert!(unused.len() >= 5 && origins == Origins { drawn, unused }, "{origins:?}");
    }
}

#[test]
fn encoder_and_pooler_are_the_checkpoint_s_and_the_head_is_the_seed_s() {
    for (model_type, head) in ARCHITECTURES.into_iter().flat_map(|model| HEADS.map(|head| (model, head))) {
        let config = config(model_type, true);
        let checkpoint = checkpoint(&config);
        let [one, again, other] =
            [1, 1, 2].map(|seed| load(&config, head, false, &checkpoint, seed).unwrap().0.parameters());
        for ((name, var), ((_, again), (_, other))) in one.iter().zip(again.iter().zip(&other)) {
            let [value, again, other] = [var, again, other].map(|var| numbers(var.as_tensor()));
            assert_eq!(value, again, "{name}");
            match checkpoint.get(name) {
                Some(tensor) => assert!(value == numbers(tensor) && value == other, "{name}"),
                None if name.ends_with("bias") => assert!(value.iter().all(|&x| x == 0.), "{name}"),
                None => {
                    let cut = 2. * config.initializer_range as f32;
                    assert!(value != other && value.iter().all(|x| x.abs() <= cut), "{name}: {value:?}");
                }
            }
        }
        let names: Vec<_> = one.iter().map(|(name, _)| name.as_str()).collect();
        let [bias, weight] = both(head.root());
        assert!(names.ends_with(&[&weight, &bias]), "{names:?}");
    }
}

#[test]
fn a_saved_head_is_kept_or_replaced() {
    for (model_type, head) in ARCHITECTURES.into_iter().flat_map(|model| HEADS.map(|head| (model, head))) {
        let config = config(model_type, false);
        let (model, _) = load(&config, head, false, &checkpoint(&config), 1).unwrap();
        let saved = tensors(model.parameters());
        let weight = &both(head.root())[1];
        let of = |(model, origins): (FineTuning, Origins)| {
            (numbers(&tensors(model.parameters())[weight]), origins.drawn, origins.unused)
        };
        let kept = of(load(&config, head, true, &saved, 2).unwrap());
        assert_eq!(kept, (numbers(&saved[weight]), Vec::new(), Vec::new()));
        let (replaced, drawn, unused) = of(load(&config, head, false, &saved, 2).unwrap());
        assert!(replaced != kept.0);
        assert_eq!((drawn, unused), (both(head.root()).to_vec(), both(head.root()).to_vec()));
    }
}

#[test]
fn every_missing_and_misshapen_tensor_is_named() {
    let config = config(ModelType::Bert, false);
    let mut tensors = checkpoint(&config);
    tensors.remove("bert.embeddings.LayerNorm.bias").unwrap();
    tensors.remove("bert.encoder.layer.0.output.dense.weight").unwrap();
    let wrong = Tensor::zeros((9, 8), DType::F32, &Device::Cpu).unwrap();
    tensors.insert("bert.embeddings.word_embeddings.weight".into(), wrong);
    let message = load(&config, HeadKind::Score, false, &tensors, 1).err().unwrap().to_string();
    let expected = "the checkpoint does not fit its configuration and a head for a score: \
        `bert.embeddings.word_embeddings.weight` is [9, 8] in the checkpoint, expected [11, 8]; \
        `bert.embeddings.LayerNorm.bias` [8] is missing in the checkpoint; \
        `bert.encoder.layer.0.output.dense.weight` [8, 16] is missing in the checkpoint";
    assert!(message.starts_with(expected), "{message}");
}

#[test]
fn a_head_that_is_kept_must_be_there_with_its_pooler() {
    let config = config(ModelType::Sibert, false);
    let message =
        load(&config, HeadKind::Classes(2), true, &checkpoint(&config), 1).err().unwrap().to_string();
    for missing in ["`cls.pooler.dense.weight` [8, 8]", "`classifier.weight` [2, 8]", "`classifier.bias` [2]"]
    {
        assert!(message.contains(&format!("{missing} is missing in the checkpoint")), "{message}");
    }
}

#[test]
fn a_kept_head_of_another_task_is_refused_by_both_numbers() {
    let config = config(ModelType::Bert, true);
    let (model, _) = load(&config, HeadKind::Classes(2), false, &checkpoint(&config), 1).unwrap();
    let saved = tensors(model.parameters());
    for (head, expected) in [(HeadKind::Classes(3), "3 for 3 classes"), (HeadKind::Score, "1 for a score")] {
        let message = load(&config, head, true, &saved, 1).err().unwrap().to_string();
        let start = format!("the checkpoint's head `classifier.weight` has 2 outputs, expected {expected}");
        assert!(message.starts_with(&start), "{message}");
        assert!(load(&config, head, false, &saved, 1).is_ok());
    }
}

#[test]
fn older_and_shorter_names_of_bert_are_understood() {
    let config = config(ModelType::Bert, true);
    let checkpoint = checkpoint(&config);
    let old = |name: &str| {
        let name =
            name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta");
        name.trim_start_matches("bert.").to_string()
    };
    let renamed = checkpoint.iter().map(|(name, tensor)| (old(name), tensor.clone())).collect();
    let of = |tensors: &HashMap<String, Tensor>| load(&config, HeadKind::Score, false, tensors, 1).unwrap();
    let ((expected, origins), (found, found_origins)) = (of(&checkpoint), of(&renamed));
    assert_eq!(origins, found_origins);
    for ((name, expected), (_, found)) in expected.parameters().iter().zip(found.parameters()) {
        assert_eq!(numbers(expected.as_tensor()), numbers(found.as_tensor()), "{name}");
    }
}

#[test]
fn classes_of_tokens_are_trained_on_those_that_have_one() {
    let config = config(ModelType::Bert, false);
    let (model, _) = load(&config, HeadKind::Tokens(3), false, &checkpoint(&config), 1).unwrap();
    let zeros = || Tensor::zeros((2, 3), DType::U32, &Device::Cpu).unwrap();
    let attention_mask = Tensor::ones((2, 3), DType::F32, &Device::Cpu).unwrap();
    let inputs = Inputs { input_ids: zeros(), token_type_ids: zeros(), attention_mask };
    let logits = model.forward(&inputs, Mode::Eval).unwrap();
    assert_eq!(logits.dims(), [2, 3, 3]);
    let loss = |places: &[u32], classes: &[u32]| {
        let tensor = |values: &[u32]| Tensor::new(values, &Device::Cpu).unwrap();
        let targets = Targets::Tokens { places: tensor(places), classes: tensor(classes) };
        numbers(&model.loss(&logits, &inputs, &targets).unwrap())[0]
    };
    let rows = numbers(&logits);
    let expected = |place: usize, class: usize| {
        let row = &rows[3 * place..3 * place + 3];
        row.iter().map(|x| x.exp()).sum::<f32>().ln() - row[class]
    };
    assert!((loss(&[1, 5], &[2, 0]) - expected(1, 2) - expected(5, 0)).abs() < 1e-5);
}

#[test]
fn fewer_than_two_classes_and_targets_of_another_head_are_refused() {
    let config = config(ModelType::Bert, true);
    let checkpoint = checkpoint(&config);
    let error = load(&config, HeadKind::Classes(1), false, &checkpoint, 1).err().unwrap().to_string();
    assert!(error.starts_with("a head of 1 classes, expected at least 2"), "{error}");

    let (model, _) = load(&config, HeadKind::Classes(2), false, &checkpoint, 1).unwrap();
    let inputs = |seq: usize| Inputs {
        input_ids: Tensor::zeros((1, seq), DType::U32, &Device::Cpu).unwrap(),
        token_type_ids: Tensor::zeros((1, seq), DType::U32, &Device::Cpu).unwrap(),
        attention_mask: Tensor::ones((1, seq), DType::F32, &Device::Cpu).unwrap(),
    };
    let logits = model.forward(&inputs(4), Mode::Eval).unwrap();
    let scores = Targets::Scores(Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap());
    let error = model.loss(&logits, &inputs(4), &scores).unwrap_err().to_string();
    assert!(error.starts_with("the model has a head for 2 classes, but the targets are scores"), "{error}");

    let error = model.forward(&inputs(5), Mode::Eval).unwrap_err().to_string();
    assert!(error.starts_with("a sequence of 5 tokens is longer than max_position_embeddings 4"), "{error}");
}
