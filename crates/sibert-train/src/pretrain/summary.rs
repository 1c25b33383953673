//! What a finished run has to show.

use anyhow::Result;

use super::Training;
use crate::batch;
use crate::checkpoint;
use crate::console::result;
use crate::data::builtin;
use crate::data::guess::FrequencyGuess;
use crate::fill_mask;

/// Held-out sequences that the last evaluation reads, unless `eval_sequences` is more.
const SEQUENCES: usize = 2048;

impl Training<'_> {
    /// Prints the loss on what was held out beside the trivial guess, a few sentences, and the files.
    ///
    /// # Errors
    /// If the device fails or standard output is closed.
    pub fn summarise(&self) -> Result<()> {
        let Self { config, corpus, .. } = self;
        let (all, size) = (corpus.held_out.len(), config.micro_batch_size());
        let count = all.min(SEQUENCES.max(config.eval_sequences));
        let guess = FrequencyGuess::new(&corpus.text, corpus.special, &corpus.held_out, count);
        let word = corpus.tokenizer.id_to_token(guess.token).unwrap_or_default();
        let found =
            batch::evaluate(&self.model, &corpus.held_out, count, size, self.device, self.state.step)?;
        let which = if count == all { format!("all {all}") } else { format!("{count} of {all}") };
        let row = |name: &str, value: String| result(format!("{name:<32}{value:>8}"));
        result(format!("after {} steps, on {which} held-out sequences:", self.state.step))?;
        row("  loss", format!("{:.4}", found.eval_loss))?;
        row("  masked words guessed right", format!("{:.1} %", 100. * found.eval_accuracy))?;
        row(&format!("  always guessing {word:?}"), format!("{:.1} %", 100. * guess.accuracy))?;
        if config.source.is_empty() && config.shards.is_none() {
            self.fill_examples()?;
        }
        result(format!("\ncurves      {}", config.out.join("curves.png").display()))?;
        result(format!("checkpoint  {}", checkpoint::path_of(&config.out, self.state.step).display()))?;
        result(format!("try         sibert fill-mask --model {} \"… [MASK] …\"", config.out.display()))
    }

    fn fill_examples(&self) -> Result<()> {
        result("")?;
        for sentence in builtin::EXAMPLES {
            let filled = fill_mask::guess(&self.model, &self.corpus.tokenizer, sentence, 3, self.device)?;
            result(fill_mask::line(sentence, &filled))?;
        }
        Ok(())
    }
}
