//! SIBERT: the scale-invariant BERT of Li et al. (ICML 2022), and a plain BERT beside it, on candle.
//!
//! ```text
//! ids ─ Embed ─ NA ─ L ─┬─ N ─ ATTN ─(+)─┬─ N ─ FF ─(+)─ … ─ N ─ hidden states ─ masked-LM head
//!        1      1    2  └────────────┘   └───────────┘  2    0
//! ```
//! The numbers are degrees of homogeneity in the encoder's parameters θ: `f(sθ) = sᴰ f(θ)`. The hidden
//! states have degree zero, so the loss does not change with the scale of θ; then plain SGD with weight
//! decay finds its own step size (crate `sisgd`). [`homogeneous`] makes the compiler check the degrees.
//!
//! | block | degrees (in ; out) | where |
//! |---|---|---|
//! | Embed, NA, L | (– ; 1), (1 ; 1), (1 ; 2) | `embeddings.rs` |
//! | N | (x ; 0) | [`homogeneous::Homogeneous::normalize`] |
//! | ATTN, of either kind | (0 ; 2) | `attention.rs` |
//! | FF | (0 ; 2) | `feed_forward.rs` |
//! | Encoder | (2 ; 2), then N: (2 ; 0) | `encoder.rs` |
//!
//! [`PreTraining`] and [`FineTuning`] are the models, made of a [`ModelConfig`] and saved as a folder that transformers
//! reads; [`TextEncoder`] is one without a head. A [`Tape`] records their forward pass and gives [`Gradients`] to a training rule. [`ops`] and [`homogeneous`] are
//! for models of one's own. `examples/` has a training loop of forty lines.
//!
//! ```
//! use candle_core::{DType, Device, Tensor};
//! use sibert_model::{Batch, Mode, ModelConfig, ModelType, PreTraining};
//!
//! let config = ModelConfig { vocab_size: 50, ..ModelConfig::preset(ModelType::Sibert, "tiny")? };
//! let model = PreTraining::new(&config, 1, DType::F32, &Device::Cpu)?;
//! let batch = Batch {
//!     input_ids: Tensor::new(&[[2u32, 7, 4, 9, 3]], &Device::Cpu)?,
//!     token_type_ids: Tensor::zeros((1, 5), DType::U32, &Device::Cpu)?,
//!     attention_mask: Tensor::ones((1, 5), DType::F32, &Device::Cpu)?,
//!     positions: Tensor::new(&[2u32], &Device::Cpu)?,
//!     labels: Tensor::new(&[8u32], &Device::Cpu)?,
//!     next_sentence: None,
//! };
//! let before = model.encode(&batch, Mode::Eval)?;
//! model.scale_encoder(100.)?;
//! let moved = (model.encode(&batch, Mode::Eval)? - before)?.abs()?.max_all()?.to_scalar::<f32>()?;
//! assert!(moved < 1e-4);
//! # Ok::<(), candle_core::Error>(())
//! ```

mod affine;
mod attention;
mod backbone;
pub mod bert;
mod blocks;
mod checkpoint;
mod compute;
mod config;
mod embeddings;
mod encoder;
mod feed_forward;
mod finetuning;
mod heads;
pub mod homogeneous;
mod linear;
mod mode;
pub mod ops;
mod parameters;
mod pretraining;
pub mod python;
pub mod random;
mod recycler;
pub mod tape;
mod text_encoder;

pub use blocks::{Block, BlockKind};
pub use config::{AttentionKind, HiddenAct, ModelConfig, ModelType, PositionKind};
pub use finetuning::{FineTuning, HeadKind, Inputs, Origins, Targets};
pub use mode::{Mode, Selection};
pub use pretraining::{Batch, PreTraining, PretrainingOutput};
pub use recycler::Recycler;
pub use sibert_products::{Choice as Bf16Choice, Precision, Route as Bf16Route};
pub use tape::{Gradients, Tape, no_grad};
pub use text_encoder::{Pooling, TextEncoder};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
