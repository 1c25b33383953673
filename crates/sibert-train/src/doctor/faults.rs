//! What is likely to go wrong with a run, and what to change.

use std::path::Path;

use sibert_data::Corpus;
use sisgd::equilibrium;

use super::measure::Measured;
use crate::config::{Optimizer, RunConfig};
use crate::log::clock;
use crate::memory::{Forecast, Room, size};
use crate::occupied;
use crate::pretrain::health::{FAR, FAR_THETA, NEAR, NEAR_THETA};

/// Passes over the text from which a run learns it by heart.
const MANY_EPOCHS: f64 = 40.;
/// Percent of unknown words that are worth a line.
const MANY_UNKNOWN: f64 = 0.1;
/// Steps in which hardly any new model leaves the plateau of word frequencies: docs/results/recipe.md.
const FEW_STEPS: usize = 500;
/// Work that is lost if a run is killed, in seconds.
const LONG: f64 = 1800.;

/// A fault in a line.
pub type Fault = String;

/// What the settings and the machine alone tell.
pub fn of_settings(config: &RunConfig, room: Room) -> Vec<Fault> {
    let others = [rates(config), held_out(config), folder(&config.out), threads(config), memory_of(room)];
    steps(config).into_iter().chain(others.into_iter().flatten()).collect()
}

fn steps(config: &RunConfig) -> Vec<Fault> {
    let mut faults = Vec::new();
    let never = |key: &str, every: usize, what: &str| {
        (every > config.max_steps).then(|| {
            format!("{key} is {every} and max_steps {}: {what} before the end; lower {key}", config.max_steps)
        })
    };
    faults.extend(never("eval_every", config.eval_every, "nothing is evaluated"));
    faults.extend(never("save_every", config.save_every, "no checkpoint is saved"));
    faults.extend(never("log_every", config.log_every, "nothing is reported"));
    if config.init.is_none() && config.max_steps < FEW_STEPS {
        faults.push(format!(
            "max_steps {}: a new model needs at least some {FEW_STEPS} steps before it learns more than word frequencies",
            config.max_steps
        ));
    }
    faults
}

fn rates(config: &RunConfig) -> Option<Fault> {
    let RunConfig { optimizer, lr, weight_decay, .. } = *config;
    let (angle, far, near, key) = match optimizer {
        Optimizer::Spectral => (lr, FAR_THETA, NEAR_THETA, "lr"),
        Optimizer::Sisgd if weight_decay > 0. => {
            (equilibrium::angle(lr * weight_decay), FAR, NEAR, "intrinsic_lr")
        }
        _ => return None,
    };
    if angle > far {
        Some(format!(
            "a step turns the encoder by {angle:.2} rad, which forgets as fast as it learns: lower {key}"
        ))
    } else if angle < near {
        Some(format!("a step turns the encoder by only {angle:.1e} rad, so it hardly learns: raise {key}"))
    } else {
        None
    }
}

fn held_out(config: &RunConfig) -> Option<Fault> {
    let nothing = config.held_out == 0. && config.validation.is_empty() && config.shards.is_none();
    nothing.then(|| {
        "nothing is held out, so nobody will know how good the model is: set held_out or --validation".into()
    })
}

fn folder(out: &Path) -> Option<Fault> {
    let held = occupied::by(out).ok()??;
    Some(format!(
        "{} holds {}: name another with --out, or continue it with --resume",
        out.display(),
        held.words()
    ))
}

fn threads(config: &RunConfig) -> Option<Fault> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = config.threads.filter(|&threads| threads > cores)?;
    Some(format!("threads {threads} are more than the {cores} cores here, which slows everything down"))
}

fn memory_of(room: Room) -> Option<Fault> {
    let (available, machine) = (room.available?, room.most()?);
    let scarce = available < machine / 10;
    scarce.then(|| {
        format!("only {} of the memory is available: other programs hold it", size(available as f64))
    })
}

/// What the text tells.
pub fn of_text(config: &RunConfig, corpus: &Corpus) -> Vec<Fault> {
    let epochs = corpus.train.epochs(config.max_steps as u64);
    let most = epochs.iter().copied().fold(0., f64::max);
    let unknown = 100. * corpus.counts.unknown as f64 / corpus.counts.tokens.max(1) as f64;
    let held_out = corpus.held_out.len();
    let few = held_out > 0 && held_out < config.eval_sequences;
    [
        (most > MANY_EPOCHS).then(|| {
            format!("{most:.0} passes over the text: the model will learn it by heart; give it more text or fewer steps")
        }),
        (unknown > MANY_UNKNOWN).then(|| {
            format!("{unknown:.1} % of the tokens are [UNK], words that the vocabulary cannot spell: another --tokenizer")
        }),
        few.then(|| {
            format!("{held_out} sequences are held out, fewer than eval_sequences {}: evaluations are noisy", config.eval_sequences)
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What the memory tells: whether the run fits, and what makes it fit.
pub fn of_memory(peak: f64, room: Room, remedy: &str) -> Vec<Fault> {
    match (room.most(), room.available) {
        (Some(most), _) if peak > most as f64 => {
            vec![format!("{} do not fit into {}: {remedy}", size(peak), size(most as f64))]
        }
        (_, Some(available)) if peak > available as f64 => {
            vec![format!(
                "{} are more than the {} that are available now: {remedy}",
                size(peak),
                size(available as f64)
            )]
        }
        _ => Vec::new(),
    }
}

/// What the measured steps tell.
pub fn of_time(config: &RunConfig, measured: &Measured) -> Vec<Fault> {
    let between = config.save_every.min(config.max_steps) as f64 * measured.step;
    let shown = |seconds: f64| clock(std::time::Duration::from_secs_f64(seconds));
    let better = ((LONG / measured.step) as usize).max(1);
    let evaluations = measured.evaluation / (measured.step * config.eval_every as f64);
    [
        (between > LONG).then(|| {
            format!(
                "{} lie between two checkpoints, lost if the run is killed: save_every = {better}",
                shown(between)
            )
        }),
        (evaluations > 0.2).then(|| {
            format!("evaluations take {:.0} % of the time of the steps: raise eval_every", 100. * evaluations)
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What the disk tells.
pub fn of_disk(config: &RunConfig, forecast: &Forecast, free: Option<u64>) -> Option<Fault> {
    let needed = disk(config, forecast);
    let free = free.filter(|&free| needed > free as f64)?;
    Some(format!(
        "the checkpoints take up to {}, and {} are free at {}: lower keep_last, or name another --out",
        size(needed),
        size(free as f64),
        config.out.display()
    ))
}

/// Bytes of the checkpoints: those that are kept, the best and the one that is written.
pub fn disk(config: &RunConfig, forecast: &Forecast) -> f64 {
    (forecast.parameters + forecast.optimizer_state) * (config.keep_last.max(1) + 2) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(change: impl FnOnce(&mut RunConfig)) -> Vec<Fault> {
        let mut config = RunConfig { out: "/nowhere/run".into(), intrinsic_lr: None, ..RunConfig::default() };
        (config.lr, config.weight_decay) = (1e-2, 1e-3);
        change(&mut config);
        of_settings(&config, Room::default())
    }

    #[test]
    fn ordinary_settings_have_no_fault() {
        assert_eq!(of(|_| {}), Vec::<Fault>::new());
    }

    #[test]
    fn every_fault_names_the_setting_to_change() {
        let named = |fault: &[Fault], key: &str| fault.len() == 1 && fault[0].contains(key);
        assert!(named(&of(|config| config.eval_every = 2000), "lower eval_every"));
        assert!(named(&of(|config| config.save_every = 2000), "lower save_every"));
        assert!(named(&of(|config| config.lr = 100.), "lower intrinsic_lr"));
        assert!(named(&of(|config| config.lr = 1e-7), "raise intrinsic_lr"));
        assert!(named(&of(|config| config.held_out = 0.), "set held_out"));
        assert!(named(&of(|config| config.threads = Some(100_000)), "threads 100000"));
        let turned =
            |lr| move |config: &mut RunConfig| (config.optimizer, config.lr) = (Optimizer::Spectral, lr);
        assert!(named(&of(turned(0.5)), "lower lr") && named(&of(turned(1e-4)), "raise lr"));
        assert!(of(turned(0.05)).is_empty());
    }

    #[test]
    fn a_run_that_does_not_fit_is_told_what_would() {
        let room = Room { machine: Some(1 << 30), group: None, available: Some(1 << 29) };
        assert_eq!(of_memory(1e6, room, "less"), Vec::<Fault>::new());
        let faults = of_memory(2e9, room, "less");
        assert!(faults[0].contains("1.86 GiB do not fit into 1.00 GiB: less"), "{faults:?}");
        let faults = of_memory(7e8, room, "less");
        assert!(faults[0].contains("668 MiB are more than the 512 MiB that are available now"), "{faults:?}");
    }
}
