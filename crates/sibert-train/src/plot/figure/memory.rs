//! The parts of the memory of training.

use anyhow::{Result, ensure};

use super::Bars;
use crate::log::Memory;
use crate::plot::runs::Group;

/// Parts of the peak, from the left; the last is known only where the system tells the peak.
const PARTS: [&str; 4] = ["parameters", "gradients", "optimizer", "the rest"];

/// The bars of a `memory` figure, and notes on runs without; seeds differ in nothing, the first stands for all.
pub fn bars(groups: &[Group]) -> Result<(Bars, Vec<String>)> {
    let (mut known, mut notes) = (Vec::new(), Vec::new());
    for group in groups {
        match group.runs.iter().find_map(|run| run.summary.as_ref()) {
            Some(summary) => known.push((group.label.clone(), summary.memory)),
            None => notes.push(format!("{} has no summary.json: left out", group.runs[0].path.display())),
        }
    }
    ensure!(
        !known.is_empty(),
        "{}: nothing to draw, expected a summary.json, which a run writes at its end",
        groups.first().map_or(String::new(), |group| group.runs[0].path.display().to_string())
    );
    let peaks = known.iter().all(|(_, memory)| memory.peak.is_some());
    let (parts, sum) = if peaks { (&PARTS[..], "peak") } else { (&PARTS[..3], "sum") };
    let row = |(label, memory)| (label, mebibytes(memory)[..parts.len()].to_vec());
    let rows = known.into_iter().map(row).collect();
    Ok((Bars { title: "Memory, MiB", parts: parts.to_vec(), sum, rows }, notes))
}

/// MiB of each part; the last is what the peak has beside them.
fn mebibytes(memory: Memory) -> [f64; 4] {
    let known = [memory.parameters, memory.gradients, memory.optimizer_state];
    let rest = memory.peak.map_or(0, |peak| peak.saturating_sub(known.iter().sum()));
    [known[0], known[1], known[2], rest].map(|bytes| bytes as f64 / f64::from(1 << 20))
}
