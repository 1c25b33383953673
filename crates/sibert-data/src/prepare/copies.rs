//! Documents to evaluate on that are also trained on, which flatter what is measured on them.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use crate::shards::{Shards, Side, Stream};

/// A line about the documents of validation sources that are token for token in the text to train on; none if none is.
pub fn note(shards: &Shards) -> Option<String> {
    let (copies, all) = count(shards);
    let documents = if all == 1 { "document" } else { "documents" };
    let are = if copies == 1 { "is" } else { "are" };
    (copies > 0).then(|| {
        format!("warning: {copies} of {all} {documents} to evaluate on {are} also in the text to train on, word for word")
    })
}

/// How many documents of the validation sources are also trained on, and how many there are.
fn count(shards: &Shards) -> (u64, u64) {
    let (manifest, state) = (shards.manifest(), ahash::RandomState::new());
    let mut documents: HashMap<u64, u64> = HashMap::new();
    for source in manifest.to_train_on().len()..manifest.sources.len() {
        let digests: Vec<u64> = digests(&shards.stream(Some(source), Side::HeldOut), &state).collect();
        digests.into_iter().for_each(|digest| *documents.entry(digest).or_default() += 1);
    }
    if documents.is_empty() {
        return (0, 0);
    }
    let train = shards.stream(None, Side::Train);
    let copied: HashSet<u64> =
        digests(&train, &state).filter(|digest| documents.contains_key(digest)).collect();
    (copied.iter().map(|digest| documents[digest]).sum(), documents.values().sum())
}

/// Hashes that tell the documents of a stream from one another.
fn digests(stream: &Stream, state: &ahash::RandomState) -> impl ParallelIterator<Item = u64> {
    (0..stream.documents()).into_par_iter().map_init(Vec::new, move |ids, document| {
        ids.clear();
        stream.read(stream.document(document), ids);
        state.hash_one(&ids)
    })
}
