//! Prepared corpora: token ids in files that are mapped into memory, never held as a whole.
//!
//! ```text
//! SHARDS/manifest.json               settings, sources, and the size and digest of every file
//! SHARDS/tokenizer.json              what made the ids
//! SHARDS/shard-00000.safetensors     train.ids  train.documents  held_out.ids  held_out.documents
//! ```
//!
//! `ids` are the documents of one source in order, each followed by `[SEP]`: `U16`, or `U32` where the vocabulary is
//! larger. `documents` (`U64`) is the index of each document's first id, and at last the number of ids; `sentences`,
//! where they were asked for, the index of each sentence's first id. A shard holds whole documents.

mod fault;
mod manifest;
mod mapped;
mod open;
mod stream;
mod write;

pub use manifest::{
    Counts, InputEntry, Learned, MANIFEST, Manifest, PROGRESS, Preparation, SHARD_TOKENS, ShardEntry,
    SourceEntry, TOKENIZER,
};
pub use open::Shards;
pub use stream::Stream;
pub use write::{Contents, shard_name};

/// The purpose of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// To train on.
    Train,
    /// To evaluate on; never trained on.
    HeldOut,
}

impl Side {
    /// The prefix of its tensors.
    fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::HeldOut => "held_out",
        }
    }
}

/// Bytes of an id: 2 where the vocabulary allows it.
fn id_bytes(vocab_size: usize) -> usize {
    if vocab_size <= 1 << 16 { 2 } else { 4 }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
