//! The scalars of a line of `metrics.jsonl`, under the tags of transformers' Trainer.

use serde_json::Value;

/// Our keys that the Trainer has another name for.
const NAMES: [(&str, &str); 2] = [("lr", "learning_rate"), ("head_lr", "head_learning_rate")];

/// Tags and numbers, in the order of the line; what is no number is left out.
///
/// ```text
/// loss, epoch, grad_norm, …   train/loss, train/epoch, train/grad_norm, …
/// lr                          train/learning_rate
/// timing.tokens_per_second    train/tokens_per_second
/// group_norms.embeddings      group_norms/embeddings
/// eval_loss                   eval/loss
/// figures.accuracy            eval/accuracy
/// epoch of an evaluation      eval/epoch
/// ```
pub fn of(line: &Value) -> Vec<(String, f64)> {
    let keys = || line.as_object().into_iter().flatten();
    let judged = keys().any(|(key, _)| key == "figures" || key.starts_with("eval_"));
    let group = if judged { "eval" } else { "train" };
    let mut scalars = Vec::new();
    for (key, value) in keys().filter(|(key, _)| *key != "step") {
        match (key.as_str(), value) {
            ("figures" | "timing", Value::Object(inner)) => {
                scalars.extend(inner.iter().filter_map(|(name, value)| scalar(group, name, value)));
            }
            (_, Value::Object(inner)) => {
                scalars.extend(inner.iter().filter_map(|(name, value)| scalar(key, name, value)));
            }
            _ => {
                let renamed = NAMES.iter().find(|(ours, _)| ours == key).map(|(_, theirs)| *theirs);
                let name = renamed.or_else(|| key.strip_prefix("eval_")).unwrap_or(key);
                scalars.extend(scalar(group, name, value));
            }
        }
    }
    scalars
}

fn scalar(group: &str, name: &str, value: &Value) -> Option<(String, f64)> {
    Some((format!("{group}/{name}"), value.as_f64()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tags(line: &Value) -> Vec<(String, f64)> {
        of(line)
    }

    #[test]
    fn reports_have_the_tags_of_the_trainer() {
        let report = json!({
            "step": 10, "epoch": 0.5, "loss": 2.5, "lr": 1e-4, "head_lr": 1e-3, "grad_norm": 3.0, "angle": null,
            "group_norms": { "embeddings": 1.5, "layer.0.attention": 2.0 }, "tokens": 80,
            "timing": { "tokens_per_second": 100.0 },
        });
        let expected = [
            ("train/epoch", 0.5),
            ("train/loss", 2.5),
            ("train/learning_rate", 1e-4),
            ("train/head_learning_rate", 1e-3),
            ("train/grad_norm", 3.),
            ("group_norms/embeddings", 1.5),
            ("group_norms/layer.0.attention", 2.),
            ("train/tokens", 80.),
            ("train/tokens_per_second", 100.),
        ];
        assert_eq!(tags(&report), expected.map(|(tag, value)| (tag.to_owned(), value)));
    }

    #[test]
    fn evaluations_have_a_group_of_their_own_so_that_no_tag_has_a_step_twice() {
        let pretraining = json!({ "step": 10, "eval_loss": 2.0, "eval_accuracy": 0.25 });
        assert_eq!(tags(&pretraining), [("eval/loss".to_owned(), 2.), ("eval/accuracy".to_owned(), 0.25)]);
        let tuning = json!({ "step": 10, "epoch": 1.0, "figures": { "f1": 0.5, "pearson": null } });
        assert_eq!(tags(&tuning), [("eval/epoch".to_owned(), 1.), ("eval/f1".to_owned(), 0.5)]);
    }
}
