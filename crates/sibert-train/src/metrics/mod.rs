//! How good predictions are: the figures of each kind of answer, and what several seeds give together.
//!
//! ```text
//! accuracy   share of pairs that are equal
//! F1         2 TP / (2 TP + FP + FN) of class 1; 0 if there is none
//! macro F1   mean of the F1 of the classes that are predicted or in the data; of labels, of all of them
//! micro F1   of all labels of all texts together
//! entity F1  of the named entities of all sentences, whose ends and type must be right
//! Matthews   (n c − Σₖ pₖ aₖ) / √((n² − Σₖ pₖ²)(n² − Σₖ aₖ²)): n rows, c right, of class k pₖ predicted and aₖ actual;
//!            0 if the root is
//! Pearson    Σ (x − x̄)(y − ȳ) / √(Σ (x − x̄)² Σ (y − ȳ)²)
//! Spearman   Pearson's of the ranks; equal values share the mean of theirs
//! ```
//!
//! The values are those of scikit-learn, scipy and seqeval. An undefined figure is NaN: of no rows, a correlation with a constant.

mod classes;
mod entities;
mod labels;
#[cfg(test)]
mod own_labels_tests;
mod per_class;
mod scores;
pub mod squad;
pub mod statistics;
#[cfg(test)]
mod tests;
mod words;

pub use classes::of_classes;
pub use entities::entity_counts;
pub use labels::{label_counts, of_labels};
pub use per_class::{Counts, class_counts, confusion, f1, precision, recall};
pub use scores::of_scores;
pub use words::{WordCounts, of_words};
