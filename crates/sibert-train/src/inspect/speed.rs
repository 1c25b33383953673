//! How fast batches are made.

use std::hint::black_box;
use std::time::Instant;

use anyhow::Result;

use super::Opened;
use crate::console::result;

/// Makes batches of `tokens` tokens on this thread and prints tokens per second.
///
/// # Errors
/// If standard output is closed.
pub fn print(opened: &Opened, tokens: usize) -> Result<()> {
    let Opened { config, corpus, .. } = opened;
    let batch = config.batch_size * config.seq_len;
    let steps = tokens.div_ceil(batch) as u64;
    let rows = 0..config.batch_size;
    black_box(corpus.train.micro_batch(0, rows.clone()));
    let began = Instant::now();
    for step in 0..steps {
        black_box(corpus.train.micro_batch(step, rows.clone()));
    }
    let seconds = began.elapsed().as_secs_f64();
    let made = steps as f64 * batch as f64;
    result(format!(
        "{steps} batches of {} x {} tokens, masked, in {seconds:.2} s on one thread: {:.1} million tokens/s",
        config.batch_size,
        config.seq_len,
        made / seconds / 1e6
    ))
}
