//! The differences between two configurations of a run.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use toml::{Table, Value};

use super::RunConfig;

/// Settings that decide which text a run reads. `weights` is not one of them: it only mixes the text.
const TEXT: [&str; 11] = [
    "source",
    "validation",
    "documents",
    "field",
    "column",
    "skip_bad",
    "sentences",
    "tokenizer",
    "vocab_size",
    "lowercase",
    "held_out",
];

impl RunConfig {
    /// Refuses these settings if they read another text than the earlier settings of the same run.
    ///
    /// # Errors
    /// Names the keys that differ.
    pub fn ensure_text_of(&self, earlier: &str) -> Result<()> {
        let is_text = |change: &String| TEXT.iter().any(|key| change.starts_with(&format!("{key} ")));
        let changes: Vec<_> = self.changes_since(earlier)?.into_iter().filter(is_text).collect();
        ensure!(
            changes.is_empty(),
            "a run cannot continue with another text ({}): start a new run with another --out",
            changes.join(", ")
        );
        Ok(())
    }

    /// The keys whose values differ from those of the earlier settings, each as `lr 0.0008 → 0.001`.
    ///
    /// `out` is left out: a run may be moved.
    ///
    /// # Errors
    /// If the earlier text is not TOML.
    pub fn changes_since(&self, earlier: &str) -> Result<Vec<String>> {
        let earlier: Table = toml::from_str(earlier).context("run.toml of the checkpoint")?;
        let (earlier, now) = (flat(earlier), flat(toml::from_str(&self.to_toml()?)?));
        let keys = earlier.keys().chain(now.keys().filter(|key| !earlier.contains_key(*key)));
        let shown = |settings: &BTreeMap<String, String>, key: &str| {
            settings.get(key).cloned().unwrap_or_else(|| "absent".to_string())
        };
        let changed = keys.filter(|key| *key != "out" && earlier.get(*key) != now.get(*key));
        Ok(changed.map(|key| format!("{key} {} → {}", shown(&earlier, key), shown(&now, key))).collect())
    }
}

/// All keys, dotted, with their values as TOML writes them.
fn flat(table: Table) -> BTreeMap<String, String> {
    let entry = |(key, value): (String, Value)| match value {
        Value::Table(inner) => {
            flat(inner).into_iter().map(|(name, value)| (format!("{key}.{name}"), value)).collect()
        }
        value => vec![(key, value.to_string())],
    };
    table.into_iter().flat_map(entry).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_key_is_listed_with_both_values() {
        let earlier = RunConfig { out: "a".into(), threads: Some(2), ..RunConfig::default() };
        let mut now = RunConfig { out: "b".into(), lr: 1e-3, ..RunConfig::default() };
        now.schedule.factor = Some(0.5);
        let changes = now.changes_since(&earlier.to_toml().unwrap()).unwrap();
        assert_eq!(changes, ["lr 0.0008 → 0.001", "schedule.factor 0.1 → 0.5", "threads 2 → absent"]);
        assert!(now.changes_since(&now.to_toml().unwrap()).unwrap().is_empty());
    }
}
