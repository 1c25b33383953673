//! Learning rate, epochs and batch size where the user names none.
//!
//! | model | task | lr | epochs | batch | source |
//! |---|---|---|---|---|---|
//! | BERT, width 512 or more | GLUE | 2e-5 | 3; MRPC, WNLI 5 | 32 | transformers' run_glue table |
//! | | SQuAD | 3e-5 | 2 | 12 | google-research/bert, run_squad |
//! | smaller BERT | GLUE | 1e-4 | 4 | 32 | google-research/bert, the smaller models' grid |
//! | | SQuAD | 1e-4 | 3 | 12 | the same grid's rate |
//! | SIBERT by the recipe, with `spectral` | GLUE | 0.01 | 4; MRPC, WNLI 5 | 32 | the angle: `docs/results/recipe.md` |
//! | SIBERT as in the paper, with LAMB | GLUE | 3e-3 | 4; MRPC, WNLI 5 | 32 | the rate: `docs/results/finetune.md` |
//! | any SIBERT, with LAMB | SQuAD, labels of words | 3e-3 | 3; words 4 | 12; words 32 | the same |
//!
//! A rule that the user names has its own rate: that of its row, of AdamW the rate for a BERT of the size.
//!
//! Warm-up over a tenth of the steps, decay 0.01 and gradients of at most norm 1 are run_classifier's.

use sibert_data::task::Task;
use sibert_model::{AttentionKind, ModelConfig, ModelType};

use crate::answers;
use crate::config::GeneralRule;

/// From this width on BERT's own rates hold.
const LARGE: usize = 512;
/// Passes over a training set that is small.
const FEW_EXAMPLES_EPOCHS: usize = 5;

/// The training settings of a task and a model unless the user names others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Defaults {
    /// The rule.
    pub optimizer: GeneralRule,
    /// Peak learning rate.
    pub lr: f64,
    /// Passes over the data.
    pub epochs: usize,
    /// Examples in a step.
    pub batch_size: usize,
}

impl Defaults {
    /// The row of the table above, but for what the task itself says, and the rule that the user names.
    pub fn of(task: Task, config: &ModelConfig, rule: Option<GeneralRule>) -> Self {
        let own = task.file().defaults;
        let small_data = own.few_examples;
        let large = config.hidden_size >= LARGE;
        let usual = answers::of(task).usual();
        let optimizer = rule.unwrap_or(match (config.model_type, config.attention_kind()) {
            (ModelType::Bert, _) => GeneralRule::Adamw,
            (ModelType::Sibert, AttentionKind::Normalized) if usual.by_angles => GeneralRule::Spectral,
            (ModelType::Sibert, _) => GeneralRule::Lamb,
        });
        let lr = match optimizer {
            GeneralRule::Spectral => 0.01,
            GeneralRule::Lamb => 3e-3,
            GeneralRule::Adamw if large => usual.large_lr,
            GeneralRule::Adamw => 1e-4,
        };
        let bert = config.model_type == ModelType::Bert;
        let [of_large, of_others] = usual.epochs;
        let epochs = match bert && large {
            _ if small_data && (large || !bert) => FEW_EXAMPLES_EPOCHS,
            true => of_large,
            false => of_others,
        };
        Self {
            optimizer,
            lr: own.lr.unwrap_or(lr),
            epochs: own.epochs.unwrap_or(epochs),
            batch_size: own.batch_size.unwrap_or(usual.batch_size),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn task(name: &str) -> Task {
        name.parse().unwrap()
    }

    fn of(task: Task, model_type: ModelType, preset: &str) -> Defaults {
        Defaults::of(task, &ModelConfig::preset(model_type, preset).unwrap(), None)
    }

    #[test]
    fn a_rule_that_is_named_has_its_own_rate() {
        let lr = |model_type, rule| {
            let config = ModelConfig::preset(model_type, "tiny").unwrap();
            let defaults = Defaults::of(task("mnli"), &config, Some(rule));
            assert_eq!(defaults.optimizer, rule);
            defaults.lr
        };
        assert_eq!(lr(ModelType::Sibert, GeneralRule::Spectral), 0.01);
        assert_eq!(lr(ModelType::Sibert, GeneralRule::Adamw), 1e-4);
        assert_eq!(lr(ModelType::Bert, GeneralRule::Lamb), 3e-3);
    }

    #[test]
    fn defaults_are_those_of_the_table() {
        let base = of(task("mnli"), ModelType::Bert, "base");
        let expected = Defaults { optimizer: GeneralRule::Adamw, lr: 2e-5, epochs: 3, batch_size: 32 };
        assert_eq!(base, expected);
        assert_eq!(of(task("mrpc"), ModelType::Bert, "base").epochs, 5);
        let squad = of(task("squad_v2"), ModelType::Bert, "base");
        assert_eq!((squad.lr, squad.epochs, squad.batch_size), (3e-5, 2, 12));
        assert_eq!(of(task("mnli"), ModelType::Bert, "mini").lr, 1e-4);
        assert_eq!(of(task("rte"), ModelType::Sibert, "base").optimizer, GeneralRule::Lamb);
        let paper = ModelConfig::preset(ModelType::Sibert, "tiny").unwrap();
        let recipe = ModelConfig { attention: Some(AttentionKind::Normalized), ..paper };
        let defaults = Defaults::of(task("mrpc"), &recipe, None);
        assert_eq!((defaults.optimizer, defaults.lr), (GeneralRule::Spectral, 0.01));
        let defaults = Defaults::of(task("squad"), &recipe, None);
        assert_eq!((defaults.optimizer, defaults.lr), (GeneralRule::Lamb, 3e-3));
    }
}
