//! A model with a task's head, the sets it is judged on, and its figures: what `finetune`, `evaluate` and `predict` share.
//!
//! ```text
//! Pretrained ─ Tuned::open ─▶ model, labels, lengths
//! DataSource ─ DevSet::read ─▶ sequences ─ logits ─▶ Logits ─ DevSet::judge ─▶ Outcome, Figures
//! ```

mod batches;
mod dev_set;
mod encode;
mod figures;
mod lengths;
mod model;
mod outputs;

pub use batches::{inputs, order};
pub use dev_set::DevSet;
pub use encode::{Encoded, Sequence, WordPlace, WordWindow, encode, encode_words, warn_of_unknown};
pub use figures::{Figures, figure_names, main_value};
pub use lengths::Lengths;
pub use model::Tuned;
pub use outputs::logits;
