//! How good predictions are: the figures of GLUE, and what several seeds give together.
//!
//! ```text
//! accuracy   share of pairs that are equal
//! F1         2 TP / (2 TP + FP + FN) of class 1; 0 if there is none
//! Matthews   (n c − Σₖ pₖ aₖ) / √((n² − Σₖ pₖ²)(n² − Σₖ aₖ²)): n rows, c right, of class k pₖ predicted and aₖ actual;
//!            0 if the root is
//! Pearson    Σ (x − x̄)(y − ȳ) / √(Σ (x − x̄)² Σ (y − ȳ)²)
//! Spearman   Pearson's of the ranks; equal values share the mean of theirs
//! ```
//!
//! The values are those of scikit-learn and scipy. An undefined figure is NaN: of no rows, a correlation with a constant.

mod classes;
mod scores;
pub mod squad;
pub mod statistics;
#[cfg(test)]
mod tests;

pub use classes::of_classes;
pub use scores::of_scores;
