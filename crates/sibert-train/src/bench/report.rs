//! The report of a bench.

use std::fmt;

use serde::Serialize;
use sibert_model::{Bf16Route, PreTraining, Precision};

use crate::args::{Arch, BenchArgs};
use crate::config::RunConfig;
use crate::device::DeviceName;

const MIB: u64 = 1 << 20;

/// Sizes and times of a bench; the keys of its JSON line.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    arch: &'static str,
    /// Whether the steps were forward passes of the encoder alone.
    inference: bool,
    precision: Precision,
    bf16: bool,
    /// The way of products in bfloat16 on the processor, and why; none in f32 and on a GPU.
    products: Option<String>,
    device: String,
    threads: usize,
    batch: usize,
    micro_batch: usize,
    seq: usize,
    hidden: usize,
    layers: usize,
    heads: usize,
    vocab: usize,
    steps: usize,
    /// By the mean of the steps.
    tokens_per_second: u64,
    /// The mean of the steps, then their median, then the fastest.
    ms_per_step: f64,
    ms_median: f64,
    ms_min: f64,
    /// The most that tensors took of a GPU's memory, else the largest resident memory of the process; null where unknown.
    peak_mib: Option<u64>,
    /// Of encoder and head.
    parameters: usize,
}

impl Report {
    /// The report of steps that took `seconds`, one entry each, of which there is at least one.
    pub fn new(
        args: &BenchArgs,
        config: &RunConfig,
        model: &PreTraining,
        seconds: &[f64],
        peak_bytes: Option<u64>,
    ) -> Self {
        let mean = seconds.iter().sum::<f64>() / seconds.len() as f64;
        let tokens = (config.batch_size * config.seq_len) as f64;
        let mut sorted = seconds.to_vec();
        sorted.sort_by(f64::total_cmp);
        Self {
            arch: name(args.arch),
            inference: args.inference,
            precision: args.precision,
            bf16: args.precision == Precision::Bf16,
            products: products(config),
            device: config.device.to_string(),
            threads: rayon::current_num_threads(),
            batch: config.batch_size,
            micro_batch: config.micro_batch_size(),
            seq: config.seq_len,
            hidden: config.model.hidden_size,
            layers: config.model.num_hidden_layers,
            heads: config.model.num_attention_heads,
            vocab: config.vocab_size,
            steps: args.steps,
            tokens_per_second: (tokens / mean).round() as u64,
            ms_per_step: thousandths(mean * 1e3),
            ms_median: thousandths(median(&sorted) * 1e3),
            ms_min: thousandths(sorted[0] * 1e3),
            peak_mib: peak_bytes.map(|bytes| bytes / MIB),
            parameters: model.parameters().iter().map(|(_, var)| var.elem_count()).sum(),
        }
    }
}

fn products(config: &RunConfig) -> Option<String> {
    let rounds = config.precision != Precision::F32 && config.device == DeviceName::Cpu;
    rounds.then(Bf16Route::choice).and_then(Result::ok).map(|choice| choice.to_string())
}

fn name(arch: Arch) -> &'static str {
    match arch {
        Arch::Sibert => "sibert",
        Arch::Bert => "bert",
    }
}

fn thousandths(x: f64) -> f64 {
    (x * 1e3).round() / 1e3
}

/// The middle of ascending numbers, or the mean of the two in the middle.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2. }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { arch, layers, hidden, heads, vocab, batch, seq, micro_batch, steps, .. } = self;
        let what = if self.inference { "forward passes of the encoder" } else { "training steps" };
        let peak = self.peak_mib.map_or("unknown".to_string(), |mib| format!("{mib} MiB"));
        let rows = [
            ("model", format!("{arch}, {layers} layers of {hidden}, {heads} heads each, vocabulary {vocab}")),
            ("parameters", self.parameters.to_string()),
            ("timed", format!("{steps} {what}, {}, {}", self.precision, self.device)),
            ("batch", format!("{batch} sequences of {seq} tokens, {micro_batch} at a time")),
            ("threads", self.threads.to_string()),
            ("tokens/s", self.tokens_per_second.to_string()),
            (
                "ms/step",
                format!("mean {:.1}, median {:.1}, min {:.1}", self.ms_per_step, self.ms_median, self.ms_min),
            ),
            ("peak memory", peak),
        ];
        let products = self.products.iter().map(|products| ("products", products.clone()));
        let rows = rows.into_iter().chain(products);
        let lines: Vec<String> = rows.map(|(name, value)| format!("{name:<12} {value}")).collect();
        f.write_str(&lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_middle() {
        assert_eq!((median(&[1., 2., 7.]), median(&[1., 2., 4., 7.])), (2., 3.));
    }
}
