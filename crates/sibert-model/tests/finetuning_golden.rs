//! BERT's heads against transformers' own values, which `scripts/finetuning_golden.py` wrote.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use sibert_model::{FineTuning, Gradients, HeadKind, Inputs, Mode, ModelConfig, ModelType, Tape, Targets};
use sisgd::GradientSource as _;
use support::{below, dense, golden, relative_error, scalar, small};

/// Computed in f64 and stored in f32.
const STORED: f64 = 2e-7;
/// f32 rounding through two layers.
const ROUNDED: f64 = 1e-5;

fn inputs(tensors: &HashMap<String, Tensor>, head: HeadKind, dtype: DType) -> Inputs {
    let u32s = |name: &str| tensors[name].to_dtype(DType::U32).unwrap();
    let mask = tensors["attention_mask"].to_dtype(dtype).unwrap();
    Inputs {
        input_ids: u32s("input_ids"),
        token_type_ids: u32s("token_type_ids"),
        // transformers counts padding as possible starts and ends
        attention_mask: if head == HeadKind::Span { mask.ones_like().unwrap() } else { mask },
    }
}

fn targets(case: &HashMap<String, Tensor>, head: HeadKind, dtype: DType) -> Targets {
    let u32s = |name: &str| case[name].to_dtype(DType::U32).unwrap();
    match head {
        HeadKind::Classes(_) => Targets::Classes(u32s("labels")),
        HeadKind::Score => Targets::Scores(case["labels"].to_dtype(dtype).unwrap()),
        HeadKind::Span => Targets::Spans { starts: u32s("start_positions"), ends: u32s("end_positions") },
        HeadKind::Labels(_) | HeadKind::Tokens(_) => panic!("no such case"),
    }
}

/// The checkpoint of a case: the one encoder, and its own head.
fn load(
    tensors: &HashMap<String, Tensor>,
    case: &HashMap<String, Tensor>,
    head: HeadKind,
    dtype: DType,
) -> FineTuning {
    let config = ModelConfig { vocab_size: 60, ..small(ModelType::Bert) };
    let mut parameters = below(tensors, "param.");
    parameters.extend(below(case, "param."));
    let (model, origins) = FineTuning::load(&config, head, true, parameters, 0, dtype, &Device::Cpu).unwrap();
    let pooler = ["bert.pooler.dense.bias", "bert.pooler.dense.weight"];
    assert_eq!(origins.unused, if head == HeadKind::Span { &pooler[..] } else { &[] });
    assert!(origins.drawn.is_empty());
    model
}

fn assert_matches_transformers(name: &str, head: HeadKind, gradients_expected: usize) {
    let tensors = golden("finetuning.safetensors");
    let case = below(&tensors, &format!("{name}."));
    for (dtype, tolerance) in [(DType::F64, STORED), (DType::F32, ROUNDED)] {
        let (model, inputs) = (load(&tensors, &case, head, dtype), inputs(&tensors, head, dtype));
        let targets = targets(&case, head, dtype);
        let forward = || {
            let logits = model.forward(&inputs, Mode::Eval)?;
            Ok((model.loss(&logits, &inputs, &targets)?, logits))
        };
        let ((loss, logits), tape) = Tape::record(forward).unwrap();
        let error = relative_error(&logits, &case["logits"]);
        assert!(error < tolerance, "{name} {dtype:?} logits: {error:e}");
        // transformers' loss is the mean over the batch
        let texts = logits.dim(0).unwrap() as f64;
        let error = scalar(&loss) / texts / scalar(&case["loss"]) - 1.;
        assert!(error.abs() < tolerance, "{name} {dtype:?} loss: {error:e}");

        let vars: HashMap<_, _> = model.parameters().into_iter().collect();
        let mut gradients = Gradients::of(vars.values());
        tape.backward(&[(&loss, 1. / texts)], &mut gradients).unwrap();
        let expected = below(&case, "grad.");
        assert_eq!(expected.len(), gradients_expected);
        for (name, expected) in expected {
            let error =
                relative_error(&dense(gradients.gradient(&vars[&name]).unwrap(), &expected), &expected);
            assert!(error < tolerance, "{name} {dtype:?}: {error:e}");
        }
    }
}

#[test]
fn classes_are_those_of_bert_for_sequence_classification() {
    assert_matches_transformers("classes", HeadKind::Classes(3), 7);
}

#[test]
fn scores_are_those_of_bert_for_sequence_classification_with_one_label() {
    assert_matches_transformers("score", HeadKind::Score, 7);
}

#[test]
fn spans_are_those_of_bert_for_question_answering() {
    assert_matches_transformers("span", HeadKind::Span, 5);
}
