//! The classes of a model, in its own order, beside those of a task: matched by name, never by place.

use anyhow::{Result, bail, ensure};
use serde_json::{Map, Value, json};

use super::Task;

/// For each class of a model, in the order of its logits, the class of the task that it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    names: Vec<String>,
    task_class: Vec<u32>,
}

/// The name of the output of a task of scores.
const SCORE: &str = "score";

/// A label's name as it is compared: lower case, every run of other signs than letters and digits as one `_`.
pub fn normalized(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("_")
}

impl Labels {
    /// The task's own classes in their own order: those of a new head; of a task of scores its one output, `score`.
    pub fn of_task(task: Task) -> Self {
        let names = if task.is_of_scores() { &[SCORE.to_owned()] } else { task.class_names() };
        let task_class = (0..names.len() as u32).collect();
        Self { names: names.to_vec(), task_class }
    }

    /// Matches a model's classes with the task's by their names.
    ///
    /// # Errors
    /// If the model has other classes, another number of them, one of them twice, or only `LABEL_0`, `LABEL_1`, …,
    /// which mean nothing; says what was expected, what was found and the remedy.
    pub fn matched(task: Task, names: &[String]) -> Result<Self> {
        let expected = task.class_names();
        if names == expected {
            return Ok(Self::of_task(task));
        }
        if names.iter().all(|name| normalized(name).starts_with("label_")) {
            bail!(
                "its labels are {}, which do not say what they mean: give their names in that order, for {task} \
                 --labels with {} in the model's order",
                names.join(", "),
                expected.join(",")
            );
        }
        let task_class: Option<Vec<u32>> = names.iter().map(|name| task.class(name)).collect();
        let mut sorted = task_class.clone().unwrap_or_default();
        sorted.sort_unstable();
        ensure!(
            sorted.into_iter().eq(0..expected.len() as u32),
            "its labels are {}, those of {task} are {}: the model was made for another task",
            names.join(", "),
            expected.join(", ")
        );
        Ok(Self { names: names.to_vec(), task_class: task_class.unwrap_or_default() })
    }

    /// The class of the task that the model's class `index` means.
    pub fn task_class(&self, index: usize) -> u32 {
        self.task_class[index]
    }

    /// The place among the model's logits of a class of the task.
    pub fn model_class(&self, class: u32) -> u32 {
        let place = self.task_class.iter().position(|known| *known == class);
        place.map_or(0, |place| place as u32) // `matched` saw to it that every class is there
    }

    /// The model's names, in its order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// `id2label` and `label2id` of `config.json`.
    pub fn to_json(&self) -> Map<String, Value> {
        let id2label: Map<String, Value> =
            self.names.iter().enumerate().map(|(id, name)| (id.to_string(), json!(name))).collect();
        let label2id: Map<String, Value> =
            self.names.iter().enumerate().map(|(id, name)| (name.clone(), json!(id))).collect();
        Map::from_iter([("id2label".into(), id2label.into()), ("label2id".into(), label2id.into())])
    }

    /// The names in the `id2label` of a `config.json`, in the order of the ids; none if it has no such key.
    ///
    /// # Errors
    /// If the ids are not 0, 1, 2, … or a name is no text.
    pub fn names_in(config: &Value) -> Result<Option<Vec<String>>> {
        let Some(value) = config.get("id2label") else { return Ok(None) };
        let entries = value.as_object().filter(|map| !map.is_empty());
        let name = |id: usize| entries?.get(&id.to_string())?.as_str().map(str::to_owned);
        let names: Option<Vec<String>> = (0..entries.map_or(0, Map::len)).map(name).collect();
        match names.filter(|names| !names.is_empty()) {
            Some(names) => Ok(Some(names)),
            None => bail!("id2label is {value}, expected names under 0, 1, 2, …"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::fixture::task;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| name.to_string()).collect()
    }

    #[test]
    fn labels_are_matched_by_name_in_any_order_and_spelling() {
        let google =
            Labels::matched(task("mnli"), &names(&["CONTRADICTION", "Entailment", "neutral"])).unwrap();
        assert_eq!([0, 1, 2].map(|index| google.task_class(index)), [2, 0, 1]);
        assert_eq!([0, 1, 2].map(|class| google.model_class(class)), [1, 2, 0]);
        let reversed = Labels::matched(task("rte"), &names(&["not entailment", "entailment"])).unwrap();
        assert_eq!(reversed.task_class(0), 1);
    }

    #[test]
    fn labels_of_another_task_and_without_meaning_are_refused() {
        let other = Labels::matched(task("mrpc"), &names(&["negative", "positive"])).unwrap_err().to_string();
        assert!(
            other.starts_with("its labels are negative, positive, those of MRPC are not_equivalent"),
            "{other}"
        );
        let nameless =
            Labels::matched(task("mrpc"), &names(&["LABEL_0", "LABEL_1"])).unwrap_err().to_string();
        assert!(nameless.contains("do not say what they mean"), "{nameless}");
        assert_eq!(Labels::matched(task("mrpc"), &names(&["1", "0"])).unwrap().task_class(0), 1);
        assert!(Labels::matched(task("rte"), &names(&["0", "1"])).is_err(), "programs differ in that order");
        assert!(Labels::matched(task("mnli"), &names(&["entailment", "neutral", "neutral"])).is_err());
        assert!(Labels::matched(task("rte"), &names(&["entailment"])).is_err());
    }

    #[test]
    fn labels_survive_config_json() {
        let labels = Labels::of_task(task("mnli"));
        let config = Value::Object(labels.to_json());
        assert_eq!(config["label2id"]["contradiction"], 2);
        let names = Labels::names_in(&config).unwrap().unwrap();
        assert_eq!(Labels::matched(task("mnli"), &names).unwrap(), labels);
        assert!(Labels::names_in(&json!({"id2label": {"1": "a"}})).is_err());
    }
}
