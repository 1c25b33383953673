//! The sets of a task.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the sets of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// To train on.
    Train,
    /// To judge by; of MNLI, the one from the genres of the training set.
    Validation,
    /// MNLI's second one, from other genres.
    ValidationMismatched,
    /// To predict; of MNLI, the matched one.
    Test,
    /// MNLI's second one.
    TestMismatched,
}

impl Split {
    /// Whether its labels may not be given out.
    pub fn is_test(self) -> bool {
        matches!(self, Split::Test | Split::TestMismatched)
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Split::Train => "training set",
            Split::Validation => "development set",
            Split::ValidationMismatched => "mismatched development set",
            Split::Test => "test set",
            Split::TestMismatched => "mismatched test set",
        })
    }
}

/// A value for each set of a task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BySplit<T> {
    train: T,
    validation: T,
    validation_mismatched: T,
    test: T,
    test_mismatched: T,
}

impl<T> BySplit<T> {
    /// The value of a set.
    pub fn of(&self, split: Split) -> &T {
        match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::ValidationMismatched => &self.validation_mismatched,
            Split::Test => &self.test,
            Split::TestMismatched => &self.test_mismatched,
        }
    }
}
