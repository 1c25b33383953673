//! The model card of a fine-tuned model: the `README.md` of a Hugging Face folder.

pub mod markdown;
pub mod metadata;
#[cfg(test)]
mod tests;

use sibert_hub::{RepoRef, parse, reference};

use sibert_data::task::Task;

use crate::answers;
use markdown::{code, fenced, row};

/// The contents of a card.
#[derive(Clone, Copy, Debug)]
pub struct Card<'a> {
    /// The task that the model was fine-tuned for.
    pub task: Task,
    /// The model it was made from, as the user named it.
    pub base_model: &'a str,
    /// That model's commit, if it is from the hub.
    pub revision: Option<&'a str>,
    /// `sibert` or `bert`.
    pub model_type: &'a str,
    /// Where the data is from.
    pub data: &'a str,
    /// The command that makes the model again.
    pub command: &'a str,
    /// All seeds.
    pub seeds: &'a [u64],
    /// The seed of this model.
    pub best_seed: u64,
    /// Figures of the development sets: of GLUE from 0 to 1, of SQuAD in percent.
    pub figures: &'a [Figure<'a>],
    /// Names and values of the settings.
    pub settings: &'a [(String, String)],
    /// Examples that were trained on.
    pub train_rows: usize,
    /// Examples of each development set.
    pub dev_rows: &'a [usize],
    /// The program's version.
    pub version: &'a str,
}

/// One figure of a card; what is none is not defined.
#[derive(Clone, Copy, Debug)]
pub struct Figure<'a> {
    /// Its name: a metric's, with `_mm` behind it for MNLI's mismatched set.
    pub name: &'a str,
    /// The best seed's.
    pub best: Option<f64>,
    /// The mean over the seeds.
    pub mean: Option<f64>,
    /// The sample standard deviation over the seeds.
    pub standard_deviation: Option<f64>,
    /// The 95 % interval of the mean.
    pub interval: Option<(f64, f64)>,
}

/// The text of the card, with metadata as the hub reads them in front.
pub fn card(card: &Card) -> String {
    [metadata::front_matter(card), about(card), figures(card), usage(card), settings(card), limits(card)]
        .join("\n")
}

/// `OWNER/NAME` of the base model; none if it is a folder, or one of the hub's old names without an owner.
fn hub_id(card: &Card) -> Option<String> {
    card.revision?;
    let repository = if reference::is_hub_spec(card.base_model) {
        parse(card.base_model).ok()?.0
    } else {
        RepoRef::model(card.base_model).ok()?
    };
    Some(repository.id).filter(|id| id.contains('/'))
}

/// The base model's name, without its owner; of a folder only what kind of model it is.
fn base_name(card: &Card) -> String {
    let id = hub_id(card);
    let name = id.as_deref().and_then(|id| id.rsplit('/').next());
    name.unwrap_or(card.model_type).to_owned()
}

fn about(card: &Card) -> String {
    let Card { task, best_seed, version, train_rows, .. } = card;
    let commit = card.revision.map_or(String::new(), |commit| format!(", commit {}", code(commit)));
    let chosen = match card.seeds.len() {
        0 | 1 => format!("The weights are those of seed {best_seed}."),
        seeds => {
            format!("The weights are those of seed {best_seed}, the best of {seeds} on the development set.")
        }
    };
    let architecture = match card.model_type {
        "sibert" => {
            "SIBERT, the scale-invariant BERT of [Li et al. 2022](https://arxiv.org/abs/2202.00980)".into()
        }
        "bert" => "BERT".into(),
        other => code(other),
    };
    let outputs = answers::of(*task).words().output;
    let asked = task.file().question.as_ref().map_or(task.to_string(), |asked| format!("{task}: {asked}"));
    let dev_rows: Vec<String> = card.dev_rows.iter().map(usize::to_string).collect();
    let rows = format!("{train_rows} examples to train on, {} to evaluate on", dev_rows.join(" + "));
    let table = [
        row(&["", ""]),
        row(&["---", "---"]),
        row(&["task", &asked]),
        row(&["output", &outputs]),
        row(&["architecture", &architecture]),
        row(&["base model", &format!("{}{commit}", code(card.base_model))]),
        row(&["data", &format!("{}: {rows}", code(card.data))]),
    ];
    let title = format!("# {} fine-tuned on {task}\n", base_name(card));
    format!("{title}\nMade by `sibert` {version}. {chosen}\n\n{}", table.concat())
}

fn figures(card: &Card) -> String {
    let scale = answers::of(card.task).scale();
    let percent =
        |value: Option<f64>| value.map_or("undefined".into(), |value| format!("{:.1}", scale * value));
    let line = |figure: &Figure| {
        let deviation =
            figure.standard_deviation.map_or(String::new(), |sd| format!(" ± {}", percent(Some(sd))));
        let interval = figure.interval.map_or("undefined".into(), |(low, high)| {
            format!("{} … {}", percent(Some(low)), percent(Some(high)))
        });
        row(&[figure.name, &percent(figure.best), &format!("{}{deviation}", percent(figure.mean)), &interval])
    };
    let seeds: Vec<String> = card.seeds.iter().map(u64::to_string).collect();
    let note = match card.seeds.len() {
        0 | 1 => "Only one seed was trained: another may give quite different figures. The 95 % interval is a bootstrap \
                  over the examples alone."
            .into(),
        _ => format!(
            "Over seeds {}: mean, sample standard deviation, and the 95 % interval of the mean by a bootstrap that draws \
             seeds and examples again. This model's seed was chosen by these figures, so compare by the mean.",
            seeds.join(", ")
        ),
    };
    let header = row(&["figure", "this model", "mean ± sd", "95 % interval"]) + &row(&["---"; 4]);
    let lines: String = card.figures.iter().map(line).collect();
    format!("## Figures\n\nOf the development set, in percent.\n\n{header}{lines}\n{note}\n")
}

fn usage(card: &Card) -> String {
    let task = card.task.name();
    let own = fenced("sh", &match card.task.is_built_in() {
        true => format!(
            "sibert evaluate --task {task} --model DIR\nsibert predict --task {task} --model DIR --out predictions"
        ),
        false => "sibert evaluate --model DIR --validation FILE\nsibert predict --model DIR --input FILE --out answers.csv"
            .to_owned(),
    });
    let class = format!("AutoModel{}", answers::of(card.task).words().class);
    let other = match card.model_type {
        "bert" => format!(
            "\nor in Python\n\n{}",
            fenced(
                "python",
                &format!(
                    "from transformers import AutoTokenizer, {class}\n\ntokenizer = AutoTokenizer.from_pretrained(\"DIR\")\n\
                     model = {class}.from_pretrained(\"DIR\")"
                )
            )
        ),
        other => format!("\ntransformers has no class for the model type {}.\n", code(other)),
    };
    format!("## Use\n\n`DIR` is the folder of this file.\n\n{own}{other}")
}

fn settings(card: &Card) -> String {
    let lines = card.settings.iter().map(|(name, value)| row(&[&code(name), &code(value)]));
    let table = row(&["setting", "value"]) + &row(&["---"; 2]) + &lines.collect::<String>();
    format!("## Settings\n\n{table}\nThe command that repeats it:\n\n{}", fenced("sh", card.command))
}

fn limits(card: &Card) -> String {
    let too_long = answers::of(card.task).words().limit;
    let english = if card.task.is_built_in() { "English, and for " } else { "" };
    format!(
        "## Limits\n\n- The model is for {english}texts like those of {}. It has not been tested on \
         others.\n- {too_long}\n\
         - Errors and biases of the base model and of the data are also in this model.\n\
         - The licences of the base model and of the data apply.\n",
        card.task
    )
}
