//! The data's way: text → documents → token ids → shards → sequences → masked batches.
//!
//! Every choice on the way is a pure function of the text, the seed and the step: a resumed run needs the number of
//! its step and nothing else, and cutting a batch into micro-batches changes neither its rows nor its masks. Where the
//! rows of a step stand is found in constant time, however much text there is.
//!
//! ```text
//! source, task ─▶ documents ─▶ tokenizer ─▶ prepare, shards ─▶ sequences ─▶ masking ─▶ batches
//! ```
//! Beside the way of a corpus stand the sets that an encoder is fine-tuned on: [`examples`], [`tagged`] words, [`squad`] and their
//! [`task`]s, read from a [`dataset`]; [`own`] makes a task of any [`table`]. The crate prints nothing: what people should know goes to [`Notes`].

pub mod batches;
pub mod builtin;
pub mod contained;
mod corpus;
pub mod cut;
pub mod dataset;
mod document_split;
mod encode;
pub mod examples;
#[cfg(test)]
mod fixture;
pub mod guess;
pub mod loader;
pub mod masking;
mod mixture;
mod order;
pub mod own;
mod parquet_file;
pub mod prepare;
pub mod random;
mod sentences;
mod sequences;
pub mod shards;
mod sides;
pub mod source;
pub mod squad;
pub mod statistics;
pub mod table;
pub mod tagged;
pub mod task;
pub mod tokenizer;
pub mod word_counts;
pub mod wordpiece;
mod words;

pub use corpus::{Corpus, DataSettings};
pub use sequences::Packing;

/// A function of the caller that gets sentences for people.
pub type Notes<'a> = &'a (dyn Fn(String) + Sync);

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
