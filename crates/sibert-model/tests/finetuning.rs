//! Fine-tuning: gradients on a tape, padding, micro-batches, and the scale of SIBERT's encoder.
#![allow(clippy::unwrap_used)]

mod support;

use candle_core::{DType, Device, Tensor};
use sibert_model::{FineTuning, Gradients, HeadKind, Inputs, Mode, ModelConfig, ModelType, Tape, random};
use sisgd::GradientSource as _;
use support::{dense, inputs, norm, part, relative_error, scalar, small, targets, tuned};

const HEADS: [HeadKind; 4] = [HeadKind::Classes(3), HeadKind::Labels(3), HeadKind::Score, HeadKind::Span];

/// Both architectures with dropout, each with every head.
fn cases() -> impl Iterator<Item = (ModelConfig, HeadKind)> {
    let with_dropout = |model_type| ModelConfig {
        hidden_dropout_prob: 0.1,
        attention_probs_dropout_prob: 0.1,
        ..small(model_type)
    };
    let models = [ModelType::Sibert, ModelType::Bert].map(with_dropout);
    models.into_iter().flat_map(|config| HEADS.map(|head| (config.clone(), head)))
}

/// Logits and loss of the rows of a batch, whose first is row `rows.start` of the whole.
fn forward(
    model: &FineTuning,
    inputs: &Inputs,
    rows: std::ops::Range<usize>,
    mode: Mode,
) -> (Tensor, Tensor) {
    let logits = model.forward(inputs, mode.from_row(rows.start)).unwrap();
    let targets = targets(model.head(), rows, inputs.attention_mask.dtype());
    let loss = model.loss(&logits, inputs, &targets).unwrap();
    (logits, loss)
}

/// The gradients of all parameters on a tape, over the parts of a batch.
fn on_tape(model: &FineTuning, parts: &[(Inputs, std::ops::Range<usize>)], mode: Mode) -> Vec<Tensor> {
    let vars = model.parameters();
    let mut gradients = Gradients::of(vars.iter().map(|(_, var)| var));
    for (inputs, rows) in parts {
        let (loss, tape) = Tape::record(|| Ok(forward(model, inputs, rows.clone(), mode).1)).unwrap();
        tape.backward(&[(&loss, 1.)], &mut gradients).unwrap();
    }
    let of = |(name, var): &(String, candle_core::Var)| {
        dense(gradients.gradient(var).unwrap_or_else(|| panic!("{name} has no gradient")), var)
    };
    vars.iter().map(of).collect()
}

#[test]
fn gradients_are_those_of_the_graph_and_of_finite_differences() {
    const STEP: f64 = 1e-6;
    for (config, head) in cases() {
        let (model, inputs, mode) =
            (tuned(&config, head, DType::F64), inputs(&config, 3, DType::F64), Mode::train(2));
        let loss = || forward(&model, &inputs, 0..3, mode).1;
        let on_graph = loss().backward().unwrap();
        let on_tape = on_tape(&model, &[(part(&inputs, 0..3, 12), 0..3)], mode);
        for (i, ((name, var), found)) in model.parameters().into_iter().zip(on_tape).enumerate() {
            let case = format!("{:?} {head} {name}", config.model_type);
            let expected = on_graph.get(&var).unwrap();
            let error = norm(&(&found - expected).unwrap());
            assert!(error < 1e-13 * (norm(expected) + 1e-2), "{case}: {error:e} of {:e}", norm(expected));

            let x = var.as_detached_tensor().copy().unwrap();
            let draws = random::truncated_normal(i as u64, 1., x.elem_count());
            let direction = Tensor::from_vec(draws, x.shape(), &Device::Cpu).unwrap();
            let loss_at = |t: f64| {
                var.set(&(&x + direction.affine(t, 0.).unwrap()).unwrap()).unwrap();
                scalar(&loss())
            };
            let numeric = (loss_at(STEP) - loss_at(-STEP)) / (2. * STEP);
            var.set(&x).unwrap();
            let analytic = scalar(&(&found * &direction).unwrap().sum_all().unwrap());
            // 1e-8: rounding of the loss, about 10, divided by twice the step
            let bound = 1e-5 * norm(&found) + 1e-8;
            assert!((numeric - analytic).abs() < bound, "{case}: numeric {numeric}, analytic {analytic}");
        }
    }
}

#[test]
fn every_parameter_that_the_head_reads_learns() {
    for (config, head) in cases() {
        let (model, inputs) = (tuned(&config, head, DType::F64), inputs(&config, 3, DType::F64));
        let gradients = on_tape(&model, &[(inputs, 0..3)], Mode::train(2));
        for ((name, _), gradient) in model.parameters().iter().zip(gradients) {
            // a softmax does not see what is added to all of its scores
            let is_common = match head {
                HeadKind::Span => {
                    ["qa_outputs.bias", "bert.encoder.layer.1.output.LayerNorm.bias"].contains(&name.as_str())
                }
                _ => false,
            };
            let is_seen = !is_common && !name.ends_with("key.bias");
            let size = norm(&gradient);
            assert!(
                (size > 1e-8) == is_seen,
                "{:?} {head} {name}: gradient of norm {size:e}",
                config.model_type
            );
        }
    }
}

#[test]
fn padding_changes_neither_logits_nor_loss() {
    for (config, head) in cases() {
        let (model, inputs) = (tuned(&config, head, DType::F64), inputs(&config, 3, DType::F64));
        let (logits, loss) = forward(&model, &inputs, 0..3, Mode::Eval);
        let bare = part(&inputs, 2..3, 9); // the last text without its padding
        let (bare_logits, bare_loss) = forward(&model, &bare, 2..3, Mode::Eval);
        let (_, others) = forward(&model, &part(&inputs, 0..2, 12), 0..2, Mode::Eval);
        let last = logits.narrow(0, 2, 1).unwrap();
        let last = if head == HeadKind::Span { last.narrow(1, 0, 9).unwrap() } else { last };
        assert!(relative_error(&last, &bare_logits) < 1e-12, "{head}: {last} {bare_logits}");
        assert!((scalar(&loss) / (scalar(&bare_loss) + scalar(&others)) - 1.).abs() < 1e-13, "{head}");

        let other_padding = inputs.attention_mask.eq(0.).unwrap().to_dtype(DType::U32).unwrap();
        let ids = (&inputs.input_ids * (1. - &other_padding).unwrap()).unwrap();
        let ids = (ids + (other_padding * 7.).unwrap()).unwrap();
        assert_ne!(ids.to_vec2::<u32>().unwrap(), inputs.input_ids.to_vec2::<u32>().unwrap());
        let (_, found) = forward(&model, &Inputs { input_ids: ids, ..inputs }, 0..3, Mode::Eval);
        assert!((scalar(&found) / scalar(&loss) - 1.).abs() < 1e-13, "{head}");
    }
}

#[test]
fn micro_batches_add_up_to_their_batch_under_dropout() {
    for (config, head) in cases() {
        let (model, inputs, mode) =
            (tuned(&config, head, DType::F64), inputs(&config, 4, DType::F64), Mode::train(3));
        let parts: Vec<_> = [0..2, 2..3, 3..4].map(|rows| (part(&inputs, rows.clone(), 12), rows)).into();
        let whole = forward(&model, &inputs, 0..4, mode).0;
        let logits: Vec<_> =
            parts.iter().map(|(inputs, rows)| forward(&model, inputs, rows.clone(), mode).0).collect();
        assert!(relative_error(&Tensor::cat(&logits, 0).unwrap(), &whole) < 1e-13, "{head}");
        assert!(relative_error(&model.forward(&inputs, Mode::train(4)).unwrap(), &whole) > 1e-3, "{head}");

        let expected = on_tape(&model, &[(part(&inputs, 0..4, 12), 0..4)], mode);
        for ((name, _), (found, expected)) in
            model.parameters().iter().zip(on_tape(&model, &parts, mode).iter().zip(&expected))
        {
            let error = norm(&(found - expected).unwrap()) / (norm(expected) + 1.);
            assert!(error < 1e-12, "{head} {name}: {error:e}");
        }
    }
}

#[test]
fn logits_do_not_change_with_the_scale_of_siberts_encoder() {
    /// f32 rounding through two layers and the head.
    const TOLERANCE: f64 = 1e-4;
    for head in HEADS {
        let config = small(ModelType::Sibert);
        let inputs = inputs(&config, 3, DType::F32);
        let real = |logits: Tensor| shared_tokens(head, logits);
        let expected = real(tuned(&config, head, DType::F32).forward(&inputs, Mode::Eval).unwrap());
        for scale in [1e-2, 0.1, 10., 100.] {
            let model = tuned(&config, head, DType::F32);
            let encoder = model.parameters().into_iter().filter(|(name, _)| name.starts_with("sibert."));
            assert!(encoder.clone().count() > 10);
            encoder
                .for_each(|(_, var)| var.set(&var.as_detached_tensor().affine(scale, 0.).unwrap()).unwrap());
            let error = relative_error(&real(model.forward(&inputs, Mode::Eval).unwrap()), &expected);
            assert!(error < TOLERANCE, "{head}, scale {scale}: {error:e}");
        }
    }
}

/// The logits of the tokens that are real in every text.
fn shared_tokens(head: HeadKind, logits: Tensor) -> Tensor {
    if head == HeadKind::Span { logits.narrow(1, 0, 9).unwrap() } else { logits }
}
