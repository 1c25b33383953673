//! Training rules for scale-invariant networks: SGD with relative global clipping, and its baselines.
//!
//! A loss with `L(c·x) = L(x)` for every `c > 0` needs no adaptive optimizer. Plain SGD with decoupled weight decay
//! trains it, and its behaviour can be written down: the norm `‖x‖` settles after `O(1/(ηλ))` steps whatever it
//! started from, and from then on only the product `ηλ` matters (Li et al., ICML 2022, arXiv 2202.00980).
//!
//! # The algorithm
//!
//! [`SiSgd`] is the paper's Algorithm 1, over all scale-invariant parameters together as one vector `x`:
//!
//! ```text
//! input: initial x(0), loss L, learning rate η, weight decay λ, clipping constant C ≥ 1
//! for t = 0, 1, 2, …
//!     N(t)   ← min( √(2Cλ/η)·‖x(t)‖ , ‖∇L(x(t))‖ )
//!     x(t+1) ← (1 − ηλ)·x(t) − η·N(t)·∇L(x(t)) / ‖∇L(x(t))‖
//! ```
//!
//! `√(2λ/η)·‖x‖` is the gradient norm at which decay and gradient keep `‖x‖` in balance; a gradient more than `√C`
//! times that long is a spike, and is cut. `√C` ([`SiSgdConfig::clip`]) is 2 by default. There is no momentum and no
//! state beside the parameters.
//!
//! # The parts
//!
//! | part | what |
//! |---|---|
//! | [`SiSgd`] | Algorithm 1 |
//! | [`Sgd`] | the same step with a constant threshold: the baseline |
//! | [`Lamb`] | for the head, with the switches in which published versions differ |
//! | [`AdamW`] | the baseline of BERT |
//! | [`Spectral`] | stateless descent by an angle, and Muon |
//! | [`Optimizer`] | what they share: steps in two parts, and their state |
//! | [`Deferred`], [`Guard`] | reports that are still on a GPU, and the flag that stops its steps |
//! | [`GradientSource`] | where gradients come from, those of a table by its rows if only a few occurred |
//! | [`clip`] | norms, thresholds and clip factors |
//! | [`equilibrium`] | where norm and angle settle |
//! | [`Schedule`], [`intrinsic_lr`] | learning rates as pure functions of the step |
//! | [`Report`] | the report of a step |
//!
//! Every optimizer takes its variables as [`NamedVars`], in an order that the caller fixes, checks every gradient
//! before it changes anything, and updates in place. On the CPU all sums are taken in f64 over chunks of a fixed size,
//! so a run is the same bit for bit with any number of threads, and the loops are compiled for AVX-512, AVX2 and less: a
//! step takes about the time in which memory delivers its operands (`cargo bench -p sisgd`).
//!
//! On a GPU every sum and update of a group is one launch of a kernel of our own, but for the products of matrices in
//! spectral descent, and nothing in a step waits for the
//! device: the clip factor stays there, a [`Guard`] stops what a bad gradient would spoil, and the report is
//! [`Deferred`]. Per parameter a step moves
//!
//! | | bytes |
//! |---|---|
//! | SGD | 20: products 8, update 12 |
//! | SGD with momentum | 32: products 12, update 20 |
//! | AdamW, and LAMB without trust ratio | 36: products 8, update 28 |
//! | LAMB | 48: products 8, moments 24, update 16 |
//! | spectral, vectors | 20: products 8, update 12 |
//! | spectral, tables | 28: products 8, rows 8, update 12 |
//! | spectral, matrices | 48: products 8, factor 20, its products 8, update 12; beside 20 products of (n, n), n the short side |
//! | momentum of spectral | 24 more |
//!
//! Spectral descent takes five launches for all vectors and tables together, one more for each table, and 28 for each matrix.
//!
//! # Example
//!
//! The angle between `x` and a target does not depend on `‖x‖`. SGD finds the direction from any norm, and brings every
//! run to the same norm:
//!
//! ```
//! use candle_core::{Device, Result, Tensor, Var};
//! use sisgd::{SiSgdConfig, SiSgd};
//!
//! # fn main() -> Result<()> {
//! let target = Tensor::new(&[0.6, 0.8], &Device::Cpu)?;
//! let loss = |x: &Tensor| -> Result<Tensor> {
//!     let direction = x.broadcast_div(&x.sqr()?.sum_all()?.sqrt()?)?;
//!     1. - (direction * &target)?.sum_all()?
//! };
//!
//! for scale in [0.01, 1., 100.] {
//!     let x = Var::new(&[scale, -0.5 * scale], &Device::Cpu)?;
//!     let config = SiSgdConfig { weight_decay: 0.1, clip: Some(2.) };
//!     let mut sgd = SiSgd::new(vec![("x".into(), x.clone())], config)?;
//!     for _ in 0..1000 {
//!         sgd.step(&loss(&x)?.backward()?, 0.1)?;
//!     }
//!     assert!(loss(&x)?.to_scalar::<f64>()? < 0.02);
//!     let norm = x.sqr()?.sum_all()?.sqrt()?.to_scalar::<f64>()?;
//!     assert!((0.2..0.3).contains(&norm));
//! }
//! # Ok(())
//! # }
//! ```

mod adamw;
mod adaptive;
pub mod clip;
mod descent;
pub mod equilibrium;
mod gradients;
mod guard;
mod lamb;
mod ops;
mod optimizer;
mod plain_sgd;
mod refusal;
mod report;
mod require;
mod schedule;
mod sgd;
pub mod spectral;
mod state;
mod vars;

pub use adamw::{AdamW, AdamWConfig};
pub use cukernel::{Deferred, Gradient, GradientSource};
pub use gradients::check_gradients;
pub use guard::Guard;
pub use lamb::{Adapt, Decay, Lamb, LambConfig};
pub use ops::group::KERNELS;
pub use optimizer::{CheckedStep, Optimizer};
pub use plain_sgd::{PlainSgdConfig, Sgd};
pub use report::{Report, RotationReport, StepReport, UpdateReport};
pub use schedule::{Schedule, intrinsic_lr};
pub use sgd::{SiSgd, SiSgdConfig};
pub use sibert_products::Precision;
pub use spectral::{Block, Factor, Length, Polar, Spectral, SpectralConfig};
pub use vars::NamedVars;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
