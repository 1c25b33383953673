//! Shards of given documents, in a temporary folder.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use sibert_files::durable;

use super::*;
use crate::source::DocumentSplit;
use crate::tokenizer::SpecialTokens;

/// The special tokens of documents that no tokenizer made.
pub const SPECIAL: SpecialTokens = SpecialTokens { pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 };

/// Documents as their ids.
pub type Documents = Vec<Vec<u32>>;
/// Documents as the ids of their sentences.
pub type Sentences = Vec<Vec<Vec<u32>>>;

/// The contents of a shard to write.
#[derive(Default)]
pub struct Shard {
    pub source: usize,
    pub train: Sentences,
    pub held_out: Sentences,
}

/// A folder in memory where the system has such a place: flushing to a disk takes longer than all else.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Writes one source, a shard for each list of documents to train on; every sentence has two ids.
pub fn write(folder: &Path, shards: &[Documents], vocab_size: usize) {
    let sentences = |ids: &Vec<u32>| ids.chunks(2).map(<[u32]>::to_vec).collect();
    let shard = |documents: &Documents| Shard {
        train: documents.iter().map(sentences).collect(),
        ..Shard::default()
    };
    let shards: Vec<Shard> = shards.iter().map(shard).collect();
    write_shards(folder, &shards, &[None], true, vocab_size, "{}", SPECIAL);
}

/// Writes shards of as many sources as there are weights.
pub fn write_shards(
    folder: &Path,
    shards: &[Shard],
    weights: &[Option<f64>],
    sentences: bool,
    vocab_size: usize,
    tokenizer: &str,
    special: SpecialTokens,
) {
    let tokenizer = durable::replace(&folder.join(TOKENIZER), tokenizer).unwrap();
    let preparation = Preparation {
        documents: DocumentSplit::PerLine,
        field: "text".into(),
        column: "text".into(),
        skip_bad: false,
        held_out: 0.5,
        sentences,
        shard_tokens: 1,
    };
    let source = |(i, &weight)| SourceEntry {
        name: format!("source {i}"),
        weight,
        validation: false,
        files: Vec::new(),
    };
    let sources = weights.iter().enumerate().map(source).collect();
    let mut manifest = Manifest::new(preparation, tokenizer, vocab_size, sources);
    for (number, shard) in shards.iter().enumerate() {
        let mut contents = Contents::new(vocab_size, sentences);
        for (side, documents) in [(Side::Train, &shard.train), (Side::HeldOut, &shard.held_out)] {
            documents.iter().for_each(|document| push(contents.side(side), document, special));
        }
        let name = shard_name(number);
        let file = contents.write(&folder.join(&name)).unwrap();
        let (train, held_out) = (contents.train.counts(), contents.held_out.counts());
        manifest.shards.push(ShardEntry { source: shard.source, name, file, train, held_out });
    }
    durable::replace(&folder.join(MANIFEST), &manifest.to_json().unwrap()).unwrap();
}

fn push(side: &mut write::SideBuffer, sentences: &[Vec<u32>], special: SpecialTokens) {
    let starts = sentences.iter().scan(0, |end, sentence| {
        let start = *end;
        *end += sentence.len() as u32;
        Some(start)
    });
    let starts: Vec<u32> = starts.collect();
    side.push(&sentences.concat(), &starts, special.sep, special.unk);
}

/// The training side of documents that were cut into shards.
pub fn stream(shards: &[Sentences], vocab_size: usize) -> Stream {
    let folder = folder();
    let shard = |train: &Sentences| Shard { train: train.clone(), ..Shard::default() };
    let shards: Vec<Shard> = shards.iter().map(shard).collect();
    write_shards(folder.path(), &shards, &[None], true, vocab_size, "{}", SPECIAL);
    Shards::open(folder.path()).unwrap().stream(None, Side::Train)
}
