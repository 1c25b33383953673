//! Every kernel against the loops of the CPU, over variables of all kinds at once.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::clip::Threshold;
use crate::gradients::{Checked, collect, fit};
use crate::guard::Guarded;
use crate::ops::adam::{Adam, AdamStep};
use crate::ops::dots::dots;
use crate::ops::heavy_ball::heavy_ball_all;
use crate::ops::scaled_add::{scaled_add, scaled_add_all};
use crate::ops::testing::{distance, noise};
use crate::ops::verdict::{Judged, Verdict};
use crate::{Gradient, GradientSource, Guard, NamedVars};
use cukernel::download;
use cukernel_emulator::emulate;

const DECAY: f64 = 1e-3;
const LR: f64 = 0.1;

/// GradientSource, by rows for some of the variables.
struct Given(Vec<(Var, Option<Vec<u32>>, Tensor)>);

impl GradientSource for Given {
    fn gradient(&self, var: &Var) -> Option<Gradient<'_>> {
        let (_, ids, values) = self.0.iter().find(|(other, ..)| other.id() == var.id())?;
        Some(match ids {
            Some(ids) => Gradient::Rows { ids, values },
            None => Gradient::Dense(values),
        })
    }
}

/// Vectors of lengths that four divides or not, one and several chunks long, and tables with gradients of no row, of some
/// and of all.
fn problem() -> (NamedVars, Given) {
    let tables = [
        (900, 37, vec![0, 3, 4, 441, 442, 899]),
        (64, 12, vec![1, 63]),
        (5, 8, vec![]),
        (3, 4, vec![0, 1, 2]),
    ];
    let of = |shape: &[usize], seed| {
        noise(shape.iter().product(), seed, DType::F32).unwrap().reshape(shape).unwrap()
    };
    let (mut vars, mut given) = (Vec::new(), Vec::new());
    let mut push = |shape: &[usize], ids: Option<Vec<u32>>, seed| {
        let var = Var::from_tensor(&of(shape, seed)).unwrap();
        let mut shape = shape.to_vec();
        shape[0] = ids.as_ref().map_or(shape[0], Vec::len);
        given.push((var.clone(), ids, of(&shape, seed + 50)));
        vars.push((format!("v{seed}"), var));
    };
    [1, 7, 1000, 16_384, 16_385].iter().zip(0..).for_each(|(&len, seed)| push(&[len], None, seed));
    tables.into_iter().zip(10..).for_each(|((rows, width, ids), seed)| push(&[rows, width], Some(ids), seed));
    (vars, Given(given))
}

/// A tensor like each variable.
fn states(vars: &NamedVars, times: usize, seed: u64) -> Vec<Tensor> {
    let state = |(_, var): &(String, Var)| {
        let len = var.elem_count();
        noise(times * len, seed, DType::F32).unwrap().abs().unwrap().reshape((times, len)).unwrap()
    };
    vars.iter().map(state).collect()
}

fn traits(var: &Var) -> Traits {
    Traits { decays: var.rank() > 1, adapts: var.elem_count() > 100 }
}

fn judged(group: &Group, judge: impl Fn(Judged) -> Result<Verdict>) -> Verdict {
    let guarded = Guarded::new(&Guard::new(), &Vec::new());
    judge(Judged { group, guarded: &guarded, step: 1 }).unwrap()
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance * expected.abs().max(1.), "{found} is not {expected}");
    }
}

/// The results of kernels and loops for the same problem, the optimizer's state given `times` over.
fn compare(times: usize, kernels: impl Fn(&Group), loops: impl Fn(&[Checked], &[Tensor])) {
    let ((vars, grads), (twins, twin_grads)) = (problem(), problem());
    let (state, twin_state) = (states(&vars, times, 90), states(&twins, times, 90));
    emulate(|| kernels(&Group::new(&fit(&vars, &grads).unwrap(), &state, traits).unwrap()));
    loops(&collect(&twins, &twin_grads).unwrap(), &twin_state);
    for (((name, var), (_, twin)), (_, start)) in vars.iter().zip(&twins).zip(&problem().0) {
        let far = distance(var, twin).unwrap();
        assert!(far <= 2e-7, "{name}: {far}");
        assert!(distance(var, start).unwrap() > 1e-6, "{name} has not moved");
    }
    for ((name, _), (state, twin)) in vars.iter().zip(state.iter().zip(&twin_state)) {
        let far = distance(state, twin).unwrap();
        assert!(far <= 2e-7, "state of {name}: {far}");
    }
}

#[test]
fn products_are_those_of_the_loops() {
    let (vars, grads) = problem();
    let velocity = states(&vars, 1, 90);
    let checked = collect(&vars, &grads).unwrap();
    let mut expected = Vec::new();
    for (checked, v) in checked.iter().zip(&velocity) {
        let (x, v) = (checked.var, v.reshape(checked.var.shape()).unwrap());
        let g = dots(&v, checked.gradient()).unwrap();
        let x_products = dots(x, checked.gradient()).unwrap();
        let xv = dots(x, Gradient::Dense(&v)).unwrap().xg;
        expected.push([x_products.xx, x_products.xg, x_products.gg, xv, g.xg, g.xx]);
    }
    let total = (0..6).map(|k| expected.iter().map(|sums| sums[k]).sum::<f64>()).collect::<Vec<_>>();
    emulate(|| {
        let group = Group::new(&fit(&vars, &grads).unwrap(), &velocity, traits).unwrap();
        let three = judged(&group, |judged| judged.descent(LR, 1. - DECAY, Threshold::Constant(2.), false));
        let six = judged(&group, |judged| judged.heavy_ball(LR, 1. - DECAY, 0.9, Threshold::None));
        let threes = expected.iter().flat_map(|sums| &sums[..3]).copied().collect::<Vec<_>>();
        assert_close(&download(&three.sums).unwrap(), &threes, 1e-13);
        assert_close(&download(&six.sums).unwrap(), expected.as_flattened(), 1e-13);
        let [three, six] = [three, six].map(|verdict| download(&verdict.report).unwrap()[6..].to_vec());
        assert_close(&three, &[&[2. / total[2].sqrt()], &total[..3]].concat(), 1e-13);
        assert_close(&six, &[&[1.], &total[..]].concat(), 1e-13);
    });
}

#[test]
fn squared_norms_of_all_are_those_of_each() {
    let (vars, _) = problem();
    let each: Vec<_> = vars.iter().map(|(_, var)| crate::clip::squared_norm(var).unwrap()).collect();
    let norms = || crate::clip::squared_norms(&vars).unwrap();
    assert_close(&emulate(|| norms().wait().unwrap()), &each, 1e-13);
    assert_eq!(norms().finish(&[]).unwrap(), each);
}

#[test]
fn descent_is_that_of_the_loops() {
    let clip = std::cell::Cell::new(1.);
    compare(
        1, // which it does not read
        |group| {
            let verdict =
                judged(group, |judged| judged.descent(LR, 1. - DECAY, Threshold::Constant(2.), true));
            scaled_add_all(group, &verdict, DECAY, LR).unwrap();
            clip.set(download(&verdict.report).unwrap()[6]);
        },
        |gradients, _| {
            for checked in gradients {
                scaled_add(checked.var, checked.gradient(), DECAY, LR * clip.get()).unwrap();
            }
        },
    );
}

#[test]
fn momentum_is_that_of_the_loops() {
    compare(
        1,
        |group| {
            let verdict = judged(group, |judged| judged.heavy_ball(LR, 1. - DECAY, 0.9, Threshold::None));
            heavy_ball_all(group, &verdict, 0.9, DECAY, LR).unwrap();
        },
        |gradients, velocity| {
            for (checked, v) in gradients.iter().zip(velocity) {
                let start = Var::from_tensor(&v.reshape(checked.var.shape()).unwrap()).unwrap();
                scaled_add(&start, checked.gradient(), 0.1, -1.).unwrap();
                v.slice_set(&start.reshape(v.shape()).unwrap(), 0, 0).unwrap();
                scaled_add(checked.var, Gradient::Dense(&start), DECAY, LR).unwrap();
            }
        },
    );
}

#[test]
fn moments_and_their_direction_are_those_of_the_loops() {
    for trust_clip in [false, true] {
        let all = Adam { l2: 0.02, eps_root: 1e-3, decay: 0.1, ..Adam::new((0.9, 0.99), true, 1e-2, 7, 1.) };
        let step = AdamStep { adam: all, shrink: DECAY, lr: 0.01, trust_clip };
        compare(
            2,
            |group| {
                let verdict = judged(group, |judged| judged.squares(Threshold::None));
                step.enqueue(group, &verdict).unwrap();
            },
            |gradients, moments| {
                for (checked, moments) in gradients.iter().zip(moments) {
                    let Traits { decays, adapts } = traits(checked.var);
                    let (adam, shrink) = match decays {
                        true => (all, DECAY),
                        false => (Adam { l2: 0., decay: 0., ..all }, 0.),
                    };
                    let uu = adam.accumulate(checked.var, moments, &checked.whole().unwrap()).unwrap();
                    let ratio = if adapts { (1. - shrink) * (checked.dots.xx / uu).sqrt() } else { 1. };
                    let ratio = if trust_clip { ratio.min(1.) } else { ratio };
                    adam.descend(checked.var, moments, shrink, step.lr * ratio).unwrap();
                }
            },
        );
    }
}

#[test]
fn gradients_that_share_memory_with_others_are_read_where_they_begin() {
    let wide = noise(1001, 5, DType::F32).unwrap();
    let var = |seed| Var::from_tensor(&noise(1000, seed, DType::F32).unwrap()).unwrap();
    let (x, twin) = (var(6), var(6));
    let at_odd_place = wide.narrow(0, 1, 1000).unwrap();
    let grads = Given(vec![(x.clone(), None, at_odd_place.clone())]);
    let vars = vec![("x".to_string(), x.clone())];
    emulate(|| {
        let group = Group::new(&fit(&vars, &grads).unwrap(), &[], traits).unwrap();
        let verdict = judged(&group, |judged| judged.descent(LR, 1. - DECAY, Threshold::None, true));
        scaled_add_all(&group, &verdict, DECAY, LR).unwrap();
    });
    scaled_add(&twin, Gradient::Dense(&at_odd_place), DECAY, LR).unwrap();
    assert!(distance(&x, &twin).unwrap() <= 2e-7);
}

#[test]
fn a_decay_far_below_the_precision_of_f32_factors_is_applied_in_full() {
    let x = Var::from_tensor(&noise(50_000, 1, DType::F32).unwrap()).unwrap();
    let grads = Given(vec![(x.clone(), None, x.zeros_like().unwrap())]);
    let vars = vec![("x".to_string(), x.clone())];
    let squared_norm = || dots(&x, Gradient::Dense(&x.zeros_like().unwrap())).unwrap().xx;
    let before = squared_norm();
    emulate(|| {
        let group = Group::new(&fit(&vars, &grads).unwrap(), &[], traits).unwrap();
        let verdict = judged(&group, |judged| judged.descent(LR, 1. - 2e-7, Threshold::None, true));
        (0..100).for_each(|_| scaled_add_all(&group, &verdict, 2e-7, LR).unwrap());
    });
    let shrunk = 1. - (squared_norm() / before).sqrt();
    assert!((shrunk / 2e-5 - 1.).abs() < 0.02, "shrunk by {shrunk}, expected 2e-5");
}
