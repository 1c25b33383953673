//! Spectral descent: what follows from its formula, on blocks of every kind and on the real encoder.

#![allow(clippy::unwrap_used)]

mod support;

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use sibert_model::{Batch, BlockKind, Mode, ModelConfig, ModelType, PreTraining};
use sisgd::{Block, Factor, Length, Optimizer, Spectral, SpectralConfig};
use support::Given;

/// Rounding of f64 in a few steps.
const EXACT: f64 = 1e-12;

fn noise(shape: &[usize], seed: u64, dtype: DType) -> Tensor {
    let hash = |i: u64| (i + 1 + seed * 7919).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let value = |i: u64| (hash(i) ^ (hash(i) >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 11;
    let count = shape.iter().product::<usize>() as u64;
    let values: Vec<_> = (0..count).map(|i| value(i) as f64 / (1u64 << 52) as f64 - 1.).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
}

/// A matrix with its bias, a matrix alone, a table, and two vectors that belong together; with gradients.
struct Problem {
    blocks: Vec<Block>,
    grads: Given,
}

/// Rows of the table that have a gradient.
const IDS: [u32; 3] = [1, 4, 5];

impl Problem {
    fn new(dtype: DType, weights: f64, gradients: f64) -> Self {
        let var = |shape: &[usize], seed| {
            Var::from_tensor(&(noise(shape, seed, dtype) * weights).unwrap()).unwrap()
        };
        let grad = |shape: &[usize], seed| (noise(shape, seed, dtype) * gradients).unwrap();
        let shapes: [&[usize]; 6] = [&[7, 5], &[7], &[4, 9], &[6, 3], &[5], &[5]];
        let vars: Vec<_> = (1..).zip(shapes).map(|(seed, shape)| var(shape, seed)).collect();
        let mut given = Vec::new();
        for (seed, (var, shape)) in (10..).zip(vars.iter().zip(shapes)) {
            given.push(match seed {
                13 => (var.clone(), Some(IDS.to_vec()), grad(&[IDS.len(), 3], seed)),
                _ => (var.clone(), None, grad(shape, seed)),
            });
        }
        let named = |range: std::ops::Range<usize>| {
            range.map(|i| (format!("var{i}"), vars[i].clone())).collect::<Vec<_>>()
        };
        let block = |factor, range| Block { factor, vars: named(range) };
        let blocks = vec![
            block(Factor::Orthogonal, 0..2),
            block(Factor::Orthogonal, 2..3),
            block(Factor::Rows, 3..4),
            block(Factor::Whole, 4..6),
        ];
        Self { blocks, grads: Given(given) }
    }

    fn values(&self) -> Vec<Vec<f64>> {
        let flat = |block: &Block| {
            let values = |(_, var): &(String, Var)| {
                var.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap()
            };
            block.vars.iter().flat_map(values).collect()
        };
        self.blocks.iter().map(flat).collect()
    }

    fn steps(&self, config: SpectralConfig, lr: f64, count: usize) -> Vec<Vec<f64>> {
        let mut optimizer = Spectral::new(self.blocks.clone(), config).unwrap();
        for _ in 0..count {
            optimizer.step(&self.grads, lr).unwrap();
        }
        self.values()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn first_line<T: std::fmt::Debug>(result: candle_core::Result<T>) -> String {
    result.unwrap_err().to_string().lines().next().unwrap().to_string()
}

#[test]
fn every_block_turns_in_the_plane_of_itself_and_its_direction_by_the_stated_amount() {
    let theta = 0.1;
    let free = SpectralConfig { keep_norms: false, ..SpectralConfig::ROTATION };
    let problem = Problem::new(DType::F64, 1., 1.);
    let before = problem.values();
    let after = problem.steps(free, theta, 1);
    for (w, next) in before.iter().zip(&after) {
        // The part taken from cos θ·W has the length sin θ·‖W‖, whatever the direction.
        let taken: Vec<_> = w.iter().zip(next).map(|(w, next)| theta.cos() * w - next).collect();
        assert!((norm(&taken) / norm(w) / theta.sin() - 1.).abs() < EXACT);
    }
}

#[test]
fn norms_are_kept_and_the_report_says_what_happened() {
    for config in [SpectralConfig::ROTATION, SpectralConfig { keep_norms: true, ..SpectralConfig::RELATIVE }]
    {
        let problem = Problem::new(DType::F64, 3., 1.);
        let before = problem.values();
        let mut optimizer = Spectral::new(problem.blocks.clone(), config).unwrap();
        let report = optimizer.step(&problem.grads, 0.2).unwrap();
        let after = problem.values();
        for (w, next) in before.iter().zip(&after) {
            assert!((norm(next) / norm(w) - 1.).abs() < EXACT);
            assert!(dot(w, next) < 0.99 * dot(w, w), "a block did not move");
        }
        let (x, next) = (before.concat(), after.concat());
        let angle = (dot(&x, &next) / norm(&x) / norm(&next)).acos();
        assert!((report.angle - angle).abs() < 1e-7, "{} is not {angle}", report.angle);
        assert!((report.param_norm / norm(&x) - 1.).abs() < EXACT);
        assert!((report.new_param_norm / norm(&next) - 1.).abs() < EXACT);
    }
}

#[test]
fn the_scale_of_parameters_and_gradients_changes_no_direction_in_exact_powers_of_two() {
    let momentum = SpectralConfig { momentum: 0.8, ..SpectralConfig::ROTATION };
    for config in [SpectralConfig::ROTATION, SpectralConfig::RELATIVE, momentum] {
        let expected = Problem::new(DType::F32, 1., 1.).steps(config, 0.1, 5);
        for (weights, gradients) in
            [(2f64.powi(-20), 1.), (2f64.powi(20), 2f64.powi(-40)), (4., 2f64.powi(30))]
        {
            let found = Problem::new(DType::F32, weights, gradients).steps(config, 0.1, 5);
            for (found, expected) in found.concat().iter().zip(expected.concat()) {
                assert_eq!(found / weights, expected, "weights x {weights:e}, gradients x {gradients:e}");
            }
        }
    }
}

#[test]
fn other_scales_change_it_by_rounding_alone() {
    let expected = Problem::new(DType::F64, 1., 1.).steps(SpectralConfig::ROTATION, 0.1, 5).concat();
    for c in [0.01, 0.3, 7., 100.] {
        let found = Problem::new(DType::F64, c, 3. / c).steps(SpectralConfig::ROTATION, 0.1, 5).concat();
        let largest = found.iter().zip(&expected).map(|(a, b)| (a / c - b).abs()).fold(0., f64::max);
        assert!(largest < 1e-11, "{c}: {largest:e}");
    }
}

#[test]
fn a_zero_gradient_changes_nothing_in_its_block() {
    let problem = Problem::new(DType::F32, 1., 0.);
    let before = problem.values();
    assert_eq!(problem.steps(SpectralConfig::ROTATION, 0.1, 3), before);
    assert_eq!(problem.steps(SpectralConfig::RELATIVE, 0.1, 3), before);
}

#[test]
fn a_row_that_does_not_occur_keeps_its_direction() {
    let problem = Problem::new(DType::F64, 1., 1.);
    let before = problem.values();
    let after = problem.steps(SpectralConfig::ROTATION, 0.1, 2);
    let rows = before[2].chunks(3).zip(after[2].chunks(3)).enumerate();
    for (row, (old, new)) in rows {
        let cosine = dot(old, new) / norm(old) / norm(new);
        assert_eq!((cosine - 1.).abs() < EXACT, !IDS.contains(&(row as u32)), "row {row}: {cosine}");
    }
}

#[test]
fn muon_is_nesterov_momentum_before_the_factor_and_a_step_of_a_length() {
    let (mu, lr, decay) = (0.9, 0.02, 0.1);
    let w = Var::from_tensor(&noise(&[6, 4], 1, DType::F64)).unwrap();
    let gradients = [noise(&[6, 4], 2, DType::F64), noise(&[6, 4], 3, DType::F64)];
    let block = |w: &Var| vec![Block { factor: Factor::Orthogonal, vars: vec![("w".into(), w.clone())] }];
    let config = SpectralConfig { momentum: mu, weight_decay: decay, ..SpectralConfig::MUON };
    let mut muon = Spectral::new(block(&w), config).unwrap();
    // The same by steps without momentum along directions that are added up here.
    let plain = Var::from_tensor(w.as_tensor()).unwrap();
    let absolute = SpectralConfig { momentum: 0., ..config };
    let mut velocity = w.zeros_like().unwrap();
    for g in &gradients {
        let mut grads = GradStore::default();
        grads.insert(&w, g.clone());
        muon.step(&grads, lr).unwrap();
        velocity = ((velocity * mu).unwrap() + g).unwrap();
        let mut grads = GradStore::default();
        grads.insert(&plain, (g + (&velocity * mu).unwrap()).unwrap());
        Spectral::new(block(&plain), absolute).unwrap().step(&grads, lr).unwrap();
    }
    let distance = (w.as_tensor() - plain.as_tensor()).unwrap().abs().unwrap().max_all().unwrap();
    assert!(distance.to_scalar::<f64>().unwrap() < EXACT);

    // From rest a step has the length lr·√(rows/columns)·‖U‖, and U has singular values of about 1.
    let rest = Var::zeros((64, 16), DType::F64, &Device::Cpu).unwrap();
    let mut grads = GradStore::default();
    grads.insert(&rest, noise(&[64, 16], 5, DType::F64));
    Spectral::new(block(&rest), absolute).unwrap().step(&grads, lr).unwrap();
    let length = rest.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap().sqrt();
    assert!((length / (lr * 2. * 4.) - 1.).abs() < 0.2, "{length}");
}

#[test]
fn state_is_the_number_of_steps_alone_and_with_momentum_a_resumed_run_goes_on_bit_for_bit() {
    let problem = Problem::new(DType::F32, 1., 1.);
    let stateless = Spectral::new(problem.blocks.clone(), SpectralConfig::ROTATION).unwrap();
    assert_eq!(stateless.state().unwrap().len(), 1);

    let config = SpectralConfig { momentum: 0.9, ..SpectralConfig::ROTATION };
    let expected = problem.steps(config, 0.1, 4);
    let problem = Problem::new(DType::F32, 1., 1.);
    let mut first = Spectral::new(problem.blocks.clone(), config).unwrap();
    for _ in 0..2 {
        first.step(&problem.grads, 0.1).unwrap();
    }
    let state = first.state().unwrap().into_iter().collect();
    let mut second = Spectral::new(problem.blocks.clone(), config).unwrap();
    second.load_state(&state).unwrap();
    for _ in 0..2 {
        second.step(&problem.grads, 0.1).unwrap();
    }
    assert_eq!((second.steps(), problem.values()), (4, expected));
}

#[test]
fn steps_are_the_same_on_any_number_of_threads() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| Problem::new(DType::F32, 1., 1.).steps(SpectralConfig::ROTATION, 0.1, 3))
    };
    assert_eq!(on(1), on(4));
}

#[test]
fn what_cannot_be_meant_is_refused_by_name_and_nothing_changes() {
    let problem = Problem::new(DType::F32, 1., 1.);
    let before = problem.values();
    let mut optimizer = Spectral::new(problem.blocks.clone(), SpectralConfig::ROTATION).unwrap();
    let angle = first_line(optimizer.step(&problem.grads, 2.));
    assert!(angle.contains("lr 2 is an angle in radians"), "{angle}");
    let mut bad = problem.grads.0.clone();
    bad[3].2 = (&bad[3].2 * f64::NAN).unwrap();
    let nan = first_line(optimizer.step(&Given(bad), 0.1));
    assert!(nan.contains("the gradient of `var3` is not finite"), "{nan}");
    assert_eq!(problem.values(), before);

    let zero = Problem::new(DType::F32, 0., 1.);
    let mut optimizer = Spectral::new(zero.blocks.clone(), SpectralConfig::ROTATION).unwrap();
    let still = first_line(optimizer.step(&zero.grads, 0.1));
    assert!(still.contains("`var0` is zero"), "{still}");

    let mut misfit = Problem::new(DType::F32, 1., 1.).blocks;
    misfit[1].vars.push(("more".into(), Var::zeros(9, DType::F32, &Device::Cpu).unwrap()));
    let shape = first_line(Spectral::new(misfit, SpectralConfig::ROTATION));
    assert!(shape.contains("`var2` and `more` has the shapes [[4, 9], [9]]"), "{shape}");
    let coarse = SpectralConfig { precision: sisgd::Precision::Bf16, ..SpectralConfig::ROTATION };
    assert!(first_line(coarse.validate()).contains("use bf16x3 or f32"));
    let decay = SpectralConfig { weight_decay: 0.1, ..SpectralConfig::ROTATION };
    assert!(first_line(decay.validate()).contains("weight_decay 0.1 has no meaning"));
    let kept = SpectralConfig { keep_norms: true, ..SpectralConfig::MUON };
    assert!(first_line(kept.validate()).contains("norms are kept by relative steps only"));
    assert_eq!(SpectralConfig::MUON.length, Length::Absolute);
}

/// A tiny SIBERT in f64 whose encoder has this scale, its blocks, and its loss on a batch.
fn encoder(scale: f64) -> (Vec<Block>, impl Fn() -> Tensor) {
    let config = ModelConfig {
        vocab_size: 50,
        hidden_size: 16,
        num_attention_heads: 2,
        intermediate_size: 32,
        max_position_embeddings: 8,
        ..ModelConfig::preset(ModelType::Sibert, "tiny").unwrap()
    };
    let model = PreTraining::new(&config, 1, DType::F64, &Device::Cpu).unwrap();
    model.scale_encoder(scale).unwrap();
    let factor = |kind| match kind {
        BlockKind::Matrix => Factor::Orthogonal,
        BlockKind::HeadRows(heads) => Factor::RowBands(heads),
        BlockKind::HeadColumns(heads) => Factor::ColumnBands(heads),
        BlockKind::Table => Factor::Rows,
        BlockKind::Whole => Factor::Whole,
    };
    let blocks = model.encoder_blocks().into_iter();
    let blocks = blocks.map(|block| Block { factor: factor(block.kind), vars: block.vars }).collect();
    let device = &Device::Cpu;
    let batch = Batch {
        input_ids: Tensor::arange(0u32, 16, device).unwrap().reshape((2, 8)).unwrap(),
        token_type_ids: Tensor::zeros((2, 8), DType::U32, device).unwrap(),
        attention_mask: Tensor::ones((2, 8), DType::F64, device).unwrap(),
        positions: Tensor::arange_step(0u32, 16, 2, device).unwrap(),
        labels: Tensor::arange(20u32, 28, device).unwrap(),
        next_sentence: None,
    };
    (blocks, move || (model.forward(&batch, Mode::Eval).unwrap().masked_lm_loss / 8.).unwrap())
}

#[test]
fn the_encoder_learns_alike_from_every_scale_and_with_every_factor_on_the_loss() {
    let run = |scale: f64, loss_scale: f64| -> Vec<f64> {
        let (blocks, loss) = encoder(scale);
        let mut optimizer = Spectral::new(blocks, SpectralConfig::ROTATION).unwrap();
        let mut losses = Vec::new();
        for _ in 0..8 {
            let loss = loss();
            losses.push(loss.to_scalar::<f64>().unwrap());
            optimizer.step(&(loss * loss_scale).unwrap().backward().unwrap(), 0.05).unwrap();
        }
        losses
    };
    let expected = run(1., 1.);
    assert!(expected[7] < expected[0] - 0.15, "{expected:?}");
    for (scale, loss_scale) in [(0.01, 1.), (100., 1.), (1., 2f64.powi(20)), (0.3, 1e-6)] {
        let found = run(scale, loss_scale);
        let largest = found.iter().zip(&expected).map(|(a, b)| (a / b - 1.).abs()).fold(0., f64::max);
        assert!(largest < 1e-9, "scale {scale}, loss x {loss_scale}: {largest:e}");
    }
}
