//! The data's way: text → documents → token ids → shards → sequences → masked batches.
//!
//! Every choice on the way is a pure function of the text, the seed and the step: a resumed run needs the number of
//! its step and nothing else, and cutting a batch into micro-batches changes neither its rows nor its masks. Where the
//! rows of a step stand is found in constant time, however much text there is.

pub mod batches;
pub mod builtin;
pub mod contained;
pub mod dataset;
pub mod encode;
#[cfg(test)]
pub mod fixture;
pub mod glue;
pub mod guess;
pub mod loader;
pub mod masking;
pub mod mixture;
pub mod order;
pub mod parquet_file;
pub mod prepare;
pub mod random;
pub mod sentences;
pub mod sequences;
pub mod shards;
pub mod source;
pub mod split;
pub mod squad;
pub mod tokenizer;
pub mod word_counts;
pub mod wordpiece;
pub mod words;

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use tokenizers::Tokenizer;

use batches::{HeldOutBatches, TrainBatches};
use masking::{Masking, MaskingSettings};
use mixture::Mixture;
use sequences::{Layout, Packing, Sequences};
use shards::{Counts, Shards, Side};
use tokenizer::SpecialTokens;

/// How prepared documents become batches.
#[derive(Clone, Debug)]
pub struct DataSettings {
    /// Tokens in a sequence, `[CLS]` and `[SEP]` included.
    pub seq_len: usize,
    /// Sequences in a step's batch.
    pub batch_size: usize,
    /// Decides order, pairs and masks.
    pub seed: u64,
    /// How documents become sequences.
    pub packing: Packing,
    /// What is to be predicted.
    pub masking: MaskingSettings,
    /// The share of each source, in the order of the manifest, instead of the shares that stand there.
    pub weights: Option<Vec<f64>>,
}

/// A prepared corpus, ready for pretraining.
#[derive(Debug)]
pub struct Corpus {
    /// The tokenizer of the shards.
    pub tokenizer: Tokenizer,
    /// Its tokens that are no words.
    pub special: SpecialTokens,
    /// Batches to train on.
    pub train: Arc<TrainBatches>,
    /// Batches to evaluate on; there may be none.
    pub held_out: HeldOutBatches,
    /// All ids to train on, one source after the other.
    pub text: shards::Stream,
    /// What there is to train on.
    pub counts: Counts,
    /// Digest of the digests of all files, in hexadecimal: what is trained on, wherever it came from.
    pub sha256: String,
}

impl Corpus {
    /// Cuts the documents of shards into batches.
    ///
    /// # Errors
    /// If a setting is out of range, the shards do not have what it asks for, or a side holds no token.
    pub fn open(shards: &Shards, settings: &DataSettings) -> Result<Self> {
        let &DataSettings { seq_len, batch_size, seed, packing, .. } = settings;
        ensure!(batch_size > 0, "batch_size 0 is too small; the smallest is 1");
        let tokenizer = tokenizer::load(&shards.tokenizer())?;
        let special = SpecialTokens::of(&tokenizer)?;
        let layout = Layout { packing, seq_len, special, seed };
        let masking = Masking::new(&settings.masking, &tokenizer)?;
        let mixture = Mixture::new(shards, layout, settings.weights.as_deref())?;
        let held_out = shards.stream(None, Side::HeldOut);
        let held_out = (!held_out.is_empty()).then(|| Sequences::new(held_out, layout));
        let held_out = held_out.transpose().context("held-out documents")?;
        let manifest = shards.manifest();
        Ok(Self {
            tokenizer,
            special,
            train: Arc::new(TrainBatches::new(mixture, masking.clone(), layout, batch_size)),
            held_out: HeldOutBatches::new(held_out, masking, seed),
            text: shards.stream(None, Side::Train),
            counts: manifest.counts(None, Side::Train),
            sha256: manifest.sha256(),
        })
    }
}
