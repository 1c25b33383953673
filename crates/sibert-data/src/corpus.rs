//! A prepared corpus as batches to train and to evaluate on.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use tokenizers::Tokenizer;

use crate::batches::{HeldOutBatches, TrainBatches};
use crate::masking::{Masking, MaskingSettings};
use crate::mixture::Mixture;
use crate::sequences::{Layout, Packing, Sequences};
use crate::shards::{Counts, Shards, Side, Stream};
use crate::tokenizer::{self, SpecialTokens};

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
    /// The tokens to predict.
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
    pub text: Stream,
    /// Documents and tokens to train on.
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
