//! The tasks that an encoder is fine-tuned for: what each is called, what it asks, how it is judged.
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

mod labels;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use labels::{Labels, normalized};

/// A task of GLUE, its diagnostic set AX, or SQuAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// The Corpus of Linguistic Acceptability.
    Cola,
    /// The Stanford Sentiment Treebank, two classes.
    Sst2,
    /// The Microsoft Research Paraphrase Corpus.
    Mrpc,
    /// The Semantic Textual Similarity Benchmark.
    Stsb,
    /// Quora Question Pairs.
    Qqp,
    /// Multi-Genre Natural Language Inference.
    Mnli,
    /// Question-answering Natural Language Inference.
    Qnli,
    /// Recognizing Textual Entailment.
    Rte,
    /// The Winograd schemas as inference.
    Wnli,
    /// GLUE's diagnostic set: only a test set, for a model of MNLI.
    Ax,
    /// SQuAD 1.1: every question has an answer in its context.
    Squad,
    /// SQuAD 2.0: some questions have none.
    SquadV2,
}

/// What a task asks a model for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One of these classes, in the order of the data sets on the hub.
    Classes(&'static [&'static str]),
    /// A number from 0 to 5.
    Score,
    /// Words of the context.
    Span {
        /// Whether a question may have no answer.
        unanswerable: bool,
    },
}

/// A figure by which predictions are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Share of right predictions.
    Accuracy,
    /// Harmonic mean of precision and recall of the second class; for SQuAD the mean over questions, in percent.
    F1,
    /// Matthews' correlation coefficient.
    Matthews,
    /// Pearson's correlation coefficient.
    Pearson,
    /// Spearman's rank correlation coefficient.
    Spearman,
    /// Share of answers that equal a given one once normalised, in percent.
    ExactMatch,
}

const NOT_ENTAILMENT: &[&str] = &["entailment", "not_entailment"];

impl Task {
    const ALL: [Task; 12] = [
        Task::Cola,
        Task::Sst2,
        Task::Mrpc,
        Task::Stsb,
        Task::Qqp,
        Task::Mnli,
        Task::Qnli,
        Task::Rte,
        Task::Wnli,
        Task::Ax,
        Task::Squad,
        Task::SquadV2,
    ];

    /// The nine tasks of GLUE, in the order of its table.
    pub const GLUE: &[Task] = Self::ALL.split_at(9).0;

    /// Its name on the hub, in options and in folders: `sst2`, `squad_v2`.
    pub fn name(self) -> &'static str {
        match self {
            Task::Cola => "cola",
            Task::Sst2 => "sst2",
            Task::Mrpc => "mrpc",
            Task::Stsb => "stsb",
            Task::Qqp => "qqp",
            Task::Mnli => "mnli",
            Task::Qnli => "qnli",
            Task::Rte => "rte",
            Task::Wnli => "wnli",
            Task::Ax => "ax",
            Task::Squad => "squad",
            Task::SquadV2 => "squad_v2",
        }
    }

    /// Its name in print: `SST-2`, `SQuAD 2.0`.
    pub fn title(self) -> &'static str {
        match self {
            Task::Cola => "CoLA",
            Task::Sst2 => "SST-2",
            Task::Mrpc => "MRPC",
            Task::Stsb => "STS-B",
            Task::Qqp => "QQP",
            Task::Mnli => "MNLI",
            Task::Qnli => "QNLI",
            Task::Rte => "RTE",
            Task::Wnli => "WNLI",
            Task::Ax => "AX",
            Task::Squad => "SQuAD 1.1",
            Task::SquadV2 => "SQuAD 2.0",
        }
    }

    /// What it asks a model for.
    pub fn kind(self) -> Kind {
        match self {
            Task::Cola => Kind::Classes(&["unacceptable", "acceptable"]),
            Task::Sst2 => Kind::Classes(&["negative", "positive"]),
            Task::Mrpc => Kind::Classes(&["not_equivalent", "equivalent"]),
            Task::Stsb => Kind::Score,
            Task::Qqp => Kind::Classes(&["not_duplicate", "duplicate"]),
            Task::Mnli | Task::Ax => Kind::Classes(&["entailment", "neutral", "contradiction"]),
            Task::Qnli | Task::Rte => Kind::Classes(NOT_ENTAILMENT),
            Task::Wnli => Kind::Classes(&["not_entailment", "entailment"]),
            Task::Squad => Kind::Span { unanswerable: false },
            Task::SquadV2 => Kind::Span { unanswerable: true },
        }
    }

    /// The names of its classes, in the order of the data sets on the hub; none of other kinds of tasks.
    pub fn class_names(self) -> &'static [&'static str] {
        match self.kind() {
            Kind::Classes(names) => names,
            Kind::Score | Kind::Span { .. } => &[],
        }
    }

    /// Whether its official files have 0 and 1 in place of names.
    ///
    /// Where they have names, a number means nothing: programs count those of MNLI, QNLI and RTE in different orders.
    pub fn is_numbered(self) -> bool {
        matches!(self, Task::Cola | Task::Sst2 | Task::Mrpc | Task::Qqp | Task::Wnli)
    }

    /// What it is judged by; the mean of them chooses the best checkpoint.
    ///
    /// MNLI is judged on both of its sets, as they are two sets.
    pub fn metrics(self) -> &'static [Metric] {
        match self {
            Task::Cola | Task::Ax => &[Metric::Matthews],
            Task::Sst2 | Task::Mnli | Task::Qnli | Task::Rte | Task::Wnli => &[Metric::Accuracy],
            Task::Mrpc | Task::Qqp => &[Metric::Accuracy, Metric::F1],
            Task::Stsb => &[Metric::Pearson, Metric::Spearman],
            Task::Squad | Task::SquadV2 => &[Metric::ExactMatch, Metric::F1],
        }
    }

    /// Whether its inputs are two texts each.
    pub fn is_of_pairs(self) -> bool {
        !matches!(self, Self::Cola | Self::Sst2)
    }

    /// Whether it is one of the two SQuADs.
    pub fn is_squad(self) -> bool {
        matches!(self.kind(), Kind::Span { .. })
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.title())
    }
}

impl FromStr for Task {
    type Err = String;

    /// Understands the usual spellings: `sst2`, `SST-2`, `sts_b`, `squad2`, `SQuAD v1.1`.
    fn from_str(text: &str) -> Result<Self, String> {
        let key: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        let key = key.to_ascii_lowercase();
        let task = match key.as_str() {
            "sst" => Some(Task::Sst2),
            "mnlim" | "mnlimm" | "mnlimatched" | "mnlimismatched" => Some(Task::Mnli),
            "diagnostic" | "gluediagnostic" => Some(Task::Ax),
            "squad1" | "squad11" | "squadv1" | "squadv11" => Some(Task::Squad),
            "squad2" | "squad20" | "squadv20" => Some(Task::SquadV2),
            key => Task::ALL.into_iter().find(|task| task.name().replace('_', "") == key),
        };
        task.ok_or_else(|| {
            let names = Task::ALL.map(Task::name);
            let likeness = |name: &&str| strsim::damerau_levenshtein(name, &key);
            let near = names.into_iter().min_by_key(likeness).filter(|name| likeness(name) <= 2);
            let hint = near.map(|name| format!(" (did you mean {name}?)")).unwrap_or_default();
            format!("unknown task{hint}, expected one of {}", names.join(", "))
        })
    }
}

impl Metric {
    /// Its name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Accuracy => "accuracy",
            Metric::F1 => "f1",
            Metric::Matthews => "matthews",
            Metric::Pearson => "pearson",
            Metric::Spearman => "spearman",
            Metric::ExactMatch => "exact_match",
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_spellings_are_understood() {
        let cases = [
            ("SST-2", Task::Sst2),
            ("sst2", Task::Sst2),
            ("sst_2", Task::Sst2),
            ("STS-B", Task::Stsb),
            ("CoLA", Task::Cola),
            ("MNLI-m", Task::Mnli),
            ("SQuAD v1.1", Task::Squad),
            ("squad_v2", Task::SquadV2),
            ("SQuAD2.0", Task::SquadV2),
        ];
        for (text, task) in cases {
            assert_eq!(text.parse(), Ok(task), "{text}");
        }
        for task in Task::ALL {
            assert_eq!(task.name().parse(), Ok(task));
            assert_eq!(task.title().parse(), Ok(task));
        }
        assert!("glu".parse::<Task>().unwrap_err().contains("expected one of cola, sst2"));
    }
}
