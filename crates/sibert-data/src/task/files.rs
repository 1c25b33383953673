//! Where the sets of a task are: in files, or in a data set of the hub.

use serde::{Deserialize, Deserializer, Serialize};

use super::Split;

/// One name, or several.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Names(pub Vec<String>);

impl Names {
    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a name or a list of names")]
        enum OneOrMany {
            One(String),
            Many(Vec<String>),
        }
        Ok(Self(match OneOrMany::deserialize(deserializer)? {
            OneOrMany::One(name) => vec![name],
            OneOrMany::Many(names) => names,
        }))
    }
}

/// The files of a task, below the folder of its data; of several of a set, the first that is there counts. `*` stands for
/// any letters of a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Files {
    /// Whether cells of csv and tsv files may stand in double quotes.
    pub quoted: bool,
    /// Whether broken rows of sets with labels are skipped.
    pub skip_broken: bool,
    /// In place of a development set: the share of the training set that is held out, of each class alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_out: Option<f64>,
    /// More folders that the files may be in.
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub folders: Names,
    /// A training file of which the development set is a part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parted: Option<Parted>,
    /// The training set.
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub train: Names,
    /// The development set; of MNLI, the matched one.
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub validation: Names,
    /// MNLI's second one.
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub validation_mismatched: Names,
    /// The test set; of MNLI, the matched one.
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub test: Names,
    /// MNLI's second one.
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub test_mismatched: Names,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            quoted: true,
            skip_broken: false,
            held_out: None,
            folders: Names::default(),
            parted: None,
            train: Names::default(),
            validation: Names::default(),
            validation_mismatched: Names::default(),
            test: Names::default(),
            test_mismatched: Names::default(),
        }
    }
}

/// A training file of which the development set is a part: the pairs of ids in a list beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parted {
    /// The name of the file.
    pub file: String,
    /// Names of the list.
    pub lists: Vec<String>,
    /// Names of the columns with the two ids.
    pub ids: [String; 2],
}

/// The sets of a task in a data set of the hub, each as `CONFIGURATION/SET` or `SET`; of several, the first that is there
/// counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HubSets {
    /// The data set, `OWNER/NAME`.
    pub dataset: String,
    /// The training set.
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub train: Names,
    /// The development set; of MNLI, the matched one.
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub validation: Names,
    /// MNLI's second one.
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub validation_mismatched: Names,
    /// The test set; of MNLI, the matched one.
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub test: Names,
    /// MNLI's second one.
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub test_mismatched: Names,
}

impl Files {
    /// The names for a set.
    pub fn of(&self, split: Split) -> &[String] {
        let names = match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::ValidationMismatched => &self.validation_mismatched,
            Split::Test => &self.test,
            Split::TestMismatched => &self.test_mismatched,
        };
        &names.0
    }
}

impl HubSets {
    /// The names for a set.
    pub fn of(&self, split: Split) -> &[String] {
        let names = match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::ValidationMismatched => &self.validation_mismatched,
            Split::Test => &self.test,
            Split::TestMismatched => &self.test_mismatched,
        };
        &names.0
    }
}
