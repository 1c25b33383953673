//! Whether a run fits into the memory, and what would make it fit.

use anyhow::{Result, bail};
use sibert_model::ModelConfig;

use super::{Before, Forecast, Room, size};
use crate::config::RunConfig;

/// Parts of a batch that are tried, to make a run fit.
const MOST_PARTS: usize = 1 << 12;

/// Refuses a run that needs more memory than there is.
///
/// # Errors
/// Names both, and what to change.
pub fn ensure_fits(config: &RunConfig, model: &ModelConfig, before: &Before, room: Room) -> Result<()> {
    let needed = Forecast::of(config, model).peak(before);
    let Some(most) = room.most().filter(|&most| needed > most as f64) else { return Ok(()) };
    bail!(
        "the run needs {} of memory and there are {}: {}; --no-memory-check tries it all the same",
        size(needed),
        size(most as f64),
        remedy(config, model, room)
    )
}

/// What makes a run fit.
pub fn remedy(config: &RunConfig, model: &ModelConfig, room: Room) -> String {
    match fitting(config, model, room) {
        Some(parts) => {
            format!("accumulation_steps = {parts} makes it fit, with the same result up to rounding")
        }
        None => "no accumulation_steps make it fit: take a smaller model, vocabulary or seq_len".into(),
    }
}

/// The least number of parts of a batch with which the run fits.
fn fitting(config: &RunConfig, model: &ModelConfig, room: Room) -> Option<usize> {
    let most = room.available.or(room.most())? as f64;
    let with = |accumulation_steps| RunConfig { accumulation_steps, ..config.clone() };
    let share = config.batch_size / config.shares;
    let mut parts = (1..=share.min(MOST_PARTS)).filter(|n| share.is_multiple_of(*n));
    parts.find(|&parts| Forecast::of(&with(parts), model).peak(&Before::default()) < most)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use sibert_model::ModelType;

    use super::*;

    #[test]
    fn a_run_larger_than_the_machine_is_refused_with_what_makes_it_fit() {
        let mut config = RunConfig { batch_size: 4096, seq_len: 512, ..RunConfig::default() };
        config.model.max_position_embeddings = 512;
        let base = ModelConfig::preset(ModelType::Sibert, "base").unwrap();
        let room = |gib: u64| Room { machine: Some(gib << 30), group: None, available: None };
        let before = Before::default();
        ensure_fits(&config, &base, &before, Room::default()).unwrap();
        ensure_fits(&config, &base, &before, room(1 << 20)).unwrap();
        let error = ensure_fits(&config, &base, &before, room(16)).unwrap_err().to_string();
        assert!(error.contains("of memory and there are 16.0 GiB: accumulation_steps = "), "{error}");
        let parts: usize =
            error.split("accumulation_steps = ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        let fitting = RunConfig { accumulation_steps: parts, ..config.clone() };
        ensure_fits(&fitting, &base, &before, room(16)).unwrap();
        let error = ensure_fits(&config, &base, &before, room(1)).unwrap_err().to_string();
        assert!(error.contains("no accumulation_steps make it fit: take a smaller model"), "{error}");
    }
}
