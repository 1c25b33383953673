//! Encoded documents to shards, each recorded when it is on the disk.

use anyhow::Result;
use tokenizers::Tokenizer;

use super::encoding::{Encoded, EncodedDocument};
use super::folder::{Folder, Progress};
use super::status::{Event, Status, Watch};
use crate::shards::{Contents, ShardEntry, Side, shard_name};
use crate::tokenizer::SpecialTokens;

/// Fills shards with documents in order.
pub struct Writer<'a> {
    folder: &'a Folder,
    /// As of the last document added; recorded with each shard.
    progress: Progress,
    contents: Contents,
    special: SpecialTokens,
}

impl<'a> Writer<'a> {
    /// Goes on where `progress` stands.
    ///
    /// # Errors
    /// If the tokenizer lacks a special token.
    pub fn new(folder: &'a Folder, progress: Progress, tokenizer: &Tokenizer) -> Result<Self> {
        let contents = empty(&progress);
        Ok(Self { folder, progress, contents, special: SpecialTokens::of(tokenizer)? })
    }

    /// Adds documents, and writes the shards that they fill.
    ///
    /// # Errors
    /// If a shard cannot be written, or what `watch` fails with.
    pub fn add(&mut self, encoded: &Encoded, status: &mut Status, watch: Watch) -> Result<()> {
        for document in encoded.documents() {
            self.push(&document);
            status.add(document.ids.len());
            if self.is_full() {
                self.close()?;
                watch(Event::Advanced(status))?;
            }
        }
        if let Some(end) = &encoded.end {
            self.progress.empty += end.left_out.empty;
            self.progress.bad += end.left_out.bad;
            if let Some(line) = &end.note {
                watch(Event::Note(line.clone()))?;
            }
            status.files += 1;
            let source = self.progress.next.source;
            self.progress.next = self.progress.next.behind(end);
            if end.of_source && self.holds_documents() {
                self.close_of(source)?;
            }
        }
        watch(Event::Advanced(status))
    }

    /// The progress up to the last document.
    pub fn into_progress(self) -> Progress {
        self.progress
    }

    fn push(&mut self, document: &EncodedDocument) {
        let Progress { manifest, bound, extremes, empty, next, .. } = &mut self.progress;
        let side = if manifest.sources[next.source].validation {
            Side::HeldOut
        } else {
            extremes.add(document.hash);
            bound.side(document.hash)
        };
        *empty += u64::from(document.ids.is_empty());
        next.document += 1;
        let SpecialTokens { sep, unk, .. } = self.special;
        self.contents.side(side).push(document.ids, document.sentences, sep, unk);
    }

    /// Either side counts, so that memory is bounded whatever part is held out.
    fn is_full(&self) -> bool {
        let tokens = self.contents.train.counts().tokens.max(self.contents.held_out.counts().tokens);
        tokens >= self.progress.manifest.preparation.shard_tokens
    }

    fn holds_documents(&self) -> bool {
        self.contents.train.counts().documents + self.contents.held_out.counts().documents > 0
    }

    fn close(&mut self) -> Result<()> {
        self.close_of(self.progress.next.source)
    }

    /// Writes the shard of a source and records it.
    fn close_of(&mut self, source: usize) -> Result<()> {
        let contents = std::mem::replace(&mut self.contents, empty(&self.progress));
        let name = shard_name(self.progress.manifest.shards.len());
        let file = contents.write(&self.folder.path().join(&name))?;
        let (train, held_out) = (contents.train.counts(), contents.held_out.counts());
        self.progress.manifest.shards.push(ShardEntry { source, name, file, train, held_out });
        self.folder.record(&self.progress)
    }
}

fn empty(progress: &Progress) -> Contents {
    Contents::new(progress.manifest.vocab_size, progress.manifest.preparation.sentences)
}
