//! The tasks that an encoder is fine-tuned for: what each is called, what it asks, how it is judged.
//!
//! A task is data, a file `tasks/NAME.toml`; a file of one's own works in the same way, see [`TaskFile`]. Only SQuAD, whose
//! answers are words of a text, has code of its own: [`crate::squad`].
//!
//! | task | what it asks | labels, in this order | metrics |
//! |---|---|---|---|
//! | CoLA | is the sentence acceptable English? | unacceptable, acceptable | Matthews |
//! | SST-2 | is the review positive? | negative, positive | accuracy |
//! | MRPC | do both sentences say the same? | not_equivalent, equivalent | accuracy, F1 |
//! | STS-B | how similar are the sentences? | a score from 0 to 5 | Pearson, Spearman |
//! | QQP | do both questions ask the same? | not_duplicate, duplicate | accuracy, F1 |
//! | MNLI, AX | what does the premise say of the hypothesis? | entailment, neutral, contradiction | accuracy; AX: Matthews |
//! | QNLI | does the sentence answer the question? | entailment, not_entailment | accuracy |
//! | RTE | does the first sentence entail the second? | entailment, not_entailment | accuracy |
//! | WNLI | does the second sentence follow from the first? | not_entailment, entailment | accuracy |
//! | SQuAD 1.1, 2.0 | which words of the context answer the question, if any? | a span | exact match, F1 |
//!
//! The orders are those of the data sets on the hub; between files and models labels are matched by name.

mod built_in;
mod check;
mod file;
mod files;
mod labels;
mod metric;
mod split;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use file::{ColumnNames, Range, Span, TaskDefaults, TaskFile, Unnamed};
pub use files::{Files, HubSets, Names, Parted};
pub use labels::{Labels, normalized};
pub use metric::Metric;
pub use split::{BySplit, Split};

/// Longest file of a task, in bytes.
const LONGEST: u64 = 1 << 20;

/// A task: built in, or of a file of one's own. It lasts as long as the program.
#[derive(Clone, Copy)]
pub struct Task {
    file: &'static TaskFile,
    folder: Option<&'static Path>,
}

/// The kind of answer that a task asks a model for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// One of these classes, in the order of the data sets on the hub.
    Classes(&'static [String]),
    /// A number in this range.
    Score(Range),
    /// As many of these labels as hold, or none.
    Labels(&'static [String]),
    /// One of these classes for each word.
    Words(&'static [String]),
    /// Words of the context.
    Span {
        /// Whether a question may have no answer.
        unanswerable: bool,
    },
}

impl Task {
    fn lasting(file: TaskFile, folder: Option<PathBuf>) -> Self {
        let folder = folder.map(|folder| &*Box::leak(folder.into_boxed_path()));
        Self { file: Box::leak(Box::new(file)), folder }
    }

    /// The tasks that are built in.
    pub fn built_in() -> &'static [Task] {
        built_in::all()
    }

    /// The nine tasks of GLUE, in the order of its table.
    pub fn glue() -> &'static [Task] {
        let all = built_in::all();
        &all[..all.len().min(built_in::GLUE)]
    }

    /// The task that `text` names: one that is built in, or the one of a file `PATH.toml`.
    ///
    /// # Errors
    /// If there is no such task, or the file is none of a task; says what was expected and what was found.
    pub fn named(text: &str) -> Result<Self, String> {
        if text.ends_with(".toml") { Self::of_file(Path::new(text)) } else { text.parse() }
    }

    /// The task of a file.
    ///
    /// # Errors
    /// Names the file, and line or key of what is wrong in it.
    pub fn of_file(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = sibert_files::bounded::text(path, LONGEST);
        let text = text.map_err(|error| format!("cannot read the task in {shown}: {error:#}"))?;
        let file: TaskFile = toml::from_str(&text).map_err(|error| format!("{shown}: {error}"))?;
        let path = fs::canonicalize(path).map_err(|error| format!("{shown}: {error}"))?;
        Self::own(file, path.parent().map(Path::to_owned)).map_err(|why| format!("{shown}: {why}"))
    }

    /// A task of one's own, whose files lie in a folder.
    ///
    /// # Errors
    /// Names the key of what is wrong in it.
    pub fn own(file: TaskFile, folder: Option<PathBuf>) -> Result<Self, String> {
        let file = file.checked()?;
        if file.name == "glue" || file.name.parse::<Task>().is_ok() {
            return Err(format!("name: `{}` is built in, expected another name", file.name));
        }
        if file.span.is_some() {
            return Err("span: only SQuAD's answers are words of a text, expected labels or score".into());
        }
        Ok(Self::lasting(file, folder))
    }

    /// The contents of its file.
    pub fn file(self) -> &'static TaskFile {
        self.file
    }

    /// The folder of its file, if it was read from one.
    pub fn folder(self) -> Option<&'static Path> {
        self.folder
    }

    /// Whether it is built in.
    pub fn is_built_in(self) -> bool {
        built_in::all().iter().any(|task| std::ptr::eq(task.file, self.file))
    }

    /// Whether it is one of GLUE's, the diagnostic set included.
    pub fn is_glue(self) -> bool {
        self.is_built_in() && !self.is_squad()
    }

    /// Its name in options, files and folders: `sst2`, `squad_v2`.
    pub fn name(self) -> &'static str {
        &self.file.name
    }

    /// Its name in print: `SST-2`, `SQuAD 2.0`.
    pub fn title(self) -> &'static str {
        self.file.title.as_deref().unwrap_or(&self.file.name)
    }

    /// The kind of answer that it asks a model for.
    pub fn kind(self) -> Kind {
        match (self.file.score, self.file.span) {
            (Some(range), _) => Kind::Score(range),
            (_, Some(Span { unanswerable })) => Kind::Span { unanswerable },
            _ if self.file.words => Kind::Words(&self.file.labels),
            _ if self.file.several.is_some() => Kind::Labels(&self.file.labels),
            _ => Kind::Classes(&self.file.labels),
        }
    }

    /// The names of its classes, in the order of the data sets on the hub; none of other kinds of tasks.
    pub fn class_names(self) -> &'static [String] {
        &self.file.labels
    }

    /// The class of this name, or, where files may count classes, of this number.
    pub fn class(self, text: &str) -> Option<u32> {
        if self.file.exact {
            return self.class_names().iter().position(|known| known == text).map(|class| class as u32);
        }
        let name = normalized(text);
        let named = self.class_names().iter().position(|known| normalized(known) == name);
        let number = || text.parse().ok().filter(|&number: &usize| number < self.class_names().len());
        let numbered = || if self.is_numbered() { number() } else { None };
        named.or_else(numbered).map(|class| class as u32)
    }

    /// Whether its files may have 0, 1, … in place of names.
    ///
    /// Where they have names, a number means nothing: programs count those of MNLI, QNLI and RTE in different orders.
    pub fn is_numbered(self) -> bool {
        self.file.numbered
    }

    /// Its figures; the mean of them chooses the best checkpoint.
    ///
    /// MNLI is judged on both of its sets, as they are two sets.
    pub fn metrics(self) -> &'static [Metric] {
        &self.file.metrics
    }

    /// Whether its inputs are two texts each.
    pub fn is_of_pairs(self) -> bool {
        !self.file.words && self.file.columns.as_ref().is_none_or(|columns| columns.pair.is_some())
    }

    /// Whether its answers are scores.
    pub fn is_of_scores(self) -> bool {
        self.file.score.is_some()
    }

    /// Whether it is one of the two SQuADs.
    pub fn is_squad(self) -> bool {
        self.file.span.is_some()
    }

    /// The task whose models answer this one: MNLI for the diagnostic set, else the task itself.
    pub fn maker(self) -> Task {
        let maker = self.file.model_of.as_ref().and_then(|name| name.parse().ok());
        maker.unwrap_or(self)
    }

    /// Whether it has a set.
    pub fn has(self, split: Split) -> bool {
        let on_hub = self.file.hub.as_ref().is_some_and(|hub| !hub.of(split).is_empty());
        let files = &self.file.files;
        on_hub || !files.of(split).is_empty() || split == Split::Validation && files.held_out.is_some()
    }

    /// Its sets with labels to judge by: two of MNLI, none of AX.
    pub fn validation_splits(self) -> impl Iterator<Item = Split> {
        [Split::Validation, Split::ValidationMismatched].into_iter().filter(move |split| self.has(*split))
    }

    /// Its sets to predict: two of MNLI, none of SQuAD.
    pub fn test_splits(self) -> impl Iterator<Item = Split> {
        [Split::Test, Split::TestMismatched].into_iter().filter(move |split| self.has(*split))
    }

    /// Its data set on the hub.
    pub fn on_hub(self) -> Option<&'static str> {
        self.file.hub.as_ref().map(|hub| hub.dataset.as_str())
    }

    /// The configuration and the name of a set on the hub.
    pub fn hub_set(self, split: Split) -> Option<(&'static str, &'static str)> {
        let set = self.file.hub.as_ref()?.of(split).first()?;
        Some(set.rsplit_once('/').unwrap_or(("default", set)))
    }
}

impl PartialEq for Task {
    fn eq(&self, other: &Self) -> bool {
        self.file == other.file
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.title())
    }
}

/// A name as it is compared: its letters and digits, small.
fn key(text: &str) -> String {
    let letters: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    letters.to_ascii_lowercase()
}

impl FromStr for Task {
    type Err = String;

    /// Understands the usual spellings of the tasks that are built in: `sst2`, `SST-2`, `sts_b`, `squad2`, `SQuAD v1.1`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = key(text);
        let is_meant = |task: &&Task| {
            let file = task.file;
            let names = file.aliases.iter().chain(&file.title).chain([&file.name]);
            names.into_iter().any(|name| key(name) == wanted)
        };
        built_in::all().iter().find(is_meant).copied().ok_or_else(|| {
            let names: Vec<&str> = built_in::all().iter().map(|task| task.name()).collect();
            let likeness = |name: &&str| strsim::damerau_levenshtein(name, &wanted);
            let near = names.iter().copied().min_by_key(likeness).filter(|name| likeness(name) <= 2);
            let hint = near.map(|name| format!(" (did you mean {name}?)")).unwrap_or_default();
            format!(
                "unknown task{hint}, expected one of {}, or a file of your own, FILE.toml",
                names.join(", ")
            )
        })
    }
}

/// A task that is built in is its name, one of one's own all that its file says.
impl Serialize for Task {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_built_in() {
            serializer.serialize_str(self.name())
        } else {
            self.file.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Task {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected the name of a task, or a task")]
        enum NameOrFile {
            Name(String),
            File(Box<TaskFile>),
        }
        let task = match NameOrFile::deserialize(deserializer)? {
            NameOrFile::Name(name) => name.parse(),
            NameOrFile::File(file) => Self::own(*file, None),
        };
        task.map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
