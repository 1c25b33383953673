//! Spectral descent on an emulated GPU: the steps of the CPU, and nothing changed by a bad gradient.

#![allow(clippy::unwrap_used)]

mod support;

use candle_core::{DType, Device, Tensor, Var};
use cukernel_emulator::emulate;
use sisgd::{
    Block, Deferred, Factor, Guard, NamedVars, Optimizer, Polar, RotationReport, SiSgd, SiSgdConfig,
    Spectral, SpectralConfig,
};
use support::Given;

/// A few steps of f32. Those of matrices may differ by more: the polynomial multiplies a tiny singular value, and what
/// rounding did to it, by 3.4445⁵ = 485.
const CLOSE: f64 = 1e-6;
const CLOSE_MATRICES: f64 = 1e-4;
const STEPS: usize = 3;
const LR: f64 = 0.05;

fn noise(shape: &[usize], seed: u64) -> Tensor {
    let hash = |i: u64| (i + 1 + seed * 7919).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let value = |i: u64| (hash(i) ^ (hash(i) >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 11;
    let count = shape.iter().product::<usize>() as u64;
    let values: Vec<_> = (0..count).map(|i| value(i) as f64 / (1u64 << 52) as f64 - 1.).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(DType::F32).unwrap()
}

/// Blocks by the shapes of their variables, and the rows of gradients given by rows.
type Shape<'a> = (Factor, &'a [&'a [usize]], Option<&'a [u32]>);

/// Matrices square, tall and wide, with a bias and without, of columns that four divides or not; tables whose gradients
/// have all rows, some or none; vectors and matrices of one chunk and of two; bands wide, tall and square.
const BLOCKS: [Shape; 20] = [
    (Factor::Orthogonal, &[&[8, 8]], None),
    (Factor::Rows, &[&[9, 5]], Some(&[1, 4, 8])),
    (Factor::Orthogonal, &[&[7, 7], &[7]], None),
    (Factor::Orthogonal, &[&[21, 6], &[21]], None),
    (Factor::Whole, &[&[17_000], &[3, 3], &[4]], None),
    (Factor::Orthogonal, &[&[20, 8]], None),
    (Factor::Orthogonal, &[&[6, 20], &[6]], None),
    (Factor::Orthogonal, &[&[5, 23]], None),
    (Factor::Rows, &[&[10, 8]], None),
    (Factor::Rows, &[&[6, 4]], Some(&[])),
    (Factor::Whole, &[&[2]], None),
    (Factor::Orthogonal, &[&[1, 9]], None),
    (Factor::Orthogonal, &[&[2, 8300], &[2]], None),
    (Factor::Orthogonal, &[&[8300, 2], &[8300]], None),
    (Factor::RowBands(2), &[&[8, 8]], None),
    (Factor::RowBands(3), &[&[21, 6]], None),
    (Factor::RowBands(2), &[&[22, 7], &[22]], None),
    (Factor::ColumnBands(4), &[&[8, 16]], None),
    (Factor::ColumnBands(3), &[&[5, 21]], None),
    (Factor::ColumnBands(2), &[&[3, 10]], None),
];

fn blocks(weights: f64) -> Vec<Block> {
    let mut seed = 0;
    let mut var = |shape: &&[usize]| {
        seed += 1;
        (format!("v{seed}"), Var::from_tensor(&(noise(shape, seed) * weights).unwrap()).unwrap())
    };
    let block =
        |(factor, shapes, _): &Shape| Block { factor: *factor, vars: shapes.iter().map(&mut var).collect() };
    BLOCKS.iter().map(block).collect()
}

/// The gradients of a step; the third row of every dense one is zero, and so is that of one matrix, whole.
fn grads(blocks: &[Block], step: u64, factor: f64) -> Given {
    let mut given = Vec::new();
    for (i, (block, (_, _, ids))) in blocks.iter().zip(BLOCKS).enumerate() {
        for (name, var) in &block.vars {
            let mut dims = var.dims().to_vec();
            dims[0] = ids.map_or(dims[0], <[u32]>::len);
            let noise = noise(&dims, 100 * step + i as u64 + 50 * name.len() as u64);
            let scale = if i == 5 { 0. } else { factor };
            let mut grad = (noise * scale).unwrap();
            if dims[0] > 3 && ids.is_none() {
                let zeros = grad.narrow(0, 2, 1).unwrap().zeros_like().unwrap();
                grad.slice_set(&zeros, 0, 2).unwrap();
                grad = grad.detach();
            }
            given.push((var.clone(), ids.map(<[u32]>::to_vec), grad));
        }
    }
    Given(given)
}

/// The reports of all steps, and after them parameters and velocities, those of matrices first.
fn run(config: SpectralConfig, weights: f64, gradients: f64) -> (Vec<RotationReport>, [Vec<f64>; 2]) {
    let blocks = blocks(weights);
    let mut optimizer = Spectral::new(blocks.clone(), config).unwrap();
    let steps = (0..STEPS as u64)
        .map(|step| optimizer.check(&grads(&blocks, step, gradients), LR).unwrap().enqueue().unwrap());
    let steps = steps.collect::<Vec<_>>();
    let reports = Deferred::read(steps).unwrap().into_iter().map(Result::unwrap).collect();
    let state = optimizer.state().unwrap().into_iter().skip(1).map(|(_, tensor)| tensor);
    let tensors = optimizer.vars().iter().map(|(_, var)| var.as_tensor().clone()).chain(state);
    let factors: Vec<_> = blocks.iter().flat_map(|block| block.vars.iter().map(|_| block.factor)).collect();
    let (matrices, others): (Vec<_>, Vec<_>) = tensors
        .zip(factors.iter().cycle())
        .partition(|(_, factor)| !matches!(factor, Factor::Rows | Factor::Whole));
    let values = [matrices, others].map(|tensors| {
        tensors.iter().flat_map(|(tensor, _)| cukernel::download(tensor).unwrap()).collect::<Vec<_>>()
    });
    (reports, values)
}

fn configs() -> [(&'static str, SpectralConfig); 6] {
    [
        ("rotation", SpectralConfig::ROTATION),
        ("free rotation", SpectralConfig { keep_norms: false, ..SpectralConfig::ROTATION }),
        ("relative", SpectralConfig::RELATIVE),
        ("relative, norms kept", SpectralConfig { keep_norms: true, ..SpectralConfig::RELATIVE }),
        ("rotation with momentum", SpectralConfig { momentum: 0.9, ..SpectralConfig::ROTATION }),
        ("muon", SpectralConfig::MUON),
    ]
}

#[test]
fn kernels_make_products_and_the_cpu_inverses_unless_told() {
    let way = |polar| {
        let config = SpectralConfig { polar, ..SpectralConfig::ROTATION };
        Spectral::new(blocks(1.), config).map(|spectral| spectral.config().polar)
    };
    assert_eq!(way(None).unwrap(), Some(Polar::Zolotarev));
    assert_eq!(way(Some(Polar::NewtonSchulz)).unwrap(), Some(Polar::NewtonSchulz));
    assert_eq!(emulate(|| way(None)).unwrap(), Some(Polar::NewtonSchulz));
    let refused = emulate(|| way(Some(Polar::Zolotarev))).unwrap_err().to_string();
    assert!(
        refused.starts_with("orthogonal factors by Zolotarev's function are made on the CPU alone"),
        "{refused}"
    );
}

#[test]
fn steps_and_reports_are_those_of_the_cpu() {
    for (what, config) in configs() {
        let (reports, found) = emulate(|| run(config, 1., 1.));
        let same_way = SpectralConfig { polar: Some(Polar::NewtonSchulz), ..config };
        let (expected_reports, expected) = run(same_way, 1., 1.);
        for ((found, expected), tolerance) in found.iter().zip(&expected).zip([CLOSE_MATRICES, CLOSE]) {
            assert_eq!(found.len(), expected.len());
            let far = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0., f64::max);
            assert!(far < tolerance, "{what}: {far:e}");
        }
        assert_ne!(found, expected, "{what}: bit for bit the same, as if nothing was emulated");
        for (found, expected) in reports.iter().zip(&expected_reports) {
            let numbers = |r: &RotationReport| [r.grad_norm, r.param_norm, r.new_param_norm, r.angle];
            for (a, b) in numbers(found).into_iter().zip(numbers(expected)) {
                assert!((a / b - 1.).abs() < 1e-5, "{what}: {found:?} is not {expected:?}");
            }
            assert!((found.euler - expected.euler).abs() < 1e-6);
        }
    }
}

#[test]
fn powers_of_two_in_weights_and_gradients_leave_every_bit_of_the_steps() {
    for config in [SpectralConfig::ROTATION, SpectralConfig::RELATIVE] {
        emulate(|| {
            let expected = run(config, 1., 1.).1;
            for (weights, gradients) in [(2f64.powi(-20), 2f64.powi(-80)), (4., 2f64.powi(60))] {
                let found = run(config, weights, gradients).1;
                for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                    assert_eq!(
                        found / weights,
                        *expected,
                        "weights x {weights:e}, gradients x {gradients:e}"
                    );
                }
            }
        });
    }
}

#[test]
fn a_block_without_a_gradient_stays_as_it_is() {
    emulate(|| {
        let blocks = blocks(1.);
        let mut optimizer = Spectral::new(blocks.clone(), SpectralConfig::ROTATION).unwrap();
        let read = |i: usize| cukernel::download(&blocks[i].vars[0].1).unwrap();
        let before: Vec<_> = (0..BLOCKS.len()).map(read).collect();
        optimizer.step(&grads(&blocks, 0, 1.), LR).unwrap();
        for (i, before) in before.iter().enumerate() {
            assert_eq!(read(i) == *before, [5, 9].contains(&i), "block {i}");
        }
    });
}

/// The blocks under one guard with another optimizer.
struct Pair {
    blocks: Vec<Block>,
    spectral: Spectral,
    other: SiSgd,
    other_var: Var,
    guard: Guard,
}

impl Pair {
    fn new(config: SpectralConfig) -> Self {
        let blocks = blocks(1.);
        let mut spectral = Spectral::new(blocks.clone(), config).unwrap();
        let other_var = Var::from_tensor(&noise(&[4], 99)).unwrap();
        let vars: NamedVars = vec![("other".into(), other_var.clone())];
        let mut other = SiSgd::new(vars, SiSgdConfig::default()).unwrap();
        let guard = Guard::new();
        spectral.share_guard(&guard);
        other.share_guard(&guard);
        Self { blocks, spectral, other, other_var, guard }
    }

    /// A step with this element of the first gradient of a block, or of the other optimizer's if there is no such block.
    fn step(&mut self, block: usize, bad: Option<f32>) -> Option<String> {
        let Given(mut given) = grads(&self.blocks, 0, 1.);
        given.push((self.other_var.clone(), None, noise(&[4], 98)));
        let at = self.blocks.iter().take(block).map(|block| block.vars.len()).sum::<usize>();
        if let Some(bad) = bad {
            let (_, _, grad) = &mut given[at];
            let (len, shape) = (grad.elem_count(), grad.shape().clone());
            let mut values = grad.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            values[len / 2] = bad;
            *grad = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
        }
        let given = Given(given);
        let spectral = self.spectral.check(&given, LR).unwrap();
        let other = self.other.check(&given, LR).unwrap();
        let both = spectral.enqueue().unwrap().zip(other.enqueue().unwrap()).unwrap();
        both.wait().err().map(|error| error.to_string().lines().next().unwrap().to_string())
    }

    /// Parameters and velocities, to the bit.
    fn values(&self) -> Vec<f64> {
        let state = self.spectral.state().unwrap().into_iter().skip(1).map(|(_, tensor)| tensor);
        let vars = self.spectral.vars().iter().map(|(_, var)| var.as_tensor().clone());
        let tensors = vars.chain(state).chain([self.other_var.as_tensor().clone()]);
        tensors.flat_map(|tensor| cukernel::download(&tensor).unwrap()).collect()
    }
}

#[test]
fn after_a_bad_gradient_in_any_block_nothing_changes_in_any_group() {
    // A square matrix, a table by rows, vectors, a table, the other optimizer.
    let cases = [
        (0, "v1", f32::NAN),
        (1, "v2", f32::INFINITY),
        (4, "v7", f32::NAN),
        (8, "v14", f32::NAN),
        (BLOCKS.len(), "other", f32::NAN),
    ];
    for config in [SpectralConfig::ROTATION, SpectralConfig::MUON] {
        for (block, name, bad) in cases {
            emulate(|| {
                let mut pair = Pair::new(config);
                assert_eq!(pair.step(block, None), None);
                let before = pair.values();
                let error = pair.step(block, Some(bad)).unwrap();
                assert!(error.starts_with(&format!("the gradient of `{name}` is not finite")), "{error}");
                assert!(error.ends_with("nothing has changed from step 2 on"), "{error}");
                assert_eq!(pair.step(block, None), Some(error));
                assert_eq!(pair.values(), before);
                pair.guard.lower();
                assert_eq!(pair.step(block, None), None);
                assert_ne!(pair.values(), before);
            });
        }
    }
}

#[test]
fn a_block_of_zeros_is_refused_by_name_where_steps_are_relative() {
    let refusal = |config| {
        let blocks = blocks(1.);
        for (_, var) in &blocks[3].vars {
            var.set(&var.zeros_like().unwrap()).unwrap();
        }
        let before = values_of(&blocks);
        let mut optimizer = Spectral::new(blocks.clone(), config).unwrap();
        let error = optimizer.step(&grads(&blocks, 0, 1.), LR).err();
        let unchanged = values_of(&blocks) == before;
        (error.map(|error| error.to_string().lines().next().unwrap().to_string()), unchanged)
    };
    for config in [SpectralConfig::ROTATION, SpectralConfig::RELATIVE] {
        let on_cpu = refusal(config);
        let (error, unchanged) = emulate(|| refusal(config));
        let expected = "`v5` is zero: a step relative to its norm would never move it";
        assert_eq!(on_cpu, (Some(expected.to_string()), true));
        assert_eq!(error.unwrap(), format!("{expected}; nothing has changed from step 1 on"));
        assert!(unchanged);
    }
    assert_eq!(emulate(|| refusal(SpectralConfig::MUON)), (None, false));
}

fn values_of(blocks: &[Block]) -> Vec<f64> {
    let vars = blocks.iter().flat_map(|block| &block.vars);
    vars.flat_map(|(_, var)| cukernel::download(var).unwrap()).collect()
}

#[test]
fn a_matrix_whose_gradient_is_given_by_rows_is_refused_before_anything_changes() {
    let refusal = || {
        let blocks = blocks(1.);
        let Given(mut given) = grads(&blocks, 0, 1.);
        given[0].1 = Some((0..8).collect());
        let mut optimizer = Spectral::new(blocks.clone(), SpectralConfig::ROTATION).unwrap();
        let error = optimizer.check(&Given(given), LR).err().unwrap().to_string();
        assert!(
            error.starts_with("the gradient of `v1` is given by rows: a matrix needs the whole"),
            "{error}"
        );
    };
    emulate(refusal);
    refusal();
}
