//! What is shown of a run: quantities that belong together, with their last values.

use ratatui::style::Color;

use super::run::Watched;

/// Orange, of what is held out or predicted by the theory; blue is what is measured.
const OTHER: Color = Color::Yellow;
const MEASURED: Color = Color::Cyan;

/// Pointers into the lines of `metrics.jsonl` of what is kept.
pub const KEYS: [&str; 24] = [
    "/loss",
    "/eval_loss",
    "/masked_accuracy",
    "/eval_accuracy",
    "/param_norm",
    "/equilibrium_norm",
    "/angle",
    "/equilibrium_angle",
    "/lr",
    "/grad_norm",
    "/timing/tokens_per_second",
    "/timing/samples_per_second",
    "/timing/elapsed_seconds",
    "/timing/seconds",
    "/timing/peak_bytes",
    "/figures/accuracy",
    "/figures/accuracy_mm",
    "/figures/f1",
    "/figures/f1_mm",
    "/figures/exact_match",
    "/figures/matthews",
    "/figures/pearson",
    "/figures/spearman",
    "/clip_rate",
];

/// A chart of one or two curves.
pub struct Panel {
    /// Names and last values.
    pub title: String,
    /// Pointers and colours of the curves.
    pub curves: Vec<(&'static str, Color)>,
}

/// The panels that a run has something to show in, the most important first.
pub fn panels(run: &Watched) -> Vec<Panel> {
    let mut panels = vec![pair(run, ("loss", "/loss"), ("held-out", "/eval_loss"))];
    let figures: Vec<&'static str> = KEYS.into_iter().filter(|key| key.starts_with("/figures/")).collect();
    let (first, second) = match *figures.into_iter().filter(|key| run.last(key).is_some()).collect::<Vec<_>>()
    {
        [first, second, ..] => (first, second),
        [first] => (first, ""),
        [] => ("", ""),
    };
    panels.push(pair(run, (name(first), first), (name(second), second)));
    panels.extend([
        pair(run, ("||x||", "/param_norm"), ("equilibrium", "/equilibrium_norm")),
        pair(run, ("gradient norm", "/grad_norm"), ("", "")),
        pair(run, ("angle of a step", "/angle"), ("equilibrium", "/equilibrium_angle")),
        pair(run, ("learning rate", "/lr"), ("", "")),
        pair(run, ("masked words right", "/masked_accuracy"), ("held-out", "/eval_accuracy")),
        pair(run, ("tokens/s", "/timing/tokens_per_second"), ("", "")),
        pair(run, ("samples/s", "/timing/samples_per_second"), ("", "")),
    ]);
    panels.retain(|panel| !panel.curves.is_empty());
    panels
}

/// The last part of a pointer.
fn name(key: &'static str) -> &'static str {
    key.rsplit('/').next().unwrap_or(key)
}

/// A panel of those of two quantities that there are.
fn pair(run: &Watched, first: (&str, &'static str), second: (&str, &'static str)) -> Panel {
    let mut panel = Panel { title: String::new(), curves: Vec::new() };
    for ((name, key), colour) in [(first, MEASURED), (second, OTHER)] {
        if let Some(last) = run.last(key) {
            panel.title += &format!(" {name} {} ", short(last));
            panel.curves.push((key, colour));
        }
    }
    panel
}

/// Four digits of a number.
pub fn short(number: f64) -> String {
    let size = number.abs();
    match size {
        0. => "0".into(),
        s if !(1e-3..1e5).contains(&s) => format!("{number:.2e}"),
        s => {
            let before = s.log10().floor() as i32 + 1;
            format!("{number:.*}", (4 - before).clamp(0, 6) as usize)
        }
    }
}
