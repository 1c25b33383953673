//! From the first document to the manifest.

use anyhow::{Result, bail};
use tokenizers::Tokenizer;

use super::encoding::Encoding;
use super::folder::{Folder, Progress};
use super::inputs::Inputs;
use super::reader::Reader;
use super::status::{Event, Stage, Status, Watch};
use super::writer::Writer;
use super::{Prepared, Request, TokenizerChoice, chunk, copies, learn, pipeline, recipe};
use crate::shards::{Manifest, Shards, Side};
use crate::sides::Bound;
use crate::tokenizer;

/// A preparation in its folder.
pub struct Job<'a> {
    /// The request.
    pub request: &'a Request,
    /// Where.
    pub folder: &'a Folder,
    /// From which files.
    pub inputs: &'a Inputs,
    /// How far it is.
    pub status: Status,
    /// Who sees it.
    pub watch: Watch<'a>,
}

impl Job<'_> {
    /// Empties the folder, finds the tokenizer and records that nothing is done yet.
    ///
    /// # Errors
    /// If the tokenizer cannot be learned, or the folder not written.
    pub fn begin(&mut self) -> Result<Progress> {
        let Self { request, folder, inputs, .. } = *self;
        folder.clear()?;
        let bound = Bound::new(request.preparation.held_out)?;
        let learned;
        let (tokenizer, bound) = match &request.tokenizer {
            TokenizerChoice::Given(tokenizer) => (&**tokenizer, bound),
            TokenizerChoice::Learn(how) => {
                learned = learn::learn(*how, bound, self)?;
                (&learned.0, learned.1)
            }
        };
        let text = recipe::tokenizer_text(tokenizer)?;
        let (entry, sources) = (recipe::entry(&text), inputs.entries(request));
        let vocab_size = tokenizer::vocab_size(tokenizer);
        let mut manifest = Manifest::new(request.preparation.clone(), entry, vocab_size, sources);
        manifest.learned = request.tokenizer.learned();
        request.weigh(&mut manifest);
        let progress = Progress::new(manifest, bound);
        // In this order: the record tells that the tokenizer beside it is ours.
        folder.record(&progress)?;
        folder.write_tokenizer(&text)?;
        Ok(progress)
    }

    /// Encodes the documents that are left, finishes the folder and opens it.
    ///
    /// # Errors
    /// If they cannot be read, encoded or written, hold no token or are not two.
    pub fn complete(&mut self, progress: Progress) -> Result<Prepared> {
        let tokenizer = self.folder.tokenizer()?;
        let before = tokens(&progress.manifest);
        let mut progress = self.encode(progress, &tokenizer)?;
        let bound = self.request.settle(progress.extremes, progress.bound)?;
        if bound != progress.bound {
            progress.manifest.shards.clear();
            progress = Progress::new(progress.manifest, bound);
            self.folder.record(&progress)?;
            self.folder.remove_leftovers(&progress.manifest)?;
            progress = self.encode(progress, &tokenizer)?;
        }
        let manifest = &progress.manifest;
        ensure_tokens(manifest)?;
        self.folder.write_manifest(manifest)?;
        self.folder.remove_progress()?;
        for line in remarks(&progress) {
            (self.watch)(Event::Note(line))?;
        }
        let shards = Shards::open(self.folder.path())?;
        if let Some(line) = copies::note(&shards) {
            (self.watch)(Event::Note(line))?;
        }
        Ok(Prepared { shards, written: tokens(manifest).saturating_sub(before) })
    }

    /// Encodes and writes the documents from the place recorded to the last.
    fn encode(&mut self, progress: Progress, tokenizer: &Tokenizer) -> Result<Progress> {
        let Self { folder, inputs, status, watch, .. } = self;
        status.begin(Stage::Encoding, progress.next, inputs);
        let preparation = &progress.manifest.preparation;
        let encoding = Encoding::new(tokenizer, preparation.sentences)?;
        let mut reader = Reader::new(inputs, preparation, progress.next);
        let mut writer = Writer::new(folder, progress, tokenizer)?;
        pipeline::in_order(
            || chunk::next(&mut reader),
            |chunk| encoding.encode(chunk),
            |encoded| writer.add(&encoded, status, watch),
        )?;
        Ok(writer.into_progress())
    }
}

/// Notes for people on a corpus that is finished.
fn remarks(progress: &Progress) -> Vec<String> {
    let mut remarks = Vec::new();
    if progress.empty > 0 {
        let plural = if progress.empty == 1 { "" } else { "s" };
        remarks.push(format!("{} empty document{plural} left out", progress.empty));
    }
    if progress.bad > 0 {
        let plural = if progress.bad == 1 { "" } else { "s" };
        remarks.push(format!("{} bad line{plural} left out, of all that was read", progress.bad));
    }
    let Manifest { learned, vocab_size, .. } = &progress.manifest;
    if learned.is_some_and(|how| *vocab_size < how.vocab_size) {
        remarks.push(format!("vocabulary {vocab_size}: the text has no more pieces that occur twice"));
    }
    remarks
}

/// Tokens of both sides.
fn tokens(manifest: &Manifest) -> u64 {
    manifest.counts(None, Side::Train).tokens + manifest.counts(None, Side::HeldOut).tokens
}

fn ensure_tokens(manifest: &Manifest) -> Result<()> {
    let needed = manifest.has_held_out();
    let whose = match [Side::Train, Side::HeldOut].map(|side| manifest.counts(None, side).tokens) {
        [0, 0] => "",
        [0, _] => "training ",
        [_, 0] if needed => "held-out ",
        _ => return Ok(()),
    };
    bail!("the {whose}documents hold no token: they are empty, or the tokenizer drops all of their text")
}
