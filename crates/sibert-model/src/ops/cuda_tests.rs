//! The kernels for CUDA in bf16, run by the emulator, and what they promise beside the CPU's numbers.
#![allow(clippy::unwrap_used)]

use candle_core::{DType, Device, Result, Tensor};
use cukernel_emulator::emulate;
use sibert_products::Precision;

use super::rows as ops_rows;
use super::test_support::*;
use super::*;
use crate::tape::{Gradients, Tape, no_grad};

/// Rows that are no multiple of a block's, of a width that vectors divide and of one that they do not.
const SHAPES: [[usize; 2]; 3] = [[7, 64], [5, 37], [70, 132]];

#[test]
fn kernels_of_bf16_follow_the_cpu() {
    for [rows, width] in SHAPES {
        let (x, y) = (sample(&[rows, width], 1), sample(&[rows, width], 2));
        let (w, b) = (sample(&[width], 3), sample(&[width], 4));
        let matrix = sample(&[11, width], 5);
        let bias = sample(&[11], 6);
        let one = [x.clone()];
        assert_kernels_take_bf16(|x| normalize(&x[0]), &one, &[0]);
        assert_kernels_take_bf16(|x| unit_heads(&x[0], if width == 37 { 1 } else { 4 }), &one, &[0]);
        assert_kernels_take_bf16(|x| gelu(&x[0]), &one, &[0]);
        assert_kernels_take_bf16(|x| tanh(&x[0]), &one, &[0]);
        assert_kernels_take_bf16(|x| dropout(&x[0], 0.3, 7, 5), &one, &[0]);
        // rows that occur more often than one block adds up
        let ids = Tensor::from_iter((0..300).map(|i| i * 7_u32 % 3), &Device::Cpu).unwrap();
        assert_kernels_take_bf16(|x| ops_rows(&x[0], &ids), &one, &[0]);
        assert_kernels_take_bf16(|x| residual(&x[0], &x[1], 0.3, 7, 5), &[x.clone(), y], &[0, 1]);
        let affine = [x.clone(), w, b];
        assert_kernels_take_bf16(|x| layer_norm(&x[0], &x[1], &x[2], 1e-3), &affine, &[0]);
        assert_kernels_take_bf16(|x| normalize_affine(&x[0], &x[1], &x[2]), &affine, &[0]);
        assert_kernels_take_bf16(|x| linear(&x[0], &x[1]), &[x.clone(), matrix.clone()], &[0]);
        let with_bias = [x, matrix, bias];
        assert_kernels_take_bf16(|x| linear_bias(&x[0], &x[1], &x[2]), &with_bias, &[0]);
        assert_kernels_take_bf16(|x| linear_bias_relu(&x[0], &x[1], &x[2]), &with_bias, &[0]);
    }
}

#[test]
fn losses_of_bf16_are_f32_and_follow_the_cpu() {
    let labels = Tensor::from_iter((0..9).map(|i| i * 7_u32 % 37), &Device::Cpu).unwrap();
    let logits = [(sample(&[9, 37], 1) * 4.).unwrap()];
    assert_kernels_take_bf16(|x| cross_entropy(&x[0], &labels), &logits, &[0]);
    let target = sample(&[9, 37], 2).to_dtype(DType::F32).unwrap();
    assert_kernels_take_bf16(|x| squared_error(&x[0], &target), &logits, &[0]);
    assert_kernels_take_bf16(|x| binary_cross_entropy(&x[0], &target), &logits, &[0]);
    let keep = Tensor::new(&[[1f32, 1., 1., 0.], [1., 0., 1., 1.]], &Device::Cpu).unwrap();
    let spans = Tensor::new(&[[0u32, 2], [3, 2]], &Device::Cpu).unwrap();
    assert_kernels_take_bf16(|x| span_cross_entropy(&x[0], &keep, &spans), &[sample(&[2, 4, 2], 3)], &[0]);
}

#[test]
fn activations_begin_in_the_precision_in_force() -> Result<()> {
    let tables = [[7, 36], [2, 36], [4, 36]].map(|shape| sample(&shape, 1).to_dtype(DType::F32).unwrap());
    let ids = Tensor::new(&[[1u32, 4, 1], [0, 1, 6]], &Device::Cpu)?;
    let types = Tensor::new(&[[0u32, 0, 1], [1, 0, 0]], &Device::Cpu)?;
    let embed = || no_grad(|| embed([&tables[0], &tables[1], &tables[2]], &ids, &types));
    let expected = embed()?;
    let (exact, rounded) = emulate(|| (embed().unwrap(), Precision::Bf16.scope(|| embed().unwrap())));
    assert_close(&exact, &expected, 1e-7);
    assert_eq!(rounded.dtype(), DType::BF16);
    assert_close(&rounded, &expected, 4e-3);
    Ok(())
}

#[test]
fn gradients_of_weights_and_tables_add_up_over_micro_batches() -> Result<()> {
    let f32s = |shape: &[usize], seed| sample(shape, seed).to_dtype(DType::F32).unwrap();
    let [words, types, positions, weight] = [[9, 8], [2, 8], [4, 8], [9, 8]].map(|shape| f32s(&shape, 1));
    let vars = [words, types, positions, weight].map(|x| candle_core::Var::from_tensor(&x).unwrap());
    let batches = [[[1u32, 4, 1, 8]], [[8, 8, 2, 1]]].map(|ids| Tensor::new(&ids, &Device::Cpu).unwrap());
    let run = || {
        let mut gradients = Gradients::of(&vars);
        for ids in &batches {
            let forward = || {
                let tables = [&vars[0], &vars[1], &vars[2]].map(|var| var.as_tensor());
                let x = embed(tables, ids, &ids.zeros_like()?)?;
                linear(&linear(&x, &vars[3])?, &vars[0].t()?.contiguous()?) // the table is tied, too
            };
            let forward_tied = || linear(&forward()?, vars[0].as_tensor());
            let (y, tape) = Tape::record(forward_tied)?;
            let seed = f32s(y.dims(), 3);
            tape.backward_from(vec![(y, seed)], &mut gradients)?;
        }
        vars.iter().map(|var| Ok(gradients.take(var)?.unwrap())).collect::<Result<Vec<Tensor>>>()
    };
    let (expected, found) = (run()?, emulate(run)?);
    found.iter().zip(&expected).for_each(|(found, expected)| assert_close(found, expected, 4e-6));
    Ok(())
}

#[test]
fn dropout_of_kernels_is_the_cpu_s_bit_for_bit() -> Result<()> {
    let x = Tensor::ones((7, 37), DType::F32, &Device::Cpu)?;
    let ids = Tensor::new(&[1u32, 4, 5, 11, 12, 13, 90], &Device::Cpu)?;
    for offset in [0, 1, 37, 1 << 33] {
        let all = || {
            no_grad(|| {
                Ok::<_, candle_core::Error>([
                    values(&dropout(&x, 0.4, 9, offset)?),
                    values(&residual(&x, &x, 0.4, 9, offset)?),
                    values(&residual_rows(&x, &x, 0.4, 9, offset, &ids)?),
                ])
            })
        };
        assert_eq!(emulate(all)?, all()?);
    }
    Ok(())
}

#[test]
fn normalisation_by_kernels_is_invariant_over_60_decades_and_passes_nan_on() -> Result<()> {
    let x = sample(&[5, 64], 1).to_dtype(DType::F32)?;
    let normal = |x: &Tensor| emulate(|| no_grad(|| normalize(x)));
    let expected = normal(&x)?;
    for scale in [1e-30, 1e-12, 1e6, 1e30] {
        assert_close(&normal(&(&x * scale)?)?, &expected, 2e-6);
    }
    assert_eq!(values(&normal(&(&x * 2f64.powi(40))?)?), values(&expected));
    let constant = Tensor::full(-3e7f32, (2, 37), &Device::Cpu)?;
    assert!(values(&normal(&constant)?).iter().all(|&y| y == 0.));
    let with_nan = Tensor::new(&[[1f32, 1., f32::NAN, 1.]], &Device::Cpu)?;
    assert!(values(&normal(&with_nan)?).iter().all(|y| y.is_nan()));
    Ok(())
}

#[test]
fn guesses_are_counted_on_the_device() -> Result<()> {
    let logits = (sample(&[40, 300], 1) * 4.)?.round()?.to_dtype(DType::F32)?; // many equal ones
    let labels = argmax_rows(&logits)?;
    let wrong = Tensor::from_iter(
        labels.to_vec1::<u32>()?.iter().enumerate().map(|(i, &l)| l + u32::from(i < 3)),
        &Device::Cpu,
    )?;
    emulate(|| {
        assert_eq!(argmax_rows(&logits)?.to_vec1::<u32>()?, labels.to_vec1::<u32>()?);
        assert_eq!(count_correct(&logits, &labels)?.to_scalar::<f64>()?, 40.);
        assert_eq!(count_correct(&logits, &wrong)?.to_scalar::<f64>()?, 37.);
        Ok(())
    })
}

#[test]
fn gradients_that_meet_at_one_tensor_add_up() -> Result<()> {
    let shapes = [&[6, 32][..], &[32, 32], &[32, 32], &[32, 32]];
    let vars: Vec<candle_core::Var> = (0u64..)
        .zip(shapes)
        .map(|(seed, shape)| candle_core::Var::from_tensor(&sample(shape, seed).to_dtype(DType::F32)?))
        .collect::<Result<_>>()?;
    // a stream read by three maps of its normalisation, and by itself behind them, twice
    let block = |z: &Tensor| {
        let x = normalize(z)?;
        let [a, b, c] = [1, 2, 3].map(|i| linear(&x, vars[i].as_tensor()));
        residual(&residual(&residual(z, &a?, 0.2, 1, 0)?, &b?, 0., 2, 0)?, &c?, 0.2, 3, 0)
    };
    let run = || {
        let mut gradients = Gradients::of(&vars);
        let (y, tape) = Tape::record(|| block(&block(&gelu(vars[0].as_tensor())?)?))?;
        let seed = sample(y.dims(), 9).to_dtype(DType::F32)?;
        tape.backward_from(vec![(y, seed)], &mut gradients)?;
        vars.iter().map(|var| Ok(gradients.take(var)?.unwrap())).collect::<Result<Vec<Tensor>>>()
    };
    let (expected, found) = (run()?, emulate(run)?);
    found.iter().zip(&expected).for_each(|(found, expected)| assert_close(found, expected, 4e-6));
    Ok(())
}
