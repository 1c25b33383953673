//! GradientSource by rows: the same step as with the table that they stand for, bit for bit, and what is refused.

#![allow(clippy::unwrap_used)]

mod support;

use candle_core::{DType, Device, Tensor, Var};
use proptest::prelude::*;
use sisgd::{
    AdamW, AdamWConfig, GradientSource, Lamb, LambConfig, NamedVars, Optimizer, PlainSgdConfig, Sgd, SiSgd,
    SiSgdConfig, check_gradients,
};
use support::Given;

fn noise(rows: usize, width: usize, a: f64, dtype: DType) -> Tensor {
    let values = (0..rows * width).map(|i| (a * (i * i % 1009) as f64).sin()).collect::<Vec<_>>();
    Tensor::from_vec(values, (rows, width), &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
}

/// A table (rows, width) and a matrix, their gradients by rows, and the same whole.
fn problem(rows: usize, width: usize, ids: &[u32], dtype: DType) -> (NamedVars, Given, Given) {
    let table = Var::from_tensor(&noise(rows, width, 0.7, dtype)).unwrap();
    let matrix = Var::from_tensor(&noise(3, 5, 0.3, dtype)).unwrap();
    let (values, gradient) = (noise(ids.len(), width, 1.1, dtype), noise(3, 5, 0.9, dtype));
    let mut whole = vec![Tensor::zeros((1, width), dtype, &Device::Cpu).unwrap(); rows];
    for (i, &id) in ids.iter().enumerate() {
        whole[id as usize] = values.narrow(0, i, 1).unwrap();
    }
    let whole = Tensor::cat(&whole, 0).unwrap();
    let given =
        |ids, values| Given(vec![(table.clone(), ids, values), (matrix.clone(), None, gradient.clone())]);
    let (sparse, dense) = (given(Some(ids.to_vec()), values), given(None, whole));
    (vec![("table".into(), table), ("matrix".into(), matrix)], sparse, dense)
}

/// Reports and parameters of two steps, as text that is the same only for the same bits.
fn two_steps<O: Optimizer>(mut optimizer: O, grads: &dyn GradientSource) -> String {
    let reports = [(); 2].map(|()| optimizer.check(grads, 0.1).unwrap().apply().unwrap());
    let bits = optimizer.vars().iter().flat_map(|(_, var)| {
        let values = var.flatten_all().unwrap().to_dtype(DType::F64).unwrap();
        values.to_vec1::<f64>().unwrap().into_iter().map(f64::to_bits)
    });
    format!("{reports:?} {:x?}", bits.collect::<Vec<_>>())
}

/// The outcome of all four optimizers, with `threads` threads.
fn outcome(rows: usize, width: usize, ids: &[u32], dtype: DType, whole: bool, threads: usize) -> [String; 4] {
    fn run<O: Optimizer>(
        (vars, sparse, dense): (NamedVars, Given, Given),
        whole: bool,
        optimizer: impl Fn(NamedVars) -> O,
    ) -> String {
        two_steps(optimizer(vars), if whole { &dense } else { &sparse })
    }
    let problem = || problem(rows, width, ids, dtype);
    let clipped = PlainSgdConfig { weight_decay: 0.1, max_grad_norm: Some(1.), momentum: 0.5 };
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
        [
            run(problem(), whole, |vars| SiSgd::new(vars, SiSgdConfig::default()).unwrap()),
            run(problem(), whole, |vars| Sgd::new(vars, clipped).unwrap()),
            run(problem(), whole, |vars| Lamb::new(vars, LambConfig::default()).unwrap()),
            run(problem(), whole, |vars| AdamW::new(vars, AdamWConfig::default()).unwrap()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn rows_are_the_table_bit_for_bit(
        rows in 1usize..900,
        width in 1usize..90,
        share in 0f64..1.,
        seed in 0u64..1000,
        threads in 1usize..8,
        double: bool,
    ) {
        let chosen = |id: &u32| ((f64::from(*id) + seed as f64) * 0.618).fract() < share * share;
        let ids: Vec<u32> = (0..rows as u32).filter(chosen).collect();
        let dtype = if double { DType::F64 } else { DType::F32 };
        let sparse = outcome(rows, width, &ids, dtype, false, threads);
        prop_assert_eq!(sparse, outcome(rows, width, &ids, dtype, true, 1));
    }
}

#[test]
fn no_rows_and_all_rows_are_the_table_too() {
    for dtype in [DType::F32, DType::F64] {
        for ids in [vec![], (0..700).collect::<Vec<u32>>()] {
            let sparse = outcome(700, 64, &ids, dtype, false, 7);
            assert_eq!(sparse, outcome(700, 64, &ids, dtype, true, 2));
        }
    }
}

#[test]
fn a_gradient_that_is_the_variable_itself_is_read_before_it_is_overwritten() {
    let x = Var::new(&[[3f32, 4.], [0., 0.]], &Device::Cpu).unwrap();
    let grads = Given(vec![(x.clone(), None, x.as_tensor().clone())]);
    let mut sgd = Sgd::new(vec![("x".into(), x.clone())], PlainSgdConfig::default()).unwrap();
    sgd.step(&grads, 0.5).unwrap();
    assert_eq!(x.to_vec2::<f32>().unwrap(), [[1.5, 2.], [0., 0.]]);
}

/// The message with which rows of a (4, 2) table are refused.
fn refusal(ids: &[u32], values: Tensor) -> String {
    let vars: NamedVars = vec![("table".into(), Var::ones((4, 2), DType::F32, &Device::Cpu).unwrap())];
    let grads = Given(vec![(vars[0].1.clone(), Some(ids.to_vec()), values)]);
    let alone = check_gradients(&vars, &grads).unwrap_err().to_string();
    let mut sgd = SiSgd::new(vars.clone(), SiSgdConfig::default()).unwrap();
    assert_eq!(sgd.step(&grads, 0.1).unwrap_err().to_string().lines().next(), alone.lines().next());
    assert_eq!(vars[0].1.to_vec2::<f32>().unwrap(), [[1.; 2]; 4]);
    alone.lines().next().unwrap().to_string()
}

#[test]
fn rows_that_do_not_fit_are_named() {
    let values = |rows, width| Tensor::ones((rows, width), DType::F32, &Device::Cpu).unwrap();
    assert_eq!(
        refusal(&[1, 4], values(2, 2)),
        "the gradient of `table` has row 4, but the parameter has only 4 rows"
    );
    let order = "the gradient of `table` has row 1 after row 2, expected ascending rows";
    assert_eq!(refusal(&[2, 1], values(2, 2)), order);
    assert_eq!(refusal(&[2, 2], values(2, 2)), order.replace("row 1", "row 2"));
    let shape = "the gradient of `table` has rows of shape";
    assert_eq!(refusal(&[0, 2], values(3, 2)), format!("{shape} [3, 2], expected [2, 2]"));
    assert_eq!(refusal(&[0, 2], values(2, 3)), format!("{shape} [2, 3], expected [2, 2]"));
    let double = values(2, 2).to_dtype(DType::F64).unwrap();
    assert_eq!(refusal(&[0, 2], double), "the gradient of `table` has dtype f64, expected f32");
    let vector = Var::ones(4, DType::F32, &Device::Cpu).unwrap();
    let grads = Given(vec![(vector.clone(), Some(vec![0]), values(1, 4))]);
    let error = check_gradients(&[("bias".into(), vector)], &grads).unwrap_err().to_string();
    assert!(error.starts_with("the gradient of `bias` is given by rows, but its shape is [4]"), "{error}");
}

#[test]
fn values_that_are_not_finite_are_named_with_their_row() {
    let values = Tensor::new(&[[1f32, 2.], [3., f32::NAN]], &Device::Cpu).unwrap();
    assert_eq!(
        refusal(&[1, 3], values),
        "the gradient of `table` is not finite: NaN at index 1 of row 3, 1 of 4 such values"
    );
}
