use super::*;
use crate::ops::testing::{distance, noise};
use candle_core::{DType, Device};

/// U of `[G | b]`.
type Definition = fn(&Tensor) -> Tensor;

/// The two ways to U, with the definition of each.
const WAYS: [(Way, Definition); 2] = [
    (Way { polar: Polar::NewtonSchulz, precision: Precision::F32 }, naive),
    (Way { polar: Polar::Zolotarev, precision: Precision::F32 }, naive_rational),
];

/// The rational function as it is written, in f64, on `[G | b]`, by Gauss and Jordan's elimination.
fn naive_rational(grad: &Tensor) -> Tensor {
    let grad = grad.to_dtype(DType::F64).unwrap();
    let tall = grad.dim(0).unwrap() >= grad.dim(1).unwrap();
    let g = if tall { grad } else { grad.t().unwrap().contiguous().unwrap() };
    let norm = g.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap().sqrt();
    let x = (g / norm).unwrap();
    let gram = x.t().unwrap().matmul(&x).unwrap();
    let n = gram.dim(0).unwrap();
    let eye = Tensor::eye(n, DType::F64, &Device::Cpu).unwrap();
    let inverse = |c: f64| {
        let rows = Tensor::cat(&[(&gram + (&eye * c).unwrap()).unwrap(), eye.clone()], 1).unwrap();
        let mut rows = rows.to_vec2::<f64>().unwrap();
        for i in 0..n {
            let pivot = rows[i][i];
            rows[i].iter_mut().for_each(|x| *x /= pivot);
            let row = rows[i].clone();
            for (_, other) in rows.iter_mut().enumerate().filter(|(j, _)| *j != i) {
                let factor = other[i];
                other.iter_mut().zip(&row).for_each(|(x, y)| *x -= factor * y);
            }
        }
        Tensor::new(rows, &Device::Cpu).unwrap().narrow(1, n, n).unwrap()
    };
    let [first, second] =
        [(1.8960818006338977e-5, 9.583580408637979e-3), (9.186059628447688e-3, 0.1926082040223041)]
            .map(|(c, a)| (inverse(c) * a).unwrap());
    let p = (((eye + first).unwrap() + second).unwrap() * 0.9619399092432183).unwrap();
    let u = x.matmul(&p).unwrap();
    if tall { u } else { u.t().unwrap().contiguous().unwrap() }
}

/// The iteration as it is written, in f64, on `[G | b]`.
fn naive(grad: &Tensor) -> Tensor {
    let grad = grad.to_dtype(DType::F64).unwrap();
    let tall = grad.dim(0).unwrap() >= grad.dim(1).unwrap();
    let g = if tall { grad.t().unwrap().contiguous().unwrap() } else { grad };
    let norm = g.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap().sqrt();
    let mut x = (g / norm).unwrap();
    for _ in 0..5 {
        let a = x.matmul(&x.t().unwrap()).unwrap();
        let b = ((&a * -4.7750).unwrap() + (a.matmul(&a).unwrap() * 2.0315).unwrap()).unwrap();
        x = ((&x * 3.4445).unwrap() + b.matmul(&x).unwrap()).unwrap();
    }
    if tall { x.t().unwrap().contiguous().unwrap() } else { x }
}

/// Rows and columns of matrices, and whether there is a bias: square, tall, wide, of more lines than a chunk, of one line.
const SHAPES: [(usize, usize, bool); 9] = [
    (24, 24, false),
    (23, 23, true),
    (70, 33, true),
    (70, 33, false),
    (33, 70, true),
    (4100, 5, true),
    (5, 4100, true),
    (7, 4096, true),
    (1, 9, false),
];

type Descend<'a> =
    &'a dyn Fn(WithBias<&Var>, WithBias<&Tensor>, f64, &mut dyn FnMut(f64) -> Move) -> Result<Moved>;

struct Case {
    w: Tensor,
    bias: Option<Tensor>,
    grad: Tensor,
    grad_bias: Option<Tensor>,
}

impl Case {
    fn new((rows, columns, bias): (usize, usize, bool), dtype: DType) -> Self {
        let matrix = |seed| noise(rows * columns, seed, dtype).unwrap().reshape((rows, columns)).unwrap();
        let vector = |seed| bias.then(|| noise(rows, seed, dtype).unwrap());
        Self { w: matrix(1), bias: vector(2), grad: matrix(3), grad_bias: vector(4) }
    }

    fn joined(matrix: &Tensor, bias: &Option<Tensor>) -> Tensor {
        match bias {
            Some(bias) => Tensor::cat(&[matrix, &bias.reshape(((), 1)).unwrap()], 1).unwrap(),
            None => matrix.clone(),
        }
    }

    fn norm(tensor: &Tensor) -> f64 {
        let wide = tensor.to_dtype(DType::F64).unwrap();
        wide.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap().sqrt()
    }

    /// The matrix with its bias after a step, `‖U‖²`, and what the step says it did.
    fn descend(&self, way: Way, how: Move) -> (Tensor, f64, Moved) {
        self.descend_by(how, &|var, grad, norm, squared| descend(Bands::Whole, var, grad, norm, way, squared))
    }

    /// The same of ordinary tensor operations.
    fn descend_composed(&self, how: Move) -> (Tensor, f64, Moved) {
        self.descend_by(how, &|var, grad, norm, squared| {
            composed::descend(Bands::Whole, var, grad, norm, squared)
        })
    }

    fn descend_by(&self, how: Move, descend: Descend) -> (Tensor, f64, Moved) {
        let (w, bias) =
            (Var::from_tensor(&self.w).unwrap(), self.bias.as_ref().map(|b| Var::from_tensor(b).unwrap()));
        let grad = WithBias { matrix: &self.grad, bias: self.grad_bias.as_ref() };
        let norm = Self::norm(&Self::joined(&self.grad, &self.grad_bias));
        let mut squared = 0.;
        let var = WithBias { matrix: &w, bias: bias.as_ref() };
        let moved = descend(var, grad, norm, &mut |found| {
            squared = found;
            how
        });
        let moved = moved.unwrap();
        (Self::joined(&w, &bias.map(|b| b.as_tensor().clone())), squared, moved)
    }
}

#[test]
fn the_step_is_that_of_the_function_as_it_is_written() {
    let how = Move { keep: 0.9, rate: 0.2 };
    for (dtype, tolerance) in [(DType::F64, 1e-9), (DType::F32, 3e-4)] {
        for shape in SHAPES {
            let case = Case::new(shape, dtype);
            let composed = (case.descend_composed(how), WAYS[0].1);
            let found = WAYS.map(|(way, definition)| (case.descend(way, how), definition));
            for ((next, squared, moved), definition) in found.into_iter().chain([composed]) {
                let u = definition(&Case::joined(&case.grad, &case.grad_bias));
                let old = Case::joined(&case.w, &case.bias).to_dtype(DType::F64).unwrap();
                let expected = ((&old * how.keep).unwrap() - (&u * how.rate).unwrap()).unwrap();
                assert!(distance(&next, &expected).unwrap() < tolerance, "{shape:?} {dtype:?}");
                let uu = Case::norm(&u).powi(2);
                assert!((squared / uu - 1.).abs() < tolerance, "{shape:?}: {squared} is not {uu}");
                let next = next.to_dtype(DType::F64).unwrap();
                let along = (&old * &next).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
                assert!((moved.squared / Case::norm(&next).powi(2) - 1.).abs() < 1e-12);
                assert!((moved.along / along - 1.).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn singular_values_that_are_not_tiny_become_about_one() {
    // G = diag(1, 1/2, …, 1/32) in a basis of reflections, whose singular values are known.
    let n = 32;
    let v = noise(n, 7, DType::F64).unwrap().reshape((n, 1)).unwrap();
    let vv = v.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
    let eye = Tensor::eye(n, DType::F64, &Device::Cpu).unwrap();
    let reflection = (&eye - (v.matmul(&v.t().unwrap()).unwrap() * (2. / vv)).unwrap()).unwrap();
    let values: Vec<_> = (1..=n).map(|i| 1. / i as f64).collect();
    let diagonal = eye.broadcast_mul(&Tensor::new(values, &Device::Cpu).unwrap()).unwrap();
    let grad = reflection.matmul(&diagonal).unwrap();
    let case = Case { w: grad.zeros_like().unwrap(), bias: None, grad, grad_bias: None };
    for ((way, _), range) in WAYS.into_iter().zip([0.65..1.25, 0.84..1.16]) {
        let (u, ..) = case.descend(way, Move { keep: 0., rate: -1. });
        let sizes = reflection.matmul(&u).unwrap(); // diagonal again
        for (i, row) in sizes.to_vec2::<f64>().unwrap().iter().enumerate() {
            for (j, x) in row.iter().enumerate() {
                let right = if i == j { range.contains(x) } else { x.abs() < 1e-9 };
                assert!(right, "{way:?} ({i}, {j}): {x}");
            }
        }
    }
}

#[test]
fn factors_of_numbers_in_two_parts_are_near_those_of_f32() {
    for (shape, (way, _)) in SHAPES.into_iter().flat_map(|shape| WAYS.map(|way| (shape, way))) {
        let case = Case::new(shape, DType::F32);
        let how = Move { keep: 0., rate: -1. };
        let exact = case.descend(way, how).0;
        let found = case.descend(Way { precision: Precision::Bf16x3, ..way }, how).0;
        let apart = Case::norm(&(found - &exact).unwrap()) / Case::norm(&exact);
        assert!(apart > 0. && apart < 1e-3, "{shape:?} {way:?}: {apart:e}");
    }
}

#[test]
fn powers_of_two_in_the_gradient_leave_every_bit_of_the_step() {
    for (shape, (way, _)) in SHAPES.into_iter().flat_map(|shape| WAYS.map(|way| (shape, way))) {
        let case = Case::new(shape, DType::F32);
        let how = Move { keep: 0.9, rate: 0.2 };
        let expected = case.descend(way, how).0;
        for factor in [2f64.powi(-40), 2f64.powi(40)] {
            let scaled = |t: &Tensor| (t * factor).unwrap();
            let case = Case {
                w: case.w.clone(),
                bias: case.bias.clone(),
                grad: scaled(&case.grad),
                grad_bias: case.grad_bias.as_ref().map(scaled),
            };
            assert_eq!(distance(&case.descend(way, how).0, &expected).unwrap(), 0., "{shape:?} {factor:e}");
        }
    }
}

#[test]
fn the_step_is_the_same_on_any_number_of_threads() {
    for (way, _) in WAYS {
        let how = Move { keep: 0.9, rate: 0.2 };
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Case::new((9000, 19, true), DType::F32).descend(way, how).0)
        };
        assert_eq!(distance(&on(1), &on(3)).unwrap(), 0.);
    }
}

#[test]
fn bands_are_moved_as_matrices_by_themselves() {
    let how = Move { keep: 0.9, rate: 0.2 };
    let cases = [
        (Bands::Rows(3), (12, 7, false)),
        (Bands::Rows(2), (18, 5, true)),
        (Bands::Columns(4), (6, 20, false)),
        (Bands::Columns(2), (9, 30, false)),
    ];
    for (bands, shape) in cases {
        let (axis, count) = match bands {
            Bands::Rows(count) => (0, count),
            _ => (1, bands.count()),
        };
        let case = Case::new(shape, DType::F64);
        // The last band has no gradient: it shrinks, as the matrix does, and goes nowhere.
        let size = case.grad.dim(axis).unwrap() / count;
        let zero = case.grad.narrow(axis, 0, size).unwrap().zeros_like().unwrap();
        let others = case.grad.narrow(axis, 0, size * (count - 1)).unwrap();
        let grad = Tensor::cat(&[others, zero], axis).unwrap();
        let grad_bias = case.grad_bias.as_ref().map(|bias| {
            let zero = bias.narrow(0, 0, size).unwrap().zeros_like().unwrap();
            Tensor::cat(&[bias.narrow(0, 0, size * (count - 1)).unwrap(), zero], 0).unwrap()
        });
        let case = Case { grad, grad_bias, ..case };
        let whole = |m: &Tensor, b: &Option<Tensor>| Case::joined(m, b);
        let (w, g) = (whole(&case.w, &case.bias), whole(&case.grad, &case.grad_bias));
        let u_of = |definition: Definition| {
            let factor = |band: &Tensor| match Case::norm(band) > 0. {
                true => definition(band),
                false => band.clone(),
            };
            let factors: Vec<_> = g.chunk(count, axis).unwrap().iter().map(factor).collect();
            Tensor::cat(&factors, axis).unwrap()
        };
        type Descends =
            fn(Bands, WithBias<&Var>, WithBias<&Tensor>, f64, &mut dyn FnMut(f64) -> Move) -> Result<Moved>;
        let ways: [(Descends, Definition); 3] = [
            (|b, w, g, n, how| descend(b, w, g, n, WAYS[0].0, how), WAYS[0].1),
            (|b, w, g, n, how| descend(b, w, g, n, WAYS[1].0, how), WAYS[1].1),
            (|b, w, g, n, how| composed::descend(b, w, g, n, how), WAYS[0].1),
        ];
        for (way, definition) in ways {
            let u = u_of(definition);
            let expected = ((&w * how.keep).unwrap() - (&u * how.rate).unwrap()).unwrap();
            let var = Var::from_tensor(&case.w).unwrap();
            let bias = case.bias.as_ref().map(|bias| Var::from_tensor(bias).unwrap());
            let (to, from) = (
                WithBias { matrix: &var, bias: bias.as_ref() },
                WithBias { matrix: &case.grad, bias: case.grad_bias.as_ref() },
            );
            let mut squared = 0.;
            way(bands, to, from, Case::norm(&g), &mut |found| {
                squared = found;
                how
            })
            .unwrap();
            let found = whole(&var.as_detached_tensor(), &bias.map(|bias| bias.as_detached_tensor()));
            assert!(distance(&found, &expected).unwrap() < 1e-9, "{bands:?}");
            assert!((squared / Case::norm(&u).powi(2) - 1.).abs() < 1e-9, "{bands:?}");
        }
    }
}
