//! A corpus of the built-in text, prepared in a temporary folder.

#![allow(clippy::unwrap_used)]

use tempfile::TempDir;

use super::masking::MaskingSettings;
use super::prepare::{Existing, Request, TokenizerChoice, prepare};
use super::sequences::Packing;
use super::shards::Shards;
use super::shards::{Learned, Preparation};
use super::source::{self, DocumentSplit};
use super::task::Task;
use super::{Corpus, DataSettings};

/// A task that is built in.
pub fn task(name: &str) -> Task {
    name.parse().unwrap()
}

/// 32 sequences of 32 tokens in a batch.
pub fn settings(seed: u64) -> DataSettings {
    DataSettings {
        seq_len: 32,
        batch_size: 32,
        seed,
        packing: Packing::FullSentences,
        masking: MaskingSettings::default(),
        weights: None,
    }
}

/// The corpus of these settings, of 3000 built-in sentences in several shards.
pub fn corpus(settings: &DataSettings) -> Corpus {
    let (_folder, shards) = shards(true);
    Corpus::open(&shards, settings).unwrap()
}

/// The shards of [`corpus`], with or without sentences, and their folder.
pub fn shards(sentences: bool) -> (TempDir, Shards) {
    let folder = tempfile::tempdir().unwrap();
    let request = Request {
        sources: vec![source::built_in(1, 3000)],
        validation: Vec::new(),
        weights: Vec::new(),
        tokenizer: TokenizerChoice::Learn(Learned { vocab_size: 2000, lowercase: true }),
        preparation: Preparation {
            documents: DocumentSplit::BlankLine,
            field: "text".into(),
            column: "text".into(),
            skip_bad: false,
            held_out: 0.1,
            sentences,
            shard_tokens: 8000,
        },
        out: folder.path().join("shards"),
        existing: Existing::Keep,
    };
    let shards = prepare(&request, &mut |_| Ok(())).unwrap().shards;
    assert!(shards.manifest().shards.len() > 1);
    (folder, shards)
}
