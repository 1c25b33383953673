//! A first pass over the documents, which learns the vocabulary from those to train on.

use anyhow::{Context, Result};
use tokenizers::Tokenizer;

use super::job::Job;
use super::reader::{Position, Read, Reader};
use super::status::{Event, Stage, Status, Watch};
use crate::shards::{Learned, Side};
use crate::sides::{Bound, Extremes, hash};
use crate::source::Document;
use crate::tokenizer;
use crate::word_counts::WordCounts;

/// Documents between two looks at the status.
const WATCHED: u64 = 1024;

/// Learns a tokenizer from the training side of `bound`, which is moved and returned if a side would be empty.
///
/// # Errors
/// If the documents cannot be read, there are no two different ones, or the vocabulary is too small for them.
pub fn learn(how: Learned, mut bound: Bound, job: &mut Job) -> Result<(Tokenizer, Bound)> {
    loop {
        let start = Position::default();
        job.status.begin(Stage::Learning, start, job.inputs);
        let reader = Reader::new(job.inputs, &job.request.preparation, start).without_validation();
        let mut pass = Pass { reader, bound, extremes: Extremes::default() };
        let documents = std::iter::from_fn(|| pass.next(&mut job.status, job.watch).transpose());
        let counts = WordCounts::of(documents)?;
        let settled = job.request.settle(pass.extremes, bound)?;
        if settled == bound {
            let words = counts.normalized(how.lowercase)?;
            let learned = tokenizer::learn(&words, how.vocab_size, how.lowercase);
            return Ok((learned.context("learning the tokenizer")?, bound));
        }
        bound = settled;
    }
}

/// All documents once.
struct Pass<'a> {
    reader: Reader<'a>,
    bound: Bound,
    extremes: Extremes,
}

impl Pass<'_> {
    /// The next document to train on.
    fn next(&mut self, status: &mut Status, watch: Watch) -> Result<Option<Document>> {
        while let Some(read) = self.reader.read()? {
            match read {
                Read::Document(document) => {
                    let hash = hash(&document.text);
                    self.extremes.add(hash);
                    status.add(0);
                    if status.documents.is_multiple_of(WATCHED) {
                        watch(Event::Advanced(status))?;
                    }
                    if self.bound.side(hash) == Side::Train {
                        return Ok(Some(document));
                    }
                }
                Read::End(_) => {
                    status.files += 1;
                    watch(Event::Advanced(status))?;
                }
            }
        }
        Ok(None)
    }
}
