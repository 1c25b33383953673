//! The facts that follow from scale invariance (Li et al. 2022, sections 2 to 5), on the real encoder in f64.
//!
//! The group is the encoder of a two-layer SIBERT. Its pretraining head is part of the loss and stays as it was drawn.

#![allow(clippy::unwrap_used)]

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Result, Tensor, Var};
use sibert_model::{Batch, Mode, ModelConfig, ModelType, PreTraining};
use sisgd::{NamedVars, SiSgd, SiSgdConfig, StepReport};

/// Agreement of runs that are equal in exact arithmetic: a few steps amplify 1e-16 by less than 1e6.
const SAME_RUN: f64 = 1e-9;

/// The encoder's parameters, and its loss on the batch of a seed.
fn problem(dtype: DType) -> (NamedVars, impl Fn(u64) -> Tensor) {
    let config = ModelConfig {
        vocab_size: 50,
        hidden_size: 16,
        num_attention_heads: 2,
        intermediate_size: 32,
        max_position_embeddings: 8,
        ..ModelConfig::preset(ModelType::Sibert, "tiny").unwrap()
    };
    let model = PreTraining::new(&config, 1, dtype, &Device::Cpu).unwrap();
    let vars = model.encoder_parameters();
    let loss = move |seed| {
        let batch = batch(seed, dtype).unwrap();
        (model.forward(&batch, Mode::Eval).unwrap().masked_lm_loss / 8.).unwrap()
    };
    (vars, loss)
}

/// Two sequences of eight random tokens, half of them to be predicted.
fn batch(seed: u64, dtype: DType) -> Result<Batch> {
    let mut random = Random(seed.wrapping_mul(0xD129_0E26_9A5C_3B47));
    let mut ids = |n: usize| (0..n).map(|_| (random.uniform() * 50.) as u32).collect::<Vec<_>>();
    let (input_ids, labels) = (ids(16), ids(8));
    let device = &Device::Cpu;
    Ok(Batch {
        input_ids: Tensor::from_vec(input_ids, (2, 8), device)?,
        token_type_ids: Tensor::from_vec([[0u32; 4], [1; 4]].concat().repeat(2), (2, 8), device)?,
        attention_mask: Tensor::ones((2, 8), dtype, device)?,
        positions: Tensor::arange_step(0u32, 16, 2, device)?,
        labels: Tensor::from_vec(labels, 8, device)?,
        next_sentence: None,
    })
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn vector(&mut self, len: usize) -> Vec<f64> {
        (0..len).map(|_| self.uniform() * 2. - 1.).collect()
    }
}

fn flat<'a>(tensors: impl Iterator<Item = &'a Tensor>) -> Vec<f64> {
    tensors.flat_map(|t| t.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()).collect()
}

fn parameters(vars: &NamedVars) -> Vec<f64> {
    flat(vars.iter().map(|(_, var)| var.as_tensor()))
}

fn gradient(vars: &NamedVars, loss: &Tensor) -> Vec<f64> {
    let grads = loss.backward().unwrap();
    flat(vars.iter().map(|(_, var)| grads.get(var).unwrap()))
}

fn set(vars: &NamedVars, values: &[f64]) {
    let mut rest = values;
    for (_, var) in vars {
        let (head, tail) = rest.split_at(var.elem_count());
        let tensor = Tensor::from_slice(head, var.shape(), &Device::Cpu).unwrap();
        var.set(&tensor.to_dtype(var.dtype()).unwrap()).unwrap();
        rest = tail;
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn scaled(a: &[f64], c: f64) -> Vec<f64> {
    a.iter().map(|a| a * c).collect()
}

fn sum(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// `‖a − b‖/‖b‖`.
fn relative_distance(a: &[f64], b: &[f64]) -> f64 {
    norm(&sum(a, &scaled(b, -1.))) / norm(b)
}

/// A run `(c·L, scale·x0, η, λ)` of eight steps, each on its own batch.
struct Run {
    loss_scale: f64,
    init_scale: f64,
    lr: f64,
    weight_decay: f64,
    clip: Option<f64>,
}

impl Run {
    /// The parameters after each step.
    fn iterates(&self) -> Vec<Vec<f64>> {
        let (vars, loss) = problem(DType::F64);
        set(&vars, &scaled(&parameters(&vars), self.init_scale));
        let config = SiSgdConfig { weight_decay: self.weight_decay, clip: self.clip };
        let mut sgd = SiSgd::new(vars.clone(), config).unwrap();
        let step = |seed| {
            sgd.step(&(loss(seed) * self.loss_scale).unwrap().backward().unwrap(), self.lr).unwrap();
            parameters(&vars)
        };
        (0..8).map(step).collect()
    }
}

/// Without clipping, and with a clip that cuts some of the steps.
const CLIPS: [Option<f64>; 2] = [None, Some(1.)];

const BASE: Run = Run { loss_scale: 1., init_scale: 1., lr: 0.5, weight_decay: 0.02, clip: None };

fn assert_same_iterates(run: &Run, other: &Run, scale: f64) {
    for (step, (x, y)) in run.iterates().iter().zip(other.iterates()).enumerate() {
        let distance = relative_distance(x, &scaled(&y, scale));
        assert!(distance < SAME_RUN, "the runs differ by {distance:e} after step {step}");
    }
}

#[test]
fn gradient_of_every_stochastic_loss_is_orthogonal_to_the_parameters() {
    for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 1e-5)] {
        let (vars, loss) = problem(dtype);
        let x = parameters(&vars);
        for seed in 0..5 {
            let g = gradient(&vars, &loss(seed));
            let euler = dot(&g, &x) / (norm(&g) * norm(&x));
            assert!(euler.abs() < tolerance, "{dtype:?}: {euler:e}");
        }
    }
}

#[test]
fn gradient_has_degree_minus_one() {
    let (vars, loss) = problem(DType::F64);
    let x = parameters(&vars);
    let g = gradient(&vars, &loss(1));
    for c in [1e-2, 1e-1, 10., 100.] {
        set(&vars, &scaled(&x, c));
        let distance = relative_distance(&gradient(&vars, &loss(1)), &scaled(&g, 1. / c));
        assert!(distance < SAME_RUN, "at scale {c}: {distance:e}");
    }
}

#[test]
fn hessian_has_degree_minus_two() {
    let (vars, loss) = problem(DType::F64);
    let x = parameters(&vars);
    let direction = Random(7).vector(x.len());
    let direction = scaled(&direction, 1. / norm(&direction));
    // Central differences of the gradient; the step is not scaled with c, so the two sides are different computations.
    let product = |c: f64, h: f64| {
        let gradient_at = |h: f64| {
            set(&vars, &sum(&scaled(&x, c), &scaled(&direction, h)));
            gradient(&vars, &loss(1))
        };
        scaled(&sum(&gradient_at(h), &scaled(&gradient_at(-h), -1.)), 1. / (2. * h))
    };
    let at_one = product(1., 1e-6);
    for c in [0.1, 3., 10.] {
        let distance = relative_distance(&product(c, 2e-6), &scaled(&at_one, 1. / (c * c)));
        assert!(distance < 1e-5, "at scale {c}: {distance:e}");
    }
}

#[test]
fn norm_squared_after_a_step_obeys_pythagoras() {
    for clip in [None, Some(2.), Some(1.)] {
        let (vars, loss) = problem(DType::F64);
        let (lr, weight_decay) = (0.5, 1e-3);
        let mut sgd = SiSgd::new(vars.clone(), SiSgdConfig { weight_decay, clip }).unwrap();
        for seed in 0..5 {
            let before = norm(&parameters(&vars));
            let report = sgd.step(&loss(seed).backward().unwrap(), lr).unwrap();
            let cut = report.grad_norm * report.clip_factor;
            let expected = ((1. - lr * weight_decay).powi(2) * before * before + (lr * cut).powi(2)).sqrt();
            let after = norm(&parameters(&vars));
            assert!((after / expected - 1.).abs() < 1e-12, "{after} is not {expected}");
            assert!((report.new_param_norm / after - 1.).abs() < 1e-12);
            assert!((report.param_norm / before - 1.).abs() < 1e-12);
        }
    }
}

#[test]
fn reported_angle_is_the_angle_between_the_iterates() {
    let (vars, loss) = problem(DType::F64);
    let mut sgd = SiSgd::new(vars.clone(), SiSgdConfig { weight_decay: 1e-3, clip: None }).unwrap();
    for seed in 0..5 {
        let before = parameters(&vars);
        let report = sgd.step(&loss(seed).backward().unwrap(), 2.).unwrap();
        let after = parameters(&vars);
        let cosine = dot(&before, &after) / (norm(&before) * norm(&after));
        assert!((report.angle.cos() - cosine).abs() < 1e-12, "{} is not {}", report.angle, cosine.acos());
        assert!(report.angle > 1e-2);
    }
}

#[test]
fn lemma_2_4_1_scaling_the_loss_is_undone_by_the_rates() {
    for (c, clip) in [0.01, 7., 1000.].into_iter().flat_map(|c| CLIPS.map(|clip| (c, clip))) {
        let run = Run { clip, ..BASE };
        let other =
            Run { loss_scale: c, lr: run.lr / c, weight_decay: run.weight_decay * c, clip, init_scale: 1. };
        assert_same_iterates(&run, &other, 1.);
    }
}

#[test]
fn lemma_2_4_2_scaling_the_parameters_is_undone_by_the_rates() {
    for (c, clip) in [0.1, 3., 30.].into_iter().flat_map(|c| CLIPS.map(|clip| (c, clip))) {
        let run = Run { clip, ..BASE };
        let (lr, weight_decay) = (run.lr * c * c, run.weight_decay / (c * c));
        let other = Run { init_scale: c, lr, weight_decay, clip, loss_scale: 1. };
        assert_same_iterates(&run, &other, 1. / c);
    }
}

#[test]
fn section_5_all_scales_together_are_one_initial_scale_and_one_intrinsic_rate() {
    let [c1, c2, c3, c4] = [5., 0.3, 0.5, 2.];
    for clip in CLIPS {
        let Run { lr, weight_decay, .. } = BASE;
        let scaled_run =
            Run { loss_scale: c1, init_scale: c2, lr: c3 * lr, weight_decay: c4 * weight_decay, clip };
        let factor = f64::sqrt(c1 * c3);
        let plain = Run { init_scale: c2 / factor, weight_decay: c3 * c4 * weight_decay, clip, ..BASE };
        assert_same_iterates(&scaled_run, &plain, factor);
    }
}

/// SGD on a pure noise: the gradient is random, orthogonal to x, and has norm σ on the unit sphere.
struct Noise {
    x: Var,
    random: Random,
    sigma: f64,
    sgd: SiSgd,
}

impl Noise {
    fn new(scale: f64, sigma: f64, config: SiSgdConfig) -> Self {
        let mut random = Random(3);
        let x = Var::from_vec(scaled(&random.vector(300), scale), 300, &Device::Cpu).unwrap();
        let sgd = SiSgd::new(vec![("x".into(), x.clone())], config).unwrap();
        Self { x, random, sigma, sgd }
    }

    /// A step in which the gradient is `spike` times as long as usual.
    fn step(&mut self, lr: f64, spike: f64) -> StepReport {
        let x = flat([self.x.as_tensor()].into_iter());
        let z = self.random.vector(x.len());
        let z = sum(&z, &scaled(&x, -dot(&z, &x) / dot(&x, &x)));
        let g = scaled(&z, spike * self.sigma / (norm(&z) * norm(&x)));
        let mut grads = GradStore::default();
        grads.insert(&self.x, Tensor::from_vec(g, x.len(), &Device::Cpu).unwrap());
        self.sgd.step(&grads, lr).unwrap()
    }
}

/// With `‖g(x)‖ = σ/‖x‖`, Pythagoras' `‖x‖² = (1−ηλ)²‖x‖² + η²σ²/‖x‖²` has the fixed point `‖x‖⁴ = ησ²/(λ(2−ηλ))`.
///
/// There `‖g(x)‖ = √(λ(2−ηλ)/η)·‖x‖ ≈ √(2λ/η)·‖x‖`.
#[test]
fn norm_gradient_and_angle_reach_their_equilibrium() {
    let (lr, weight_decay, sigma) = (0.2, 0.05, 3.);
    for scale in [0.1, 1., 10.] {
        let mut noise = Noise::new(scale, sigma, SiSgdConfig { weight_decay, clip: None });
        let report = (0..2000).map(|_| noise.step(lr, 1.)).last().unwrap();
        let intrinsic = lr * weight_decay;
        let expected = lr * sigma * sigma / (weight_decay * (2. - intrinsic));
        let found = report.param_norm.powi(4);
        assert!((found / expected - 1.).abs() < 1e-6, "‖x‖⁴ is {found}, expected {expected}");
        let ratio = report.grad_norm / ((2. * weight_decay / lr).sqrt() * report.param_norm);
        assert!((ratio - 1.).abs() < intrinsic, "‖g‖ is {ratio} of its equilibrium");
        let angle = report.angle / (2. * intrinsic).sqrt();
        assert!((angle - 1.).abs() < 2. * intrinsic, "the angle is {angle} of √(2ηλ)");
    }
}

/// The mean norm over the run's last quarter.
fn settled_norm(init_scale: f64, lr: f64, config: SiSgdConfig, steps: u64) -> f64 {
    let (vars, loss) = problem(DType::F64);
    set(&vars, &scaled(&parameters(&vars), init_scale));
    let mut sgd = SiSgd::new(vars, config).unwrap();
    let norms: Vec<_> = (0..steps)
        .map(|seed| sgd.step(&loss(seed).backward().unwrap(), lr).unwrap().new_param_norm)
        .collect();
    let tail = &norms[norms.len() * 3 / 4..];
    tail.iter().sum::<f64>() / tail.len() as f64
}

/// Initial norms four orders of magnitude apart end within the spread of the gradient's own noise.
///
/// The runs are chaotic: rounding decides where the spikes fall, which without clipping throw the norm up by a factor
/// of a few (3.9 between the runs was seen). So the bound there is 10, of the 10,000 between the starts.
#[test]
fn theorem_4_5_the_norm_settles_in_order_one_over_the_intrinsic_rate_from_any_scale() {
    for (weight_decay, clip, spread) in [(2e-3, None, 10.), (2e-3, Some(2.), 2.), (1e-3, Some(2.), 2.)] {
        let lr = 10.;
        let steps = (8. / (lr * weight_decay)) as u64;
        let config = SiSgdConfig { weight_decay, clip };
        let norms = [0.01, 1., 100.].map(|scale| settled_norm(scale, lr, config, steps));
        let low = norms.iter().copied().fold(f64::INFINITY, f64::min);
        let high = norms.iter().copied().fold(0., f64::max);
        assert!(high / low < spread, "after {steps} steps the norms are {norms:?}");
    }
}

#[test]
fn clipped_norm_never_exceeds_the_bound() {
    for clip in [1., 2., 4.] {
        let (vars, loss) = problem(DType::F64);
        let (lr, weight_decay) = (0.5, 0.02);
        let mut sgd = SiSgd::new(vars.clone(), SiSgdConfig { weight_decay, clip: Some(clip) }).unwrap();
        let (mut random, mut clipped) = (Random(5), 0);
        for seed in 0..20 {
            let spike = 10f64.powf(random.uniform() * 8. - 4.);
            let before = parameters(&vars);
            let report = sgd.step(&(loss(seed) * spike).unwrap().backward().unwrap(), lr).unwrap();
            let after = parameters(&vars);
            let moved = norm(&sum(&after, &scaled(&before, lr * weight_decay - 1.)));
            let bound = clip * (2. * lr * weight_decay).sqrt() * norm(&before);
            assert!(moved <= bound * (1. + 1e-9), "a step of {moved} passes the bound {bound}");
            assert_eq!(report.clipped, moved > bound * (1. - 1e-9));
            let growth = (1. - lr * weight_decay).powi(2) + 2. * clip * clip * lr * weight_decay;
            assert!(norm(&after) <= growth.sqrt() * norm(&before) * (1. + 1e-9));
            clipped += report.clipped as usize;
        }
        assert!((3..18).contains(&clipped), "{clipped} of 20 steps were clipped");
    }
}

#[test]
fn clipping_leaves_the_equilibrium_and_removes_the_spikes() {
    let (lr, weight_decay, sigma) = (0.2, 0.05, 3.);
    let highest = |clip| {
        let mut noise = Noise::new(1., sigma, SiSgdConfig { weight_decay, clip });
        let norms: Vec<_> = (0..1500)
            .map(|step| noise.step(lr, if step % 500 == 499 { 100. } else { 1. }).new_param_norm)
            .collect();
        (norms[498], norms[499..].iter().fold(0f64, |a, &b| a.max(b)))
    };
    let ((calm, spiked), (clipped_calm, clipped)) = (highest(None), highest(Some(2.)));
    assert!((clipped_calm / calm - 1.).abs() < 0.01, "{clipped_calm} is not {calm}");
    assert!(spiked > 5. * calm, "a spike lifts the norm from {calm} to {spiked}");
    assert!(clipped < 1.1 * calm, "a clipped spike lifts the norm from {calm} to {clipped}");
}
