//! A task of one's own tables, without a file that describes it.

use clap::Args;
use sibert_data::own::Asked;
use sibert_data::task::Metric;

/// Tables with a text and a label a row.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Your own labels")]
pub struct OwnArgs {
    /// Table to train on: csv, tsv, jsonl, parquet, or conll for words with labels; a file or hf://datasets/ORG/NAME
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tasks", "data_dir", "dataset"])]
    pub train: Option<String>,
    /// Table to evaluate on
    #[arg(long, value_name = "FILE", requires = "train")]
    pub validation: Option<String>,
    /// In its place, hold out this share of the training table, of each class alike
    #[arg(long, value_name = "SHARE", requires = "train", conflicts_with = "validation")]
    pub test_split: Option<f64>,
    /// Column of the text; two columns for a pair of texts
    #[arg(long = "text", value_name = "COLUMN", num_args = 1..=2, requires = "train")]
    pub texts: Vec<String>,
    /// Column of the label; several columns hold 0 or 1 each, for labels of their names
    #[arg(long = "label", value_name = "COLUMN", num_args = 1.., requires = "train")]
    pub labels: Vec<String>,
    /// class, number, labels (several of a text) or words (one of each word) [default: as the column looks]
    #[arg(long, value_name = "KIND", requires = "train")]
    pub kind: Option<Asked>,
    /// Stands between the labels of a text, of which there are several [default: a comma]
    #[arg(long, value_name = "TEXT", requires = "train")]
    pub separator: Option<String>,
    /// Figures whose mean chooses the best checkpoint: accuracy, f1, f1_macro, f1_micro, matthews, pearson, spearman,
    /// entity_f1 [default: accuracy; pearson and spearman; f1_micro; entity_f1]
    #[arg(long, value_name = "FIGURES", value_delimiter = ',', requires = "train", value_parser = metric)]
    pub metrics: Vec<Metric>,
    /// Name of the task, for files and the model card [default: that of the training table]
    #[arg(long, value_name = "NAME", requires = "train")]
    pub name: Option<String>,
}

fn metric(text: &str) -> Result<Metric, String> {
    let named = |metric: &Metric| metric.name() == text;
    Metric::ALL.into_iter().find(named).ok_or_else(|| {
        let names: Vec<&str> = Metric::ALL.iter().map(|metric| metric.name()).collect();
        format!("expected some of {}", names.join(", "))
    })
}
