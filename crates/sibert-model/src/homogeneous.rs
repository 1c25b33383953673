//! Degree-tagged tensors: an encoder that is not scale invariant does not compile.
//!
//! A value `f(θ)` is homogeneous of degree D if `f(s·θ) = sᴰ f(θ)` for every `s > 0` (Li et al. 2022,
//! Section 3). A parameter has degree one, products add degrees, sums need equal degrees, a normaliser
//! returns to zero, and only degree zero may leave. This file is the trusted core: each method states
//! a fact about one operation and is tested for it; the layers only compose them.

use std::marker::PhantomData;

use candle_core::{Result, Tensor};

use crate::mode::Mode;
use crate::ops;

/// Degree zero: unchanged by the scale of the parameters.
pub enum Zero {}
/// Degree one: a parameter, or linear in the parameters.
pub enum One {}
/// Degree two: the residual stream.
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
pub struct Homogeneous<D>(Tensor, PhantomData<D>);

fn tag<D>(tensor: Tensor) -> Homogeneous<D> {
    Homogeneous(tensor, PhantomData)
}

impl Homogeneous<One> {
    /// Takes a trainable parameter in; the only way in.
    pub fn parameter(tensor: Tensor) -> Self {
        tag(tensor)
    }

    /// The rows `ids` of a table: (n, d) and (…) to (…, d).
    pub fn rows(&self, ids: &Tensor) -> Result<Self> {
        ops::rows(&self.0, ids).map(tag)
    }

    /// The first `count` rows of a table: (n, d) to (count, d).
    pub fn first_rows(&self, count: usize) -> Result<Self> {
        self.0.narrow(0, 0, count).map(tag)
    }

    /// Adds a bias of shape (d) to (…, d): block B, (1 ; 1).
    pub fn add_bias(&self, bias: &Homogeneous<One>) -> Result<Self> {
        ops::add_bias(&self.0, &bias.0).map(tag)
    }
}

impl Homogeneous<Zero> {
    /// Takes an invariant value out; the only way out.
    pub fn into_inner(self) -> Tensor {
        self.0
    }

    /// Multiplies (…, d) by a gain of shape (d).
    pub fn gain<E>(&self, gain: &Homogeneous<E>) -> Result<Homogeneous<E>> {
        self.0.broadcast_mul(&gain.0).map(tag)
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

    /// The products of (batch, heads, m, k) and (batch, heads, k, n).
    pub fn matmul<E>(&self, rhs: &Homogeneous<E>) -> Result<Homogeneous<D::Sum>>
    where
        D: Plus<E>,
    {
        ops::batch_matmul(&self.0, &rhs.0).map(tag)
    }

    /// The sum of two values of equal degree, of equal or broadcastable shapes.
    pub fn add(&self, rhs: &Self) -> Result<Self> {
        self.0.broadcast_add(&rhs.0).map(tag)
    }

    /// Multiplies by a constant that does not depend on any parameter.
    pub fn scale(&self, constant: f64) -> Result<Self> {
        self.0.affine(constant, 0.).map(tag)
    }

    /// `max(x, 0)`: of degree one in x.
    pub fn relu(&self) -> Result<Self> {
        ops::relu(&self.0).map(tag)
    }

    /// Inverted dropout; its mask does not depend on any parameter.
    pub fn dropout(&self, p: f32, mode: Mode) -> Result<Self> {
        mode.dropout(&self.0, p).map(tag)
    }

    /// Layer normalisation of (…, d) without affine part and without eps: block N, (x ; 0).
    pub fn normalize(&self) -> Result<Homogeneous<Zero>> {
        ops::normalize(&self.0).map(tag)
    }

    /// `N(relu(x))`: each row of (batch, heads, q, k) over its sum, `keep` (batch, k) being 0 for masked keys.
    ///
    /// A row without a positive score is zero. Masking multiplies, it never adds `-∞`.
    pub fn relu_normalize(&self, keep: &Tensor) -> Result<Homogeneous<Zero>> {
        ops::relu_normalize(&self.0, keep).map(tag)
    }

    /// (batch, seq, heads · dim) to (batch, heads, seq, dim).
    pub fn split_heads(&self, heads: usize) -> Result<Self> {
        let (batch, seq, hidden) = self.0.dims3()?;
        self.0.reshape((batch, seq, heads, hidden / heads))?.transpose(1, 2).map(tag)
    }

    /// (batch, heads, seq, dim) to (batch, seq, heads · dim).
    pub fn merge_heads(&self) -> Result<Self> {
        self.0.transpose(1, 2)?.flatten_from(2).map(tag)
    }

    /// Exchanges the last two dimensions.
    pub fn t(&self) -> Result<Self> {
        self.0.t().map(tag)
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
    fn products_of_heads_add_degrees() {
        assert_degree(2, &[&[1, 2, 3, 4], &[1, 2, 4, 3]], |p| Ok(p[0].matmul(&p[1])?.probe()));
    }

    #[test]
    fn sums_bias_relu_scale_and_dropout_keep_the_degree() {
        assert_degree(1, &[&[3, 8], &[3, 8], &[8]], |p| {
            let sum = p[0].add(&p[1])?.add_bias(&p[2])?.relu()?.scale(0.5)?;
            Ok(sum.dropout(0.3, Mode::train(5))?.probe())
        });
    }

    #[test]
    fn tables_and_shapes_keep_the_degree() {
        let ids = Tensor::new(&[[1u32, 0], [2, 1]], &Device::Cpu).unwrap();
        assert_degree(1, &[&[3, 4], &[2, 4]], |p| {
            let x = p[0].rows(&ids)?.add(&p[1].first_rows(2)?)?;
            Ok(x.split_heads(2)?.t()?.t()?.merge_heads()?.probe())
        });
    }

    #[test]
    fn normalisers_return_to_degree_zero() {
        assert_degree(0, &[&[3, 8]], |p| Ok(p[0].normalize()?.into_inner()));
        let keep = Tensor::ones((2, 4), DType::F64, &Device::Cpu).unwrap();
        assert_degree(0, &[&[2, 1, 4, 3]], |p| {
            Ok(p[0].matmul(&p[0].t()?)?.relu_normalize(&keep)?.into_inner())
        });
    }

    #[test]
    fn a_gain_gives_its_degree_to_an_invariant_value() {
        assert_degree(1, &[&[3, 8], &[8]], |p| Ok(p[0].normalize()?.gain(&p[1])?.probe()));
    }
}
