//! Degree-tagged tensors: an encoder that is not scale invariant does not compile.
//!
//! A value `f(θ)` is homogeneous of degree D if `f(s·θ) = sᴰ f(θ)` for every `s > 0` (Li et al. 2022,
//! Section 3). A parameter has degree one, products add degrees, sums need equal degrees, a normaliser
//! returns to zero, and only degree zero may leave. This file is the trusted core: each method states
//! a fact about one operation and is tested for it; the layers only compose them.

use std::marker::PhantomData;

use candle_core::{Result, Tensor, TensorId};

use crate::mode::{Mode, Selection};
use crate::ops::{self, Weights};

/// Degree zero: unchanged by the scale of the parameters.
#[derive(Debug)]
pub enum Zero {}
/// Degree one: a parameter, or linear in the parameters.
#[derive(Debug)]
pub enum One {}
/// Degree two: the residual stream.
#[derive(Debug)]
pub enum Two {}

/// Degrees add under multiplication; past two there is no sum.
#[diagnostic::on_unimplemented(message = "degree {Self} times degree {E} passes Two: normalize first")]
pub trait Plus<E> {
    /// The degree of the product.
    type Sum;
}
impl<E> Plus<E> for Zero {
    type Sum = E;
}
impl Plus<Zero> for One {
    type Sum = One;
}
impl Plus<One> for One {
    type Sum = Two;
}
impl Plus<Zero> for Two {
    type Sum = Two;
}

/// A tensor that is homogeneous of degree `D` in the encoder's parameters.
#[derive(Debug)]
pub struct Homogeneous<D>(Tensor, PhantomData<D>);

fn tag<D>(tensor: Tensor) -> Homogeneous<D> {
    Homogeneous(tensor, PhantomData)
}

impl Homogeneous<One> {
    /// Takes a trainable parameter in; the only way in.
    pub fn parameter(tensor: Tensor) -> Self {
        tag(tensor)
    }

    /// The same parameter, for a second use of it.
    pub(crate) fn share(&self) -> Self {
        tag(self.0.clone())
    }

    /// The parameter's name within this process, its variable's own.
    pub(crate) fn id(&self) -> TensorId {
        self.0.id()
    }

    /// The rows `ids` of a table: (n, d) and (…) to (…, d).
    pub fn rows(&self, ids: &Tensor) -> Result<Self> {
        ops::rows(&self.0, ids).map(tag)
    }

    /// The sums of the rows of three tables, words, segments and positions: (batch, seq) to (batch, seq, d).
    pub fn embed([words, types, positions]: [&Self; 3], ids: &Tensor, type_ids: &Tensor) -> Result<Self> {
        ops::embed([&words.0, &types.0, &positions.0], ids, type_ids).map(tag)
    }

    /// The sums of the rows of two tables, words and segments: (batch, seq) to (batch, seq, d).
    pub fn embed_without_positions(
        [words, types]: [&Self; 2],
        ids: &Tensor,
        type_ids: &Tensor,
    ) -> Result<Self> {
        ops::embed_without_positions([&words.0, &types.0], ids, type_ids).map(tag)
    }
}

impl Homogeneous<Zero> {
    /// Takes an invariant value out; the only way out.
    pub fn into_inner(self) -> Tensor {
        self.0
    }

    /// `max(x Wᵀ + b, 0)` of (…, in), (out, in) and (out): blocks L, B and ReLU, (0 ; 1).
    pub fn linear_bias_relu(
        &self,
        weight: &Homogeneous<One>,
        bias: &Homogeneous<One>,
    ) -> Result<Homogeneous<One>> {
        ops::linear_bias_relu(&self.0, &weight.0, &bias.0).map(tag)
    }

    /// `max(x W₁ᵀ + b, 0) W₂ᵀ` of (…, in), (wide, in), (wide) and (out, wide): blocks L, B, ReLU and L, (0 ; 2).
    pub fn feed_forward(
        &self,
        weight: &Homogeneous<One>,
        bias: &Homogeneous<One>,
        output: &Homogeneous<One>,
    ) -> Result<Homogeneous<Two>> {
        ops::feed_forward(&self.0, &weight.0, &bias.0, &output.0).map(tag)
    }

    /// Multi-head attention with the weights `softmax(c · q kᵀ)`, c = `scale`, of (batch, seq, hidden) each.
    ///
    /// Softmax has no degree in scores of any but degree zero, so queries and keys must have it. `keep` (batch, seq) is 0
    /// for masked keys. Dropout acts on the weights.
    pub fn softmax_attention<E>(
        [query, key]: [&Self; 2],
        value: &Homogeneous<E>,
        keep: &Tensor,
        heads: usize,
        scale: f64,
        p: f32,
        mode: Mode,
    ) -> Result<Homogeneous<E>> {
        let weights = Weights::Softmax { scale };
        mode.attention([&query.0, &key.0, &value.0], keep, heads, weights, p).map(tag)
    }
}

impl<D> Homogeneous<D> {
    /// `x Wᵀ` of (…, in) and (out, in): block L, (x ; x+1).
    pub fn linear(&self, weight: &Homogeneous<One>) -> Result<Homogeneous<D::Sum>>
    where
        D: Plus<One>,
    {
        ops::linear(&self.0, &weight.0).map(tag)
    }

    /// Multi-head attention with the weights `relu(q kᵀ)` over their row sum, of (batch, seq, hidden) each.
    ///
    /// Queries and keys of any degree give weights of degree zero, so the result has that of the values. `keep` (batch,
    /// seq) is 0 for masked keys; a row without a positive score gives zeros. Dropout acts on the weights.
    pub fn attention<E>(
        &self,
        key: &Self,
        value: &Homogeneous<E>,
        keep: &Tensor,
        heads: usize,
        p: f32,
        mode: Mode,
    ) -> Result<Homogeneous<E>> {
        mode.attention([&self.0, &key.0, &value.0], keep, heads, Weights::Relu, p).map(tag)
    }

    /// `x / ‖x‖` of each of the `heads` equal parts of the last dimension, without eps: (x ; 0).
    pub fn unit_heads(&self, heads: usize) -> Result<Homogeneous<Zero>> {
        ops::unit_heads(&self.0, heads).map(tag)
    }

    /// The same of (batch, seq, heads · dim), turned by the angles of the positions: (x ; 0).
    pub fn unit_heads_rotary(&self, heads: usize, base: f64) -> Result<Homogeneous<Zero>> {
        ops::unit_heads_rotary(&self.0, heads, base).map(tag)
    }

    /// The sum of two values of equal degree and shape.
    pub fn add(&self, rhs: &Self) -> Result<Self> {
        self.add_dropout(rhs, 0., None, Mode::Eval)
    }

    /// `x + dropout(y)`: the end of a residual branch, on all rows or on those that were selected before.
    pub fn add_dropout(&self, rhs: &Self, p: f32, rows: Option<&Selection>, mode: Mode) -> Result<Self> {
        mode.add_dropout(&self.0, &rhs.0, p, rows).map(tag)
    }

    /// The selected rows (n, hidden) of (batch, seq, hidden); the whole value where nothing is selected.
    pub fn select(&self, rows: Option<&Selection>) -> Result<Self> {
        Selection::of(rows, &self.0).map(tag)
    }

    /// Inverted dropout; its mask does not depend on any parameter.
    pub fn dropout(&self, p: f32, mode: Mode) -> Result<Self> {
        mode.dropout(&self.0, p).map(tag)
    }

    /// Every head of (batch, seq, hidden) turned by the angles of its position: linear, of degree one in x.
    pub fn rotary(&self, heads: usize, base: f64) -> Result<Self> {
        ops::rotary(&self.0, heads, base).map(tag)
    }

    /// Layer normalisation of (…, d) without affine part and without eps: block N, (x ; 0).
    pub fn normalize(&self) -> Result<Homogeneous<Zero>> {
        ops::normalize(&self.0).map(tag)
    }

    /// `N(x) ∘ gain + bias`, both of shape (d): block NA, (x ; 1).
    pub fn normalize_affine(
        &self,
        gain: &Homogeneous<One>,
        bias: &Homogeneous<One>,
    ) -> Result<Homogeneous<One>> {
        ops::normalize_affine(&self.0, &gain.0, &bias.0).map(tag)
    }

    /// The value for inspection (probes, golden tests), cut from the graph so that no loss can use it.
    pub fn probe(&self) -> Tensor {
        self.0.detach()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};

    /// Relative deviation allowed in f64: rounding alone.
    const TOLERANCE: f64 = 1e-12;

    fn noise(shape: &[usize], key: u64) -> Tensor {
        let count = shape.iter().product();
        Tensor::from_vec(crate::random::truncated_normal(key, 1., count), shape, &Device::Cpu).unwrap()
    }

    /// Checks `f(s·θ) = sᴰ f(θ)` for a function of parameters of the given shapes.
    fn assert_degree(degree: i32, shapes: &[&[usize]], f: impl Fn(&[Homogeneous<One>]) -> Result<Tensor>) {
        let at = |scale: f64| {
            let parameters: Vec<_> = (0u64..)
                .zip(shapes)
                .map(|(key, shape)| Homogeneous::parameter(noise(shape, key).affine(scale, 0.).unwrap()))
                .collect();
            f(&parameters).unwrap()
        };
        let unit = at(1.);
        for scale in [1e-2, 0.3, 7., 1e2] {
            let expected = unit.affine(f64::powi(scale, degree), 0.).unwrap();
            let norm = |t: &Tensor| t.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap().sqrt();
            let error = norm(&(at(scale) - &expected).unwrap()) / norm(&expected);
            assert!(error < TOLERANCE, "degree {degree}, scale {scale}: relative error {error:e}");
        }
    }

    #[test]
    fn linear_maps_add_degrees() {
        assert_degree(2, &[&[2, 3, 4], &[5, 4]], |p| Ok(p[0].linear(&p[1])?.probe()));
    }

    #[test]
    fn sums_and_dropout_keep_the_degree() {
        assert_degree(1, &[&[3, 8], &[3, 8]], |p| {
            let sum = p[0].add(&p[1])?;
            let dropped = sum.dropout(0.3, Mode::train(5))?;
            Ok(dropped.add_dropout(&sum, 0.3, None, Mode::train(6))?.probe())
        });
    }

    #[test]
    fn tables_keep_the_degree() {
        let ids = Tensor::new(&[[1u32, 0], [2, 1]], &Device::Cpu).unwrap();
        assert_degree(1, &[&[3, 4], &[2, 4]], |p| {
            let types = ids.zeros_like()?;
            let embedded = Homogeneous::embed([&p[0], &p[1], &p[1]], &ids, &types)?;
            let without = Homogeneous::embed_without_positions([&p[0], &p[1]], &ids, &types)?;
            Ok(p[0].rows(&ids)?.add(&embedded)?.add(&without)?.probe())
        });
    }

    #[test]
    fn rotations_keep_the_degree() {
        assert_degree(1, &[&[2, 3, 8]], |p| Ok(p[0].rotary(2, 1e4)?.probe()));
        assert_degree(2, &[&[2, 3, 4], &[8, 4]], |p| Ok(p[0].linear(&p[1])?.rotary(2, 1e4)?.probe()));
    }

    #[test]
    fn normalisers_return_to_degree_zero() {
        assert_degree(0, &[&[3, 8]], |p| Ok(p[0].normalize()?.into_inner()));
    }

    #[test]
    fn attention_has_the_degree_of_its_values() {
        let keep = Tensor::ones((2, 4), DType::F64, &Device::Cpu).unwrap();
        let shape: &[usize] = &[2, 4, 6];
        assert_degree(1, &[shape, shape, shape], |p| {
            Ok(p[0].attention(&p[1], &p[2], &keep, 2, 0.3, Mode::train(5))?.probe())
        });
        assert_degree(0, &[shape, shape, shape], |p| {
            Ok(p[0].attention(&p[1], &p[2].normalize()?, &keep, 2, 0., Mode::Eval)?.into_inner())
        });
    }

    #[test]
    fn softmax_attention_of_unit_heads_has_the_degree_of_its_values() {
        let keep = Tensor::ones((2, 4), DType::F64, &Device::Cpu).unwrap();
        let shape: &[usize] = &[2, 4, 6];
        assert_degree(0, &[shape], |p| Ok(p[0].unit_heads(2)?.into_inner()));
        assert_degree(0, &[&[2, 4, 8]], |p| Ok(p[0].unit_heads_rotary(2, 1e4)?.into_inner()));
        assert_degree(1, &[shape, shape, shape], |p| {
            let (query, key, mode) = (p[0].unit_heads(2)?, p[1].unit_heads(2)?, Mode::train(5));
            Ok(Homogeneous::softmax_attention([&query, &key], &p[2], &keep, 2, 6., 0.3, mode)?.probe())
        });
        assert_degree(0, &[shape, shape], |p| {
            let (query, key, value) = (p[0].unit_heads(2)?, p[1].unit_heads(2)?, p[1].normalize()?);
            let mixed = Homogeneous::softmax_attention([&query, &key], &value, &keep, 2, 6., 0., Mode::Eval)?;
            Ok(mixed.into_inner())
        });
    }

    #[test]
    fn an_affine_norm_has_the_degree_of_its_gain_and_bias() {
        assert_degree(1, &[&[3, 8], &[8], &[8]], |p| Ok(p[0].normalize_affine(&p[1], &p[2])?.probe()));
    }

    #[test]
    fn a_linear_map_of_an_invariant_value_with_bias_and_relu_has_degree_one() {
        assert_degree(1, &[&[3, 8], &[5, 8], &[5]], |p| {
            Ok(p[0].normalize()?.linear_bias_relu(&p[1], &p[2])?.probe())
        });
    }
}
