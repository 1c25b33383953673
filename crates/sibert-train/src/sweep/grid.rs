//! Every combination of the values of all axes, as a run with complete settings.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use toml::Table;

use super::axis::{self, Axis, Choice, SEED, VARIANT, key_of, overlap};
use super::name::names;
use crate::args::SweepArgs;
use crate::config::{self, RunConfig, SweepSettings};
use crate::run;

/// More runs than this are a slip: `--seeds 100000`.
const MOST_RUNS: usize = 10_000;

/// The runs of a sweep.
pub struct Grid {
    /// The axes, slowest first.
    pub axes: Vec<Axis>,
    /// A run for each combination.
    pub runs: Vec<SweptRun>,
}

/// One combination.
pub struct SweptRun {
    /// Name of its folder in the sweep's.
    pub name: String,
    /// Its value on each axis.
    pub values: Vec<Choice>,
    /// Its settings, checked; where it writes is part of them.
    pub config: RunConfig,
}

/// The settings that all runs share.
struct Base<'a> {
    file: &'a Path,
    flags: Table,
    sets: &'a [String],
}

impl Grid {
    /// Reads and checks all combinations; changes nothing on the disk.
    ///
    /// # Errors
    /// If nothing varies, a key is set twice, a combination is no run, or two are the same run.
    pub fn new(args: &SweepArgs) -> Result<Self> {
        let common = args.of_each_run();
        let file = common.text.config.as_deref().context("expected a config file")?;
        let SweepSettings { vary, seeds } = config::sweep_of(file)?;
        let mut axes = axis::parse(if args.vary.is_empty() { &vary } else { &args.vary })?;
        let seeds = args.seeds.or(seeds).unwrap_or(1);
        ensure!(seeds > 0, "sweep.seeds is 0, expected at least 1");
        let base = Base { file, flags: run::flags(&common), sets: &common.text.set };
        RunConfig::out(Some(file), &base.flags, base.sets)?; // what is wrong with all runs is not for each to say
        base.ensure_apart(&axes)?;
        ensure_size(&axes, seeds)?;
        if seeds > 1 {
            axes.push(base.seeds(&axes, seeds)?);
        }
        ensure!(
            !axes.is_empty(),
            "nothing varies: name values with --vary KEY=V1,V2,… or seeds with --seeds N; for a single run use \
             sibert pretrain"
        );
        let runs = base.runs(&axes, &folder(args, file))?;
        Ok(Self { axes, runs })
    }

    /// The place of the axis of seeds.
    pub fn seed_axis(&self) -> Option<usize> {
        self.axes.iter().position(|axis| axis.name == SEED)
    }
}

/// The folder of a sweep.
pub fn folder(args: &SweepArgs, file: &Path) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    args.out.clone().unwrap_or_else(|| Path::new("runs").join(format!("{stem}-sweep")))
}

impl Base<'_> {
    /// Refuses to vary what is set for all runs, which would be without effect.
    fn ensure_apart(&self, axes: &[Axis]) -> Result<()> {
        let flags = self.flags.keys().map(|key| (key.as_str(), format!("--{}", key.replace('_', "-"))));
        let sets = self.sets.iter().map(|set| (key_of(set), format!("--set {set}")));
        for (key, option) in flags.chain(sets) {
            ensure!(
                key != "out",
                "{option}: every run has a folder of its own, choose that of the sweep with --out"
            );
            let varied = axes.iter().flat_map(Axis::keys).find(|varied| overlap(varied, key));
            if let Some(varied) = varied {
                bail!("{varied} varies and is set for all runs by {option}: drop one of the two");
            }
        }
        Ok(())
    }

    fn load(&self, values: &[&Choice]) -> Result<RunConfig> {
        let varied = values.iter().flat_map(|value| value.set.clone());
        let sets: Vec<String> = self.sets.iter().cloned().chain(varied).collect();
        RunConfig::load(Some(self.file), &self.flags, &sets)
    }

    /// The axis of as many seeds, from that of the settings on.
    fn seeds(&self, axes: &[Axis], count: usize) -> Result<Axis> {
        let varied = axes.iter().any(|axis| axis.keys().contains(SEED));
        ensure!(!varied, "the seed varies twice, by --vary and by --seeds {count}: drop one of them");
        let first: Vec<&Choice> = axes.iter().map(|axis| &axis.values[0]).collect();
        let config = self.load(&first).with_context(|| refusal(axes, &first))?;
        Ok(Axis::seeds(config.seed, count))
    }

    fn runs(&self, axes: &[Axis], out: &Path) -> Result<Vec<SweptRun>> {
        let combinations = product(axes);
        let configs = self.configs(axes, &combinations)?;
        let parts: Vec<Vec<String>> = combinations.iter().map(|values| parts(axes, values)).collect();
        let named = names(&parts).into_iter().zip(combinations).zip(configs);
        let run = |((name, values), config): ((String, Vec<&Choice>), RunConfig)| SweptRun {
            config: RunConfig { out: out.join(&name), ..config },
            values: values.into_iter().cloned().collect(),
            name,
        };
        Ok(named.map(run).collect())
    }

    /// The settings of all combinations, each different from the others.
    fn configs(&self, axes: &[Axis], combinations: &[Vec<&Choice>]) -> Result<Vec<RunConfig>> {
        let loaded: Vec<Result<RunConfig>> = combinations.iter().map(|values| self.load(values)).collect();
        let refused = loaded.iter().filter(|config| config.is_err()).count();
        let mut configs: Vec<RunConfig> = Vec::with_capacity(loaded.len());
        for (values, config) in combinations.iter().zip(loaded) {
            let config = config.with_context(|| match refused {
                1 => refusal(axes, values),
                2 => format!("{}, nor can another combination", refusal(axes, values)),
                _ => format!("{}, nor can {} other combinations", refusal(axes, values), refused - 1),
            })?;
            if let Some(same) = configs.iter().position(|earlier| *earlier == config) {
                let [one, two] = [&combinations[same], values].map(|values| described(axes, values));
                bail!("{one} and {two} have the same settings: keep one of them");
            }
            configs.push(config);
        }
        Ok(configs)
    }
}

fn ensure_size(axes: &[Axis], seeds: usize) -> Result<()> {
    let count = axes.iter().try_fold(seeds, |count, axis| count.checked_mul(axis.values.len()));
    let values: Vec<String> =
        axes.iter().map(|axis| axis.values.len().to_string()).chain([seeds.to_string()]).collect();
    ensure!(
        count.is_some_and(|count| count <= MOST_RUNS),
        "{} runs are more than {MOST_RUNS}: name fewer values or seeds",
        values.join(" × ")
    );
    Ok(())
}

/// Every combination; the last axis varies fastest.
pub fn product(axes: &[Axis]) -> Vec<Vec<&Choice>> {
    axes.iter().fold(vec![Vec::new()], |combinations, axis| {
        let with_each = |values: &Vec<_>| {
            let values = values.clone();
            axis.values.iter().map(move |value| [&values[..], &[value]].concat())
        };
        combinations.iter().flat_map(with_each).collect()
    })
}

/// The name of each value: `lr=0.1`, and `adamw` for a variant.
fn parts(axes: &[Axis], values: &[&Choice]) -> Vec<String> {
    let part = |(axis, value): (&Axis, &&Choice)| match axis.name.as_str() {
        VARIANT => value.text.clone(),
        key => format!("{key}={}", value.text),
    };
    axes.iter().zip(values).map(part).collect()
}

fn refusal(axes: &[Axis], values: &[&Choice]) -> String {
    format!("{} cannot be trained", described(axes, values))
}

fn described(axes: &[Axis], values: &[&Choice]) -> String {
    match values {
        [] => "the config".to_owned(),
        _ => parts(axes, values).join(", "),
    }
}

#[cfg(test)]
#[path = "grid_tests.rs"]
mod tests;
