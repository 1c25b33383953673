//! A run that continues an existing model: the model's sizes and tokenizer replace those of the settings.

use anyhow::{Result, bail};
use sibert_model::{ModelConfig, ModelType};
use toml::{Table, Value};

use super::ModelSettings;
use super::load::merge;
use crate::console::note;

/// The settings of a run that continues a model, by the model's type.
const CONTINUE_SIBERT: &str = include_str!("continue-sibert.toml");
const CONTINUE_BERT: &str = include_str!("continue-bert.toml");

/// Keys of `[model]` that a run may change for an existing model.
const OF_TRAINING: [&str; 2] = ["hidden_dropout_prob", "attention_probs_dropout_prob"];

/// Keys of `[model]` that say which architecture and size a config is for.
const SHAPE: [&str; 7] = [
    "type",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "attention",
    "position_embedding_type",
];

/// Those that its `preset` stands for; heads may be other ones.
const OF_PRESET: [&str; 3] = ["hidden_size", "num_hidden_layers", "intermediate_size"];

/// The model that a run continues.
pub struct Start {
    /// Its name, as the user wrote it.
    pub name: String,
    /// Its architecture and sizes.
    pub config: ModelConfig,
}

impl Start {
    /// Name and text of the settings for a run that continues it.
    pub(super) fn built_in(&self) -> (&'static str, &'static str) {
        match self.config.model_type {
            ModelType::Sibert => ("continue-sibert.toml (built in)", CONTINUE_SIBERT),
            ModelType::Bert => ("continue-bert.toml (built in)", CONTINUE_BERT),
        }
    }

    /// Replaces the model of the settings by this one, and their tokenizer by its own if the text needs one.
    ///
    /// # Errors
    /// If a setting would change the model or its tokenizer.
    pub(super) fn fill(&self, settings: &mut Table, sets: &Table) -> Result<()> {
        let name = &self.name;
        let asked = sets.get("model").and_then(Value::as_table);
        if let Some(key) =
            asked.and_then(|asked| asked.keys().find(|key| !OF_TRAINING.contains(&key.as_str())))
        {
            bail!("model.{key} is that of init, {name}: leave it out");
        }
        self.ensure_same(settings.get("model").and_then(Value::as_table))?;
        if let Some(tokenizer) = settings.get("tokenizer") {
            bail!("tokenizer is {tokenizer}, but init, {name}, brings its own: leave it out");
        }
        let mut model = Table::try_from(ModelSettings::from(&self.config))?;
        merge(&mut model, asked.cloned().unwrap_or_default());
        settings.insert("model".into(), Value::Table(model));
        if !settings.contains_key("shards") {
            settings.insert("tokenizer".into(), Value::String(name.clone()));
        }
        let positions = self.config.max_position_embeddings as i64;
        let asked = settings.get("seq_len").and_then(Value::as_integer).filter(|&asked| asked > positions);
        if let (Some(asked), false) = (asked, sets.contains_key("seq_len")) {
            note(format!(
                "sequences of {positions} tokens instead of {asked}: {name} has no positions for more"
            ));
            settings.insert("seq_len".into(), Value::Integer(positions));
        }
        Ok(())
    }

    /// Refuses the `[model]` of a config that is another architecture or size than the model: its other settings are for that one.
    fn ensure_same(&self, asked: Option<&Table>) -> Result<()> {
        let Some(asked) = asked else { return Ok(()) };
        let has = Table::try_from(ModelSettings::from(&self.config))?;
        let preset = asked.get("preset").and_then(Value::as_str);
        let preset = preset.map(|name| ModelConfig::preset(self.config.model_type, name)).transpose()?;
        let sizes = preset.map(|preset| Table::try_from(ModelSettings::from(&preset))).transpose()?;
        for key in SHAPE {
            let of_preset =
                || sizes.as_ref().filter(|_| OF_PRESET.contains(&key)).and_then(|sizes| sizes.get(key));
            let asked = asked.get(key).or_else(of_preset);
            if let Some(asked) = asked.filter(|asked| has.get(key) != Some(asked)) {
                let found = has.get(key).map_or("none".to_owned(), Value::to_string);
                bail!(
                    "model.{key} is {asked} in the config, but {found} in init, {}: leave [model] out, or take a config for such a \
                     model",
                    self.name
                );
            }
        }
        Ok(())
    }
}
