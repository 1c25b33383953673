//! The training set of a task: inputs, and what is right in the model's own terms.

use anyhow::{Result, bail, ensure};
use candle_core::{Device, Tensor};
use sibert_data::dataset::DataSource;
use sibert_data::examples::{self, Example, Target};
use sibert_data::squad;
use sibert_data::task::{Labels, Split, Task};
use sibert_model::Targets;
use tokenizers::Tokenizer;

use super::settings::Settings;
use crate::console::note;
use crate::tuned::{Encoded, Sequence, encode, warn_of_unknown};

/// The right answer for each input.
#[derive(Debug)]
enum Goals {
    Classes(Vec<u32>), // as the model counts them
    Scores(Vec<f32>),
    Spans(Vec<(u32, u32)>),
}

/// The examples to train on.
pub struct TrainingSet {
    /// The inputs; of SQuAD, windows.
    pub sequences: Vec<Sequence>,
    /// Rows of the data set that they come from.
    pub rows: usize,
    goals: Goals,
}

impl TrainingSet {
    /// Reads and encodes the training set, or its first `train_rows` rows.
    ///
    /// # Errors
    /// If it cannot be read, is empty, or an example has no label.
    pub fn read(
        settings: &Settings,
        source: &DataSource,
        tokenizer: &Tokenizer,
        labels: &Labels,
    ) -> Result<Self> {
        let task = settings.task;
        let most = settings.train_rows.unwrap_or(usize::MAX);
        if task.is_squad() {
            let mut questions = squad::read(task, true, source, &note)?;
            questions.truncate(most);
            let windows = squad::windows(&questions, tokenizer, &settings.lengths.windows(), &note)?;
            let goals = Goals::Spans(windows.iter().map(|window| window.span).collect());
            let sequences: Vec<Sequence> = windows.into_iter().map(Sequence::from).collect();
            warn_of_unknown(&format!("{task}, questions to train on"), &sequences, tokenizer)?;
            return Ok(Self { sequences, rows: questions.len(), goals });
        }
        let mut examples = examples::read(task, Split::Train, source, &note)?;
        examples.truncate(most);
        ensure!(!examples.is_empty(), "{task}: the training set of {source} is empty");
        let goals = Goals::of(task, &examples, labels)?;
        let Encoded { sequences, cut } = encode(&examples, tokenizer, settings.lengths.max_seq_len)?;
        if cut > 0 {
            let (rows, most) = (examples.len(), settings.lengths.max_seq_len);
            note(format!("{task}: {cut} of {rows} examples to train on are cut to {most} tokens"));
        }
        warn_of_unknown(&format!("{task}, examples to train on"), &sequences, tokenizer)?;
        Ok(Self { sequences, rows: examples.len(), goals })
    }

    /// The targets of a batch: classes and spans on the host, scores on the model's device.
    ///
    /// # Errors
    /// If the device fails.
    pub fn targets(&self, batch: &[usize], device: &Device) -> Result<Targets> {
        let indices = batch.iter().copied();
        Ok(match &self.goals {
            Goals::Classes(classes) => {
                Targets::Classes(Tensor::from_iter(indices.map(|index| classes[index]), &Device::Cpu)?)
            }
            Goals::Scores(scores) => {
                let scores: Vec<f32> = indices.map(|index| scores[index]).collect();
                Targets::Scores(cukernel::upload(&scores, scores.len(), device)?)
            }
            Goals::Spans(spans) => Targets::Spans {
                starts: Tensor::from_iter(indices.clone().map(|index| spans[index].0), &Device::Cpu)?,
                ends: Tensor::from_iter(indices.map(|index| spans[index].1), &Device::Cpu)?,
            },
        })
    }

    /// All that training depends on, in parts, for a digest.
    pub fn describe(&self, mut part: impl FnMut(String)) {
        self.sequences.iter().for_each(|sequence| part(format!("{sequence:?}\n")));
        part(format!("{} {:?}\n", self.rows, self.goals));
    }

    /// The lengths of the inputs in tokens.
    pub fn lengths(&self) -> Vec<usize> {
        self.sequences.iter().map(Sequence::len).collect()
    }
}

impl Goals {
    fn of(task: Task, examples: &[Example], labels: &Labels) -> Result<Self> {
        let (mut classes, mut scores) = (Vec::new(), Vec::new());
        for (row, example) in (1..).zip(examples) {
            match example.target {
                Some(Target::Class(class)) => classes.push(labels.model_class(class)),
                Some(Target::Score(score)) => scores.push(score),
                None => bail!("{task}: row {row} of the training set has no label"),
            }
        }
        Ok(if task.is_of_scores() { Self::Scores(scores) } else { Self::Classes(classes) })
    }
}

/// Whether the sets of a task can be read, without a model.
///
/// # Errors
/// If one cannot.
pub fn is_there(task: Task, source: &DataSource) -> Result<()> {
    if task.is_squad() {
        squad::read(task, true, source, &note)?;
        squad::read(task, false, source, &note)?;
        return Ok(());
    }
    examples::check(task, Split::Train, source)?;
    task.validation_splits().try_for_each(|split| examples::check(task, split, source))
}
