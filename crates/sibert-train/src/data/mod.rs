//! The data's way: text → documents → token ids → packed sequences → masked batches.
//!
//! Every choice on the way is a pure function of the text, the seed and the step: a resumed run needs the number of
//! its step and nothing else, and cutting a batch into micro-batches changes neither its rows nor its masks.

pub mod batches;
pub mod builtin;
pub mod guess;
pub mod masking;
pub mod order;
pub mod pack;
pub mod random;
pub mod source;
pub mod split;
pub mod tokenizer;
pub mod wordpiece;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use tokenizers::Tokenizer;

use batches::{HeldOutBatches, TrainBatches};
use masking::Masking;
use source::Document;
use split::Split;
use tokenizer::SpecialTokens;

/// How documents become batches.
#[derive(Clone, Debug)]
pub struct DataSettings {
    /// Entries of a tokenizer learned from the text; unused when one is given.
    pub vocab_size: usize,
    /// Tokens in a sequence, `[CLS]` and `[SEP]` included.
    pub seq_len: usize,
    /// Sequences in a step's batch.
    pub batch_size: usize,
    /// The fraction of the documents that is held out; 0.02 by default.
    pub held_out: f64,
    /// The fraction of the ordinary tokens that is predicted; 0.15 by default.
    pub mask_probability: f64,
    /// Decides order and masks; the held-out split does not depend on it.
    pub seed: u64,
}

/// A corpus ready for pretraining.
#[derive(Debug)]
pub struct Corpus {
    /// The tokenizer given, or learned from the training documents.
    pub tokenizer: Tokenizer,
    /// Batches to train on.
    pub train: TrainBatches,
    /// Batches to evaluate on.
    pub held_out: HeldOutBatches,
}

impl Corpus {
    /// Splits, encodes and packs `documents`, with `tokenizer` or one learned from the training part.
    ///
    /// # Errors
    /// If a setting is out of range, or the documents are too few to hold some out.
    pub fn prepare(
        documents: Vec<Document>,
        tokenizer: Option<Tokenizer>,
        settings: &DataSettings,
    ) -> Result<Self> {
        ensure!(settings.batch_size > 0, "batch_size 0 is too small; the smallest is 1");
        let split = Split::new(documents, settings.held_out)?;
        let tokenizer = match tokenizer {
            Some(tokenizer) => tokenizer,
            None => tokenizer::train(&split.train, settings.vocab_size).context("learning the tokenizer")?,
        };
        let special = SpecialTokens::of(&tokenizer)?;
        let masking = Masking::new(settings.mask_probability, tokenizer::vocab_size(&tokenizer), special)?;
        let train = pack::pack(&split.train, &tokenizer, settings.seq_len).context("training documents")?;
        let held_out =
            pack::pack(&split.held_out, &tokenizer, settings.seq_len).context("held-out documents")?;
        let train = TrainBatches::new(train, masking.clone(), settings.seed, settings.batch_size);
        let held_out = HeldOutBatches::new(held_out, masking, settings.seed);
        Ok(Self { tokenizer, train, held_out })
    }

    /// Digest of everything that is trained on and evaluated on, in hexadecimal.
    pub fn sha256(&self) -> String {
        let mut hasher = Sha256::new();
        self.train.sequences().digest(&mut hasher);
        self.held_out.sequences().digest(&mut hasher);
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
