//! Every parameter learns, and gradients are those of finite differences.
#![allow(clippy::unwrap_used)]

mod support;

use candle_core::{DType, Device, Tensor};
use sibert_model::{Mode, ModelConfig, ModelType, PositionKind, PreTraining, random};
use support::{batch, mean_loss, norm, normalized, scalar, small, tied};

/// SIBERT with either kind of attention and of decoder, and BERT with either kind of positions.
fn all() -> [ModelConfig; 5] {
    let bert = small(ModelType::Bert);
    let rotary = ModelConfig { position_embedding_type: Some(PositionKind::Rotary), ..bert.clone() };
    [small(ModelType::Sibert), normalized(), tied(), bert, rotary]
}

/// The same with dropout.
fn with_dropout() -> [ModelConfig; 5] {
    all().map(|config| ModelConfig { hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.1, ..config })
}

#[test]
fn directional_derivatives_match_finite_differences_under_dropout() {
    const STEP: f64 = 1e-6;
    for config in with_dropout() {
        let batch = batch(&config, 2, DType::F64);
        let model = PreTraining::new(&config, 5, DType::F64, &Device::Cpu).unwrap();
        let grads = mean_loss(&model, &batch, Mode::train(2)).backward().unwrap();
        for (i, (name, var)) in model.parameters().into_iter().enumerate() {
            let x = var.as_detached_tensor().copy().unwrap();
            let draws = random::truncated_normal(i as u64, 1., x.elem_count());
            let direction = Tensor::from_vec(draws, x.shape(), &Device::Cpu).unwrap();
            let loss_at = |t: f64| {
                var.set(&(&x + direction.affine(t, 0.).unwrap()).unwrap()).unwrap();
                scalar(&mean_loss(&model, &batch, Mode::train(2)))
            };
            let numeric = (loss_at(STEP) - loss_at(-STEP)) / (2. * STEP);
            var.set(&x).unwrap();
            let grad = grads.get(&var).unwrap();
            let analytic = scalar(&(grad * &direction).unwrap().sum_all().unwrap());
            // 1e-9: rounding of the loss, about 4, divided by twice the step
            let error = (numeric - analytic).abs();
            assert!(error < 1e-5 * norm(grad) + 1e-9, "{name}: numeric {numeric}, analytic {analytic}");
        }
    }
}

#[test]
fn micro_batches_add_up_to_their_batch_under_dropout() {
    for config in with_dropout() {
        let whole = batch(&config, 4, DType::F64);
        let model = PreTraining::new(&config, 5, DType::F64, &Device::Cpu).unwrap();
        let masked: Vec<u32> = whole.positions.to_vec1().unwrap();
        let labels: Vec<u32> = whole.labels.to_vec1().unwrap();
        let seq = whole.input_ids.dim(1).unwrap();
        let grads = model.forward(&whole, Mode::train(3)).unwrap().masked_lm_loss.backward().unwrap();
        let mut sums: Vec<Option<Tensor>> = vec![None; model.parameters().len()];
        for row in 0..4 {
            let narrow = |t: &Tensor| t.narrow(0, row, 1).unwrap();
            let (first, last) = ((row * seq) as u32, ((row + 1) * seq) as u32);
            let mine = |i: &usize| (first..last).contains(&masked[*i]);
            let indices: Vec<usize> = (0..masked.len()).filter(mine).collect();
            let pick = |f: &dyn Fn(usize) -> u32| {
                Tensor::new(indices.iter().map(|&i| f(i)).collect::<Vec<_>>(), &Device::Cpu).unwrap()
            };
            let part = sibert_model::Batch {
                input_ids: narrow(&whole.input_ids),
                token_type_ids: narrow(&whole.token_type_ids),
                attention_mask: narrow(&whole.attention_mask),
                positions: pick(&|i| masked[i] - first),
                labels: pick(&|i| labels[i]),
                next_sentence: None,
            };
            let output = model.forward(&part, Mode::train(3).from_row(row)).unwrap();
            let part_grads = output.masked_lm_loss.backward().unwrap();
            for (sum, (_, var)) in sums.iter_mut().zip(model.parameters()) {
                let grad = part_grads.get(&var).unwrap().clone();
                *sum = Some(sum.take().map_or(grad.clone(), |sum| (sum + grad).unwrap()));
            }
        }
        for (sum, (name, var)) in sums.into_iter().zip(model.parameters()) {
            // relative to the larger gradients: that of BERT's key bias is zero up to rounding
            let expected = grads.get(&var).unwrap();
            let error = norm(&(sum.unwrap() - expected).unwrap()) / (norm(expected) + 1.);
            assert!(error < 1e-12, "{name}: {error:e}");
        }
    }
}

#[test]
fn next_sentence_head_trains_with_the_masked_lm_head() {
    for config in all() {
        let config = ModelConfig { next_sentence_prediction: true, ..config };
        let model = PreTraining::new(&config, 5, DType::F32, &Device::Cpu).unwrap();
        let mut batch = batch(&config, 3, DType::F32);
        assert!(model.forward(&batch, Mode::Eval).is_err(), "a batch without pairs must be refused");
        batch.next_sentence = Some(Tensor::new(&[0u32, 1, 1], &Device::Cpu).unwrap());
        let output = model.forward(&batch, Mode::Eval).unwrap();
        let loss = (output.masked_lm_loss + output.next_sentence_loss.unwrap()).unwrap();
        let grads = loss.backward().unwrap();
        for (name, var) in model.parameters() {
            assert!(norm(grads.get(&var).unwrap()) > 0., "{name} has a zero gradient");
        }
    }
}
