//! The step of a table along its gradient, every row of which counts the same: `U_i = G_i/‖G_i‖`.

mod composed;
mod cpu;
mod cuda;

use super::by_real;
use super::orthogonal::Move;
use super::slices::{read, write};
use crate::Gradient;
use candle_core::{Result, Var};
pub(crate) use cuda::{enqueue, parts as parts_of};

/// The rows in which a table's gradient is not zero.
#[derive(Debug)]
pub(crate) struct Directions {
    /// `1/‖G_i‖` of each row that the gradient has, 0 for a row of zeros.
    inverses: Vec<f64>,
    /// `‖U‖²`, how many rows are not zero.
    pub squared: f64,
    /// `⟨W, U⟩`.
    pub along: f64,
}

impl Directions {
    fn of_rows(rows: Vec<Row>) -> Self {
        let [mut squared, mut along] = [0.; 2];
        for row in rows.iter().filter(|row| row.inverse > 0.) {
            squared += 1.;
            along += row.along * row.inverse;
        }
        Self { inverses: rows.into_iter().map(|row| row.inverse).collect(), squared, along }
    }
}

/// A row of the gradient.
struct Row {
    /// `1/‖G_i‖`, 0 for a row of zeros.
    inverse: f64,
    /// `⟨W_i, G_i⟩`.
    along: f64,
}

impl Row {
    fn new(gg: f64, along: f64) -> Self {
        Self { inverse: if gg > 0. { gg.sqrt().recip() } else { 0. }, along }
    }
}

/// The directions of a table's rows.
pub(crate) fn directions(var: &Var, gradient: Gradient) -> Result<Directions> {
    let width = var.dim(1)?;
    let (ids, values) = parts(gradient);
    if !var.device().is_cpu() {
        return composed::rows(var, gradient).map(Directions::of_rows);
    }
    let rows = by_real!(var, T => read::<T, _>(var, |w| read(values, |g| Ok(cpu::rows(w, g, ids, width)))))?;
    Ok(Directions::of_rows(rows))
}

/// `W ← keep·W − rate·U`.
pub(crate) fn descend(var: &Var, gradient: Gradient, directions: &Directions, how: Move) -> Result<()> {
    let width = var.dim(1)?;
    let (ids, values) = parts(gradient);
    let rates: Vec<f64> = directions.inverses.iter().map(|inverse| how.rate * inverse).collect();
    if !var.device().is_cpu() {
        return composed::descend(var, gradient, &rates, how.keep);
    }
    by_real!(var, T => write::<T, _>(var, |w| read(values, |g| {
        cpu::descend(w, g, ids, &rates, how.keep, width);
        Ok(())
    })))
}

/// Which rows a gradient has, all if none are named, and their values.
fn parts(gradient: Gradient<'_>) -> (Option<&[u32]>, &candle_core::Tensor) {
    match gradient {
        Gradient::Dense(values) => (None, values),
        Gradient::Rows { ids, values } => (Some(ids), values),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::gradients::fit;
    use crate::ops::group::{Group, Traits};
    use crate::ops::testing::{distance, noise};
    use candle_core::{DType, Device, Tensor};

    /// The same of ordinary tensor operations, in f64.
    fn naive(w: &Tensor, g: &Tensor, how: Move) -> (Tensor, f64, f64) {
        let norms = g.sqr().unwrap().sum_keepdim(1).unwrap().sqrt().unwrap();
        let safe = norms.eq(0f64).unwrap().where_cond(&norms.ones_like().unwrap(), &norms).unwrap();
        let u = g.broadcast_div(&safe).unwrap();
        let dot = |a: &Tensor, b: &Tensor| (a * b).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
        let next = ((w * how.keep).unwrap() - (&u * how.rate).unwrap()).unwrap();
        (next, dot(&u, &u), dot(w, &u))
    }

    #[test]
    fn every_row_that_occurs_moves_as_far_and_the_others_only_by_the_common_factor() {
        let how = Move { keep: 0.99, rate: 0.3 };
        for ids in [&[][..], &[0], &[899], &[3, 4, 440, 441, 442, 899]] {
            let w = noise(900 * 37, 1, DType::F64).unwrap().reshape((900, 37)).unwrap();
            let values = noise(ids.len() * 37, 2, DType::F64).unwrap().reshape((ids.len(), 37)).unwrap();
            let mut whole = w.zeros_like().unwrap();
            if !ids.is_empty() {
                whole = whole.index_add(&Tensor::new(ids, &Device::Cpu).unwrap(), &values, 0).unwrap();
            }
            let (expected, squared, along) = naive(&w, &whole, how);
            for gradient in [Gradient::Rows { ids, values: &values }, Gradient::Dense(&whole)] {
                let var = Var::from_tensor(&w).unwrap();
                let found = directions(&var, gradient).unwrap();
                assert!((found.squared - squared).abs() < 1e-12 * squared.max(1.));
                assert!((found.along - along).abs() < 1e-12 * along.abs().max(1.));
                descend(&var, gradient, &found, how).unwrap();
                assert!(distance(&var, &expected).unwrap() < 1e-14);

                let var = Var::from_tensor(&w).unwrap();
                let composed = Directions::of_rows(composed::rows(&var, gradient).unwrap());
                assert_eq!(composed.squared, found.squared);
                assert!((composed.along - found.along).abs() < 1e-12 * found.along.abs().max(1.));
                let rates = composed.inverses.iter().map(|inverse| how.rate * inverse).collect::<Vec<_>>();
                composed::descend(&var, gradient, &rates, how.keep).unwrap();
                assert!(distance(&var, &expected).unwrap() < 1e-14);
            }
        }
    }

    #[test]
    fn a_row_of_zeros_and_rows_of_any_length_of_gradient_are_told_apart() {
        let var = Var::new(&[[1f32, 0.], [0., 1.], [1., 1.], [2., 0.]], &Device::Cpu).unwrap();
        let g = Tensor::new(&[[3f32, 4.], [0., 0.], [3e-30, 4e-30], [3e30, 4e30]], &Device::Cpu).unwrap();
        let found = directions(&var, Gradient::Dense(&g)).unwrap();
        assert_eq!(found.squared, 3.);
        descend(&var, Gradient::Dense(&g), &found, Move { keep: 1., rate: 1. }).unwrap();
        let expected = [[0.4f32, -0.8], [0., 1.], [0.4, 0.2], [1.4, -0.8]];
        for (row, expected) in var.to_vec2::<f32>().unwrap().iter().zip(expected) {
            assert!(row.iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-6), "{row:?}");
        }
    }

    #[test]
    fn the_kernel_finds_what_the_loops_find_in_more_rows_than_a_launch_has_warps() {
        let (rows, width) = (8300, 3);
        let of = |seed| noise(rows * width, seed, DType::F32).unwrap().reshape((rows, width)).unwrap();
        let (vars, grad) = (vec![("table".to_string(), Var::from_tensor(&of(1)).unwrap())], of(2));
        grad.slice_set(&grad.narrow(0, 0, 1).unwrap().zeros_like().unwrap(), 0, 8200).unwrap();
        let mut grads = candle_core::backprop::GradStore::default();
        grads.insert(&vars[0].1, grad.clone());
        let expected = directions(&vars[0].1, Gradient::Dense(&grad)).unwrap();
        cukernel_emulator::emulate(|| {
            let group = Group::new(&fit(&vars, &grads).unwrap(), &[], |_| Traits::default()).unwrap();
            let [inverses, sums] =
                [rows, 2 * parts_of(rows)].map(|len| group.empty(len, DType::F64).unwrap());
            enqueue(&group, 0, (rows, width), &inverses, &sums).unwrap();
            let close = |a: f64, b: f64| assert!((a - b).abs() <= 1e-12 * b.abs().max(1.), "{a} is not {b}");
            let inverses = cukernel::download(&inverses).unwrap();
            inverses.iter().zip(&expected.inverses).for_each(|(a, b)| close(*a, *b));
            let sums = cukernel::download(&sums).unwrap();
            let sum = |k| sums.iter().skip(k).step_by(2).sum::<f64>();
            close(sum(0), expected.along);
            close(sum(1), expected.squared);
            assert_eq!(expected.squared, (rows - 1) as f64);
        });
    }
}
