//! What a finished run has to show.

use anyhow::Result;

use super::Training;
use crate::batch;
use crate::checkpoint;
use crate::console::result;
use crate::data::builtin;
use crate::data::guess::FrequencyGuess;
use crate::fill_mask;

impl Training<'_> {
    /// Prints the loss on all that was held out beside the trivial guess, a few sentences, and the files.
    ///
    /// # Errors
    /// If the device fails or standard output is closed.
    pub fn summarise(&self) -> Result<()> {
        let Self { config, corpus, .. } = self;
        let guess = FrequencyGuess::new(corpus.train.sequences(), &corpus.held_out);
        let word = corpus.tokenizer.id_to_token(guess.token).unwrap_or_default();
        let (all, size) = (corpus.held_out.sequences().len(), config.micro_batch_size());
        let found = batch::evaluate(&self.model, &corpus.held_out, all, size, self.device, self.state.step)?;
        let row = |name: &str, value: String| result(format!("{name:<32}{value:>8}"));
        result(format!("after {} steps, on all {all} held-out sequences:", self.state.step))?;
        row("  loss", format!("{:.4}", found.eval_loss))?;
        row("  masked words guessed right", format!("{:.1} %", 100. * found.eval_accuracy))?;
        row(&format!("  always guessing {word:?}"), format!("{:.1} %", 100. * guess.accuracy))?;
        if config.text.is_empty() {
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
