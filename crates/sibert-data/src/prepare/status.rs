//! The state of a preparation under way, for people to see.

use anyhow::Result;

use super::Request;
use super::inputs::Inputs;
use super::reader::Position;

/// Sees a preparation advance, and stops it by an error.
pub type Watch<'a> = &'a mut (dyn FnMut(Event) -> Result<()> + Send);

/// An event of a preparation.
#[derive(Debug)]
pub enum Event<'a> {
    /// It came further.
    Advanced(&'a Status),
    /// Something that people should know.
    Note(String),
}

/// How far a preparation is.
#[derive(Clone, Debug)]
pub struct Status {
    /// The stage that it is in.
    pub stage: Stage,
    /// Files read to their end.
    pub files: usize,
    /// All of them.
    pub all_files: usize,
    /// Documents read in this stage by this process.
    pub documents: u64,
    /// Their tokens.
    pub tokens: u64,
}

/// The parts of a preparation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Digests of the files.
    Hashing,
    /// The vocabulary.
    Learning,
    /// The shards.
    Encoding,
}

impl Status {
    /// Before anything is done.
    pub fn new(request: &Request) -> Self {
        let all_files =
            request.sources.iter().chain(&request.validation).map(|source| source.files.len()).sum();
        Self { stage: Stage::Hashing, files: 0, all_files, documents: 0, tokens: 0 }
    }

    /// A stage that begins at a document.
    pub fn begin(&mut self, stage: Stage, at: Position, inputs: &Inputs) {
        let files = inputs.before(at.source, at.file);
        *self = Self { stage, files, documents: 0, tokens: 0, all_files: self.all_files };
    }

    /// Counts a document.
    pub fn add(&mut self, tokens: usize) {
        self.documents += 1;
        self.tokens += tokens as u64;
    }
}
