//! The claims that every operation is held to: its composition, finite differences, threads, homogeneity.
#![allow(clippy::unwrap_used)]

use candle_core::{DType, Device, Result, Tensor, Var};
use cukernel_emulator::emulate;

use crate::random::word;
use crate::tape::{Gradients, Tape, no_grad};

/// Reproducible f64 numbers in (-1, 1).
pub fn sample(shape: &[usize], seed: u64) -> Tensor {
    let len = shape.iter().product::<usize>() as u64;
    let uniform = |i| (word(seed.wrapping_mul(0xA5A5_1234_5678_9ABD), i) >> 11) as f64;
    let values: Vec<f64> = (0..len).map(|i| uniform(i) / 2f64.powi(52) - 1.).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// All elements as f64.
pub fn values(x: &Tensor) -> Vec<f64> {
    x.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// The largest absolute value, at least the smallest positive number.
pub fn magnitude(x: &Tensor) -> f64 {
    values(x).into_iter().map(f64::abs).fold(f64::MIN_POSITIVE, f64::max)
}

/// Every element within `tolerance` of the largest expected one.
#[track_caller]
pub fn assert_close(actual: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(actual.dims(), expected.dims());
    let bound = tolerance * magnitude(expected);
    for (i, (a, e)) in values(actual).into_iter().zip(values(expected)).enumerate() {
        assert!((a - e).abs() <= bound, "element {i}: {a:e}, expected {e:e}, off by more than {bound:e}");
    }
}

/// `Σ w ∘ f(inputs)` with fixed random weights.
fn weighted_sum(f: impl Fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor]) -> Result<Tensor> {
    let y = f(inputs)?;
    y.mul(&sample(y.dims(), 99).to_dtype(y.dtype())?)?.sum_all()
}

/// The gradients of a fixed weighted sum of the result with respect to every float input.
///
/// They are those of the tape, as kernels make them; where it sees no operation, of candle's graph.
pub fn gradients(f: impl Fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    let vars = inputs.iter().map(Var::from_tensor).collect::<Result<Vec<_>>>()?;
    let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let on_tape = gradients_on_tape(&f, &vars, &tensors)?;
    if let Some(all) = on_tape.into_iter().collect() {
        return Ok(all);
    }
    gradients_on_graph(f, inputs)
}

/// The same by candle's graph, which composed operations join.
fn gradients_on_graph(f: impl Fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    let vars = inputs.iter().map(Var::from_tensor).collect::<Result<Vec<_>>>()?;
    let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let grads = weighted_sum(&f, &tensors)?.backward()?;
    let float = |var: &&Var| var.dtype().is_float();
    Ok(vars.iter().filter(float).map(|var| grads.get(var).unwrap().clone()).collect())
}

/// The same by a tape, twice the half of each; none for inputs that only operations of candle's reach.
fn gradients_on_tape(
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
    vars: &[Var],
    tensors: &[Tensor],
) -> Result<Vec<Option<Tensor>>> {
    let mut gradients = Gradients::of(vars);
    for _ in 0..2 {
        let (y, tape) = Tape::record(|| f(tensors))?;
        let seed = (sample(y.dims(), 99).to_dtype(y.dtype())? * 0.5)?;
        tape.backward_from(vec![(y, seed)], &mut gradients)?;
    }
    vars.iter().filter(|var| var.dtype().is_float()).map(|var| gradients.take(var)).collect()
}

fn cast(inputs: &[Tensor], dtype: DType) -> Vec<Tensor> {
    let cast = |x: &Tensor| if x.dtype().is_float() { x.to_dtype(dtype).unwrap() } else { x.clone() };
    inputs.iter().map(cast).collect()
}

/// The same numbers as a view with an offset and, where it has two dimensions, gaps between its rows.
fn strided(x: &Tensor) -> Tensor {
    let last = x.rank() - 1;
    let width = x.dim(last).unwrap();
    Tensor::cat(&[x, x], last).unwrap().narrow(last, width, width).unwrap()
}

/// The same tensors, one of them as a view that is contiguous and begins where no vector can.
pub fn shifted(all: &[Tensor], which: usize) -> Vec<Tensor> {
    let mut all = all.to_vec();
    let flat = all[which].flatten_all().unwrap();
    let longer = Tensor::cat(&[&flat.narrow(0, 0, 1).unwrap(), &flat], 0).unwrap();
    all[which] = longer.narrow(0, 1, flat.elem_count()).unwrap().reshape(all[which].shape()).unwrap();
    all
}

/// Results and gradients equal the oracle's in f32 and f64, those for strided inputs are the same bits, off the tape they are
/// those of candle's graph, and those of the kernels for CUDA, which the emulator runs, equal the oracle's in f32.
#[track_caller]
pub fn assert_matches(
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
    oracle: impl Fn(&[Tensor]) -> Result<Tensor>,
    inputs: &[Tensor],
) {
    for (dtype, tolerance) in [(DType::F32, 2e-6), (DType::F64, 1e-13)] {
        let inputs = cast(inputs, dtype);
        let result = no_grad(|| f(&inputs)).unwrap();
        assert_eq!(result.dtype(), dtype);
        assert_close(&result, &oracle(&inputs).unwrap(), tolerance);
        let (actual, expected) = (gradients(&f, &inputs).unwrap(), gradients(&oracle, &inputs).unwrap());
        actual.iter().zip(&expected).for_each(|(actual, expected)| assert_close(actual, expected, tolerance));
        let views: Vec<Tensor> = inputs.iter().map(strided).collect();
        assert_eq!(values(&no_grad(|| f(&views)).unwrap()), values(&result));
        let through_views = |inputs: &[Tensor]| f(&inputs.iter().map(strided).collect::<Vec<_>>());
        for composed in [&f as &dyn Fn(&[Tensor]) -> Result<Tensor>, &through_views] {
            assert_close(&composed(&inputs).unwrap(), &result, tolerance);
            let on_graph = gradients_on_graph(composed, &inputs).unwrap();
            on_graph
                .iter()
                .zip(&expected)
                .for_each(|(found, expected)| assert_close(found, expected, tolerance));
        }
        if dtype == DType::F32 {
            assert_kernels_match(&f, &inputs, &result, &actual, KERNEL_TOLERANCE);
            assert_kernels_match(through_views, &inputs, &result, &actual, KERNEL_TOLERANCE);
        }
    }
}

/// The order of sums and the device's own functions.
const KERNEL_TOLERANCE: f64 = 4e-6;

/// Results and gradients on a tape that kernels make are those expected.
#[track_caller]
fn assert_kernels_match(
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
    inputs: &[Tensor],
    result: &Tensor,
    gradients: &[Tensor],
    tolerance: f64,
) {
    let vars = inputs.iter().map(Var::from_tensor).collect::<Result<Vec<_>>>().unwrap();
    let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let (found, on_tape) = emulate(|| {
        let found = no_grad(|| f(&tensors)).unwrap();
        (found, gradients_on_tape(&f, &vars, &tensors).unwrap())
    });
    assert_close(&found, result, tolerance);
    for (on_tape, expected) in on_tape.iter().zip(gradients) {
        if let Some(on_tape) = on_tape {
            assert_close(on_tape, expected, tolerance);
        }
    }
}

/// With the inputs named by `activations` in bf16, kernels come as near to the CPU's result as bf16 can, which computes in
/// f32 with the same rounded numbers, wherever an input begins; gradients of bf16 are bf16, those of parameters f32.
#[track_caller]
pub fn assert_kernels_take_bf16(
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
    inputs: &[Tensor],
    activations: &[usize],
) {
    let round = |(i, x): (usize, &Tensor)| match activations.contains(&i) {
        true => x.to_dtype(DType::BF16).unwrap(),
        false => x.to_dtype(DType::F32).unwrap(),
    };
    let rounded: Vec<Tensor> = inputs.iter().enumerate().map(round).collect();
    let exact = cast(&rounded, DType::F32);
    let (result, expected) = (no_grad(|| f(&exact)).unwrap(), gradients(&f, &exact).unwrap());
    let vars = rounded.iter().map(Var::from_tensor).collect::<Result<Vec<_>>>().unwrap();
    let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let (found, on_tape) =
        emulate(|| (no_grad(|| f(&tensors)).unwrap(), gradients_on_tape(&f, &vars, &tensors).unwrap()));
    assert_close(&found, &result, 1e-2);
    for which in 0..tensors.len() {
        let found = emulate(|| no_grad(|| f(&shifted(&tensors, which)))).unwrap();
        assert_close(&found, &result, 1e-2);
    }
    for ((on_tape, expected), input) in on_tape.iter().zip(&expected).zip(&rounded) {
        let on_tape = on_tape.as_ref().expect("a gradient for each input");
        assert_eq!(on_tape.dtype(), input.dtype());
        assert_close(on_tape, expected, 1.5e-2);
    }
}

/// Gradients in f64 equal central differences.
#[track_caller]
pub fn assert_gradients(f: impl Fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor]) {
    const STEP: f64 = 1e-5;
    let floats = (0..inputs.len()).filter(|&i| inputs[i].dtype().is_float());
    for (index, gradient) in floats.zip(gradients(&f, inputs).unwrap()) {
        let at = |element: usize, step: f64| {
            let mut moved = values(&inputs[index]);
            moved[element] += step;
            let mut inputs = inputs.to_vec();
            inputs[index] = Tensor::from_vec(moved, inputs[index].shape(), &Device::Cpu).unwrap();
            no_grad(|| weighted_sum(&f, &inputs)).unwrap().to_scalar::<f64>().unwrap()
        };
        let slope = |element| (at(element, STEP) - at(element, -STEP)) / (2. * STEP);
        let slopes: Vec<f64> = (0..gradient.elem_count()).map(slope).collect();
        let slopes = Tensor::from_vec(slopes, gradient.shape(), &Device::Cpu).unwrap();
        assert_close(&gradient, &slopes, 1e-6);
    }
}

/// Results and gradients in f32 are the same bits on one thread and on three.
#[track_caller]
pub fn assert_same_on_any_number_of_threads(
    f: impl Fn(&[Tensor]) -> Result<Tensor> + Sync,
    inputs: &[Tensor],
) {
    let inputs = cast(inputs, DType::F32);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut all = gradients(&f, &inputs).unwrap();
            all.push(no_grad(|| f(&inputs)).unwrap());
            all.iter().map(values).collect::<Vec<_>>()
        })
    };
    assert_eq!(on(1), on(2));
    assert_eq!(on(1), on(7));
}

/// `f(…, s·x, …) = s^degree f(…, x, …)` in f32 when the inputs named by `scaled` are multiplied by s.
#[track_caller]
pub fn assert_homogeneous(
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
    inputs: &[Tensor],
    scaled: &[usize],
    degree: i32,
) {
    let inputs = cast(inputs, DType::F32);
    let expected = no_grad(|| f(&inputs)).unwrap();
    for scale in [1e-2, 0.1, 0.37, 10., 100f64] {
        let mut inputs = inputs.clone();
        scaled.iter().for_each(|&i| inputs[i] = (&inputs[i] * scale).unwrap());
        assert_close(&no_grad(|| f(&inputs)).unwrap(), &(&expected * scale.powi(degree)).unwrap(), 2e-6);
    }
}
