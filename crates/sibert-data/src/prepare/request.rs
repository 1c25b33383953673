//! The request for a preparation.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use tokenizers::Tokenizer;

use crate::shards::{Learned, Manifest, Preparation};
use crate::sides::{Bound, Extremes};
use crate::source::Source;

/// A request: sources, settings and the folder of the shards.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where the documents come from.
    pub sources: Vec<Source>,
    /// Where documents to evaluate on come from, beside those that are held out; all of theirs are.
    pub validation: Vec<Source>,
    /// Each source's share of the tokens to train on; empty to take them as they come.
    pub weights: Vec<f64>,
    /// The tokenizer that makes the ids.
    pub tokenizer: TokenizerChoice,
    /// How sources become shards.
    pub preparation: Preparation,
    /// The folder of the shards.
    pub out: PathBuf,
    /// The fate of shards that are there already.
    pub existing: Existing,
}

/// The fate of shards that a folder holds already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Take those of this request; refuse to touch others.
    Keep,
    /// Take those of this request; make others anew.
    Renew,
    /// Make them anew.
    Discard,
}

/// The tokenizer that makes the ids.
#[derive(Clone, Debug)]
pub enum TokenizerChoice {
    /// A tokenizer that exists.
    Given(Box<Tokenizer>),
    /// One that is learned from the documents to train on.
    Learn(Learned),
}

impl TokenizerChoice {
    /// How it is to be learned.
    pub fn learned(&self) -> Option<Learned> {
        match self {
            Self::Given(_) => None,
            Self::Learn(how) => Some(*how),
        }
    }
}

impl Request {
    /// Checks what needs no reading.
    pub(super) fn validate(&self) -> Result<()> {
        let (weights, sources) = (self.weights.len(), self.sources.len());
        ensure!(sources > 0, "no source given: name a file, a folder or a data set");
        ensure!(
            weights == 0 || weights == sources,
            "{weights} weights for {sources} sources: give one for each, in the same order"
        );
        for weight in &self.weights {
            ensure!(
                weight.is_finite() && *weight > 0.,
                "weight {weight} is not a positive number: any number above 0 is allowed, such as 1 or 0.5"
            );
        }
        ensure!(self.preparation.shard_tokens > 0, "shard_tokens 0 is too small; the smallest is 1");
        Bound::new(self.preparation.held_out).map(drop)
    }

    /// `bound`, moved as far as it takes for both sides of the sources to have a document.
    pub(super) fn settle(&self, extremes: Extremes, bound: Bound) -> Result<Bound> {
        let names = || self.sources.iter().map(|source| &*source.name).collect::<Vec<_>>().join(", ");
        extremes.settle(bound).with_context(names)
    }

    /// Writes the weights into a manifest of this request's sources; says what changed, if anything did.
    pub(super) fn weigh(&self, manifest: &mut Manifest) -> Option<String> {
        let before = weights(manifest);
        for (number, source) in manifest.sources.iter_mut().enumerate() {
            source.weight = self.weights.get(number).copied();
        }
        let after = weights(manifest);
        (before != after).then(|| format!("weights {before} -> {after}"))
    }
}

/// The weights of a manifest's sources, as people write them.
fn weights(manifest: &Manifest) -> String {
    let weights: Vec<String> =
        manifest.sources.iter().filter_map(|source| source.weight).map(|weight| weight.to_string()).collect();
    if weights.is_empty() { "none".to_owned() } else { weights.join(", ") }
}
