//! A class for each word: named entities, parts of speech.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use candle_core::{Device, Tensor};
use serde_json::Value;
use sibert_data::dataset::DataSource;
use sibert_data::table::{Table, shown};
use sibert_data::tagged::{self, Sentence};
use sibert_data::task::{Labels, Metric, Split, Task};
use sibert_model::{HeadKind, Targets};

use super::report::{self, Report};
use super::{Answered, Answers, Logits, Outcome, Place, Purpose, Set, Wanted, texts};
use crate::args::{AnswerArgs, EvaluateArgs};
use crate::console::note;
use crate::metrics::{self, Counts, WordCounts};
use crate::tuned::{Figures, Sequence, WordPlace, WordWindow, encode_words, warn_of_unknown};

/// The column of a table to answer, where the training set had columns of words.
const TEXT: &str = "text";

/// A task of words.
pub struct OfWords {
    pub(super) task: Task,
    pub(super) names: &'static [String],
}

impl Answers for OfWords {
    fn task(&self) -> Task {
        self.task
    }

    fn head(&self) -> HeadKind {
        HeadKind::Tokens(self.names.len())
    }

    fn words(&self) -> super::Words {
        super::Words {
            class: "ForTokenClassification",
            problem: None,
            pipeline: ("token-classification", "Token Classification"),
            output: format!("of each word {}", self.names.join(", ")),
            limit: "A long text is read in windows of the longest input of the settings: what is further away from a word is not seen.",
            ..texts::words()
        }
    }

    fn usual(&self) -> super::Usual {
        super::Usual { by_angles: false, ..texts::USUAL }
    }

    fn idle_settings(&self) -> &'static [&'static str] {
        &["n_best", "max_answer_len", "null_threshold", "max_query_len"]
    }

    /// A quarter of a window: so much stands on either side of most words.
    fn most_shared(&self, max_seq_len: usize) -> usize {
        max_seq_len / 4
    }

    fn check(&self, source: &DataSource) -> Result<()> {
        tagged::read(self.task, Split::Train, source)?;
        self.task.validation_splits().try_for_each(|split| tagged::read(self.task, split, source).map(drop))
    }

    fn read(&self, wanted: &Wanted) -> Result<Box<dyn Set>> {
        let (task, names, most, shared) =
            (self.task, self.names, wanted.lengths.max_seq_len, wanted.lengths.doc_stride);
        let mut sentences = match wanted.place {
            Place::Source(source) => tagged::read(task, wanted.split, source)?,
            Place::Table(table) => of_table(task, table)?,
            Place::Questions(file) => texts::no_questions(task, file)?,
        };
        sentences.truncate(wanted.most);
        let words: Vec<Vec<String>> = sentences.iter().map(|sentence| sentence.words.clone()).collect();
        let windows = encode_words(words, wanted.tokenizer, most, shared)?;
        let (rows, purpose) = (sentences.len(), wanted.purpose.words());
        if windows.len() > rows {
            let count = windows.len();
            note(format!("{task}: {rows} sentences {purpose}, in {count} windows of at most {most} tokens"));
        }
        let asked = |WordWindow { sentence, sequence, places }| (sequence, Asked { sentence, places });
        let (sequences, asked): (Vec<Sequence>, Vec<Asked>) = windows.into_iter().map(asked).unzip();
        warn_of_unknown(&format!("{task}, sentences {purpose}"), &sequences, wanted.tokenizer)?;
        if wanted.purpose != Purpose::Answer && sentences.iter().any(|sentence| sentence.tags.is_none()) {
            bail!("{task}: the {} has no labels", wanted.split);
        }
        Ok(Box::new(Tagged { task, names, sentences, sequences, asked }))
    }

    fn score_file(&self, predictions: &Path, _: &EvaluateArgs) -> Result<Value> {
        bail!(
            "{}: {} labels words, expected predictions of a task of classes",
            predictions.display(),
            self.task
        )
    }
}

/// The sentences of a table to answer: lists of words, or texts whose words white space parts.
fn of_table(task: Task, table: &Table) -> Result<Vec<Sentence>> {
    let named = task.file().columns.as_ref().map(|columns| &columns.text);
    let column = match named {
        Some(named) => texts::columns(table, &[named])?[0],
        None => table.column(TEXT).map_err(|why| anyhow!(why))?,
    };
    let sentence = |row: &sibert_data::table::Row| {
        let words: Vec<String> = match &row.cells[column] {
            Value::Array(words) => words.iter().map(shown).collect(),
            other => shown(other).split_whitespace().map(str::to_owned).collect(),
        };
        if words.is_empty() {
            bail!("{}: the text is empty: fill it in, or leave the row out", table.place(row));
        }
        Ok(Sentence { words, tags: None })
    };
    table.rows.iter().map(sentence).collect()
}

/// The words that are asked in a window.
struct Asked {
    sentence: usize,
    places: Vec<WordPlace>,
}

/// Sentences, the windows of all of them, and where the first token of each word is.
struct Tagged {
    task: Task,
    names: &'static [String],
    sentences: Vec<Sentence>,
    sequences: Vec<Sequence>,
    asked: Vec<Asked>,
}

impl Tagged {
    /// The likeliest class of each word of each sentence; of a word without a token `O`, or the first class.
    fn predicted(&self, logits: &Logits, labels: &Labels) -> Vec<Vec<u32>> {
        let count = self.names.len();
        let none = self.names.iter().position(|name| name == "O").unwrap_or_default();
        let mut classes: Vec<Vec<u32>> =
            self.sentences.iter().map(|sentence| vec![none as u32; sentence.words.len()]).collect();
        for (Asked { sentence, places }, logits) in self.asked.iter().zip(logits) {
            for place in places {
                let logits = &logits[place.token * count..(place.token + 1) * count];
                classes[*sentence][place.word] = labels.task_class(super::largest(logits));
            }
        }
        classes
    }

    fn named(&self, classes: &[u32]) -> Vec<&'static str> {
        classes.iter().map(|class| self.names[*class as usize].as_str()).collect()
    }

    fn tags(&self, index: usize) -> &[u32] {
        self.sentences[index].tags.as_deref().unwrap_or_default()
    }

    fn counts(&self, index: usize, predicted: &[u32]) -> WordCounts {
        let actual = self.tags(index);
        let entities = metrics::entity_counts(&[self.named(predicted)], &[self.named(actual)]);
        let right = predicted.iter().zip(actual).filter(|(predicted, actual)| predicted == actual).count();
        WordCounts { words: actual.len(), right, entities: entities.into_values().sum::<Counts>() }
    }
}

impl Set for Tagged {
    fn sequences(&self) -> &[Sequence] {
        &self.sequences
    }

    fn len(&self) -> usize {
        self.sentences.len()
    }

    fn describe(&self) -> String {
        format!("{:?}", self.sentences)
    }

    /// One for each word: the mean of transformers.
    fn terms(&self, batch: &[usize]) -> usize {
        batch.iter().map(|&window| self.asked[window].places.len()).sum::<usize>().max(1)
    }

    fn targets(&self, batch: &[usize], labels: &Labels, _: &Device) -> Result<Targets> {
        let longest = batch.iter().map(|&window| self.sequences[window].len()).max().unwrap_or(0);
        let (mut places, mut classes) = (Vec::new(), Vec::new());
        for (row, &window) in batch.iter().enumerate() {
            let asked = &self.asked[window];
            for place in &asked.places {
                places.push((row * longest + place.token) as u32);
                classes.push(labels.model_class(self.tags(asked.sentence)[place.word]));
            }
        }
        let count = places.len();
        let on_host = |values: Vec<u32>| Tensor::from_vec(values, count, &Device::Cpu);
        Ok(Targets::Tokens { places: on_host(places)?, classes: on_host(classes)? })
    }

    fn judge(&self, logits: Logits, labels: &Labels, _: &AnswerArgs) -> Result<(Outcome, Figures)> {
        let predicted = self.predicted(&logits, labels);
        let counts = predicted.iter().enumerate().map(|(index, predicted)| self.counts(index, predicted));
        Ok((Outcome::Words(counts.collect()), Figures::default()))
    }

    fn figure(&self, metric: Metric, outcome: &Outcome, indices: &[u32]) -> f64 {
        let Outcome::Words(counts) = outcome else { return f64::NAN };
        metrics::of_words(metric, indices.iter().map(|&i| counts[i as usize]))
    }

    fn report(&self, logits: &Logits, labels: &Labels) -> Option<Report> {
        let predicted = self.predicted(logits, labels);
        let actual: Vec<Vec<&str>> = (0..self.len()).map(|index| self.named(self.tags(index))).collect();
        if !tagged::is_of_entities(self.names) {
            let (predicted, actual) =
                (predicted.concat(), (0..self.len()).flat_map(|i| self.tags(i).to_vec()));
            return Some(report::of_predictions(self.names, &predicted, &actual.collect::<Vec<_>>()));
        }
        let predicted: Vec<Vec<&str>> = predicted.iter().map(|classes| self.named(classes)).collect();
        let (names, counts): (Vec<String>, Vec<Counts>) =
            metrics::entity_counts(&predicted, &actual).into_iter().unzip();
        Some(report::of_classes(&names, &counts, None))
    }

    fn answered(&self, logits: &Logits, labels: &Labels) -> Result<Answered> {
        let rows = self.predicted(logits, labels);
        let rows = rows.iter().map(|classes| vec![Value::from(self.named(classes))]).collect();
        Ok(Answered { columns: vec!["labels".into()], rows })
    }

    fn write(&self, logits: Logits, labels: &Labels, _: &AnswerArgs, out: &Path) -> Result<Vec<PathBuf>> {
        self.answered(&logits, labels)?.write(self.task, out)
    }
}
