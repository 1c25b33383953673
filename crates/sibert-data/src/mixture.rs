//! The training sequences of several sources, as one endless row of numbers.
//!
//! Without weights all sources are one: each sequence comes exactly once an epoch. With weights the numbers are cut
//! into blocks of 65,536, of which every source owns its share to the number:
//!
//! ```text
//! slot        ← permutation of (seed, block) at n mod 65536
//! source      ← the one that owns the slot
//! own number  ← block · (its slots) + (rank of the slot among its slots)
//! sequence    ← the source's own order at its own number
//! ```
//!
//! So a source is read epoch by epoch of its own, each sequence exactly once in it, however often the others repeat;
//! where number `n` leads is found in constant time.

use anyhow::{Context, Result, ensure};

use super::order::{Order, Permutation};
use super::random::{Purpose, Stream};
use super::sequences::{Layout, Sequences};
use super::shards::{Shards, Side};

/// Numbers in which the shares are exact.
const BLOCK: u64 = 1 << 16;

/// Where each number leads.
#[derive(Debug)]
pub struct Mixture {
    sources: Vec<Source>,
    /// The first slot of each source and at last the number of slots; absent where sources are not weighted.
    slots: Option<Vec<u64>>,
    seed: u64,
}

/// Sequences that share an order.
#[derive(Debug)]
struct Source {
    sequences: Sequences,
    order: Order,
}

impl Source {
    fn new(shards: &Shards, source: Option<usize>, layout: Layout) -> Result<Self> {
        let sequences = Sequences::new(shards.stream(source, Side::Train), layout)?;
        let order = Order::new(sequences.len(), layout.seed, source.unwrap_or(0) as u64);
        Ok(Self { sequences, order })
    }
}

impl Mixture {
    /// The training side of some shards, their sources mixed by `weights`, or else by those of the manifest.
    ///
    /// A weight is a source's share of the sequences relative to the others'; one of 0 leaves the source out. The
    /// smallest share is a sequence in 65,536.
    ///
    /// # Errors
    /// If there is not one weight for each source, all are 0, or a source with a weight has no document.
    pub fn new(shards: &Shards, layout: Layout, weights: Option<&[f64]>) -> Result<Self> {
        let sources = shards.manifest().to_train_on();
        let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        let own: Vec<Option<f64>> = sources.iter().map(|source| source.weight).collect();
        let weights = match weights {
            Some(weights) => Some(weights.to_vec()),
            None => given(&own, &names)?,
        };
        let seed = layout.seed;
        let Some(weights) = weights else {
            let all = Source::new(shards, None, layout).context("documents to train on")?;
            return Ok(Self { sources: vec![all], slots: None, seed });
        };
        validate(&weights, &names)?;
        let used: Vec<usize> = (0..weights.len()).filter(|&source| weights[source] > 0.).collect();
        let open = |&source: &usize| {
            let of_source = || format!("source {}, of weight {}", names[source], weights[source]);
            Source::new(shards, Some(source), layout).with_context(of_source)
        };
        let sources = used.iter().map(open).collect::<Result<_>>()?;
        let used: Vec<f64> = used.into_iter().map(|source| weights[source]).collect();
        Ok(Self { sources, slots: Some(cumulative(&shares(&used))), seed })
    }

    /// The sequences that number `n` belongs to, and its sequence among them.
    pub fn at(&self, n: u64) -> (&Sequences, u64) {
        let (source, own) = self.slots.as_ref().map_or((0, n), |slots| place(slots, self.seed, n));
        let Source { sequences, order } = &self.sources[source];
        (sequences, order.at(own))
    }

    /// Sequences of all sources together.
    pub fn len(&self) -> u64 {
        self.sources.iter().map(|source| source.sequences.len()).sum()
    }

    /// Passes that the first `numbers` numbers make over each source with a weight, or over all as one.
    pub fn epochs(&self, numbers: f64) -> Vec<f64> {
        let share = |source: usize| {
            self.slots.as_ref().map_or(1., |slots| (slots[source + 1] - slots[source]) as f64 / BLOCK as f64)
        };
        let epochs = |(i, source): (usize, &Source)| numbers * share(i) / source.sequences.len() as f64;
        self.sources.iter().enumerate().map(epochs).collect()
    }
}

/// The weights of all sources, or of none.
fn given(weights: &[Option<f64>], names: &[&str]) -> Result<Option<Vec<f64>>> {
    let without = weights.iter().position(Option::is_none);
    if let Some(without) = without {
        let name = names[without];
        ensure!(
            weights.iter().all(Option::is_none),
            "source {name} has no weight, but others have: give it one, or none to any"
        );
    }
    let weights: Option<Vec<f64>> = weights.iter().copied().collect();
    Ok(weights.filter(|weights| !weights.is_empty()))
}

fn validate(weights: &[f64], names: &[&str]) -> Result<()> {
    ensure!(
        weights.len() == names.len(),
        "{} weights for {} sources, expected one for each",
        weights.len(),
        names.len()
    );
    for (weight, name) in weights.iter().zip(names) {
        ensure!(
            *weight >= 0. && weight.is_finite(),
            "the weight of source {name} is {weight}, expected 0 or more"
        );
    }
    let used = weights.iter().filter(|weight| **weight > 0.).count() as u64;
    ensure!(used > 0, "all weights are 0, expected one above 0");
    ensure!(used <= BLOCK, "{used} sources have a weight, expected at most {BLOCK}");
    Ok(())
}

/// How many of the slots each weight stands for: by largest remainder, at least one each.
fn shares(weights: &[f64]) -> Vec<u64> {
    let largest = weights.iter().copied().fold(0., f64::max); // their sum might not be finite
    let sum: f64 = weights.iter().map(|weight| weight / largest).sum();
    let quotas: Vec<f64> = weights.iter().map(|weight| weight / largest / sum * BLOCK as f64).collect();
    let mut slots: Vec<u64> = quotas.iter().map(|quota| (quota.floor() as u64).max(1)).collect();
    let owed = |slots: &[u64], i: usize| quotas[i] - slots[i] as f64;
    while slots.iter().sum::<u64>() != BLOCK {
        let all = 0..slots.len();
        if slots.iter().sum::<u64>() < BLOCK {
            let most = all.max_by(|&i, &j| owed(&slots, i).total_cmp(&owed(&slots, j)).then(j.cmp(&i)));
            most.into_iter().for_each(|i| slots[i] += 1);
        } else {
            let richest = all.max_by_key(|&i| (slots[i], std::cmp::Reverse(i)));
            richest.into_iter().for_each(|i| slots[i] -= 1);
        }
    }
    slots
}

/// `[0, c₀, c₀ + c₁, …]`.
fn cumulative(counts: &[u64]) -> Vec<u64> {
    let mut first = vec![0];
    counts.iter().for_each(|count| first.push(first[first.len() - 1] + count));
    first
}

/// The source of number `n`, and its own number there.
fn place(slots: &[u64], seed: u64, n: u64) -> (usize, u64) {
    let block = n / BLOCK;
    let slot = Permutation::new(BLOCK, Stream::new(seed, Purpose::Mixture, block, 0)).at(n % BLOCK);
    let source = slots.partition_point(|&first| first <= slot) - 1;
    (source, block * (slots[source + 1] - slots[source]) + slot - slots[source])
}

#[cfg(test)]
#[path = "mixture_tests.rs"]
mod tests;
