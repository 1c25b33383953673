#![allow(clippy::unwrap_used)]

use std::fs;

use super::*;
use crate::plot::runs::fixture::{end, folder};

/// Settings of a run, with a seed.
fn config(rule: &str, init_scale: f64, seed: u64) -> String {
    format!(
        "optimizer = '{rule}'\nclip = 2.0\nvocab_size = 1000\ninit_scale = {init_scale:?}\nseed = {seed}\n\
         out = '{rule}-{init_scale}-{seed}'\n"
    )
}

/// Training and evaluation at steps 10 and 20.
fn metrics(losses: [f64; 2], held_out: [f64; 2]) -> String {
    [(10, 0), (20, 1)]
        .map(|(step, at)| {
            let (loss, held_out) = (losses[at], held_out[at]);
            format!(
                "{{\"step\":{step},\"loss\":{loss},\"param_norm\":{},\"clip_rate\":0.25}}\n\
                 {{\"step\":{step},\"eval_loss\":{held_out}}}\n",
                10. * loss
            )
        })
        .concat()
}

fn charts(figure: Figure, runs: &[PathBuf]) -> Vec<Chart> {
    match picture(figure, runs, &Options::default()).unwrap().0 {
        Picture::Charts(charts) => charts,
        Picture::Bars(_) => panic!("expected charts"),
    }
}

fn refusal(figure: Figure, runs: &[PathBuf], options: &Options) -> String {
    picture(figure, runs, options).err().unwrap().to_string()
}

fn line<'a>(chart: &'a Chart, series: &str, group: &str) -> &'a Line {
    chart.lines.iter().find(|line| line.series == series && line.group == group).unwrap()
}

#[test]
fn seeds_share_a_colour_and_their_mean_has_the_label() {
    let dir = tempfile::tempdir().unwrap();
    let run = |name: &str, init: f64, seed: u64, last: f64| {
        folder(dir.path(), name, &config("sisgd", init, seed), &metrics([6., 5.], [5.5, last]))
    };
    let runs = [run("a", 1., 0, 4.), run("b", 1., 1, 4.5), run("c", 10., 0, 4.8)];
    let chart = &charts(Figure::Loss, &runs)[0];
    let mean = line(chart, "mean", "init 1");
    assert_eq!((mean.label.as_str(), mean.look), ("init 1", Look::Main));
    assert_eq!(mean.points, [(10., 5.5), (20., 4.25)]);
    let seeds: Vec<&Line> = chart.lines.iter().filter(|line| line.look == Look::Seed).collect();
    assert_eq!(seeds.iter().map(|line| line.run.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(seeds.iter().all(|line| line.colour == mean.colour && line.label.is_empty()));
    assert_ne!(line(chart, "held-out", "init 10").colour, mean.colour);
}

#[test]
fn a_seed_that_diverged_is_counted_and_kept_out_of_the_mean() {
    let dir = tempfile::tempdir().unwrap();
    let fine = folder(dir.path(), "a", &config("sisgd", 1., 0), &metrics([6., 5.], [5.5, 4.]));
    let wild = folder(dir.path(), "b", &config("sisgd", 1., 1), &metrics([8., 60.], [9., 50.]));
    end(&fine, Some(4.));
    end(&wild, None);
    let chart = &charts(Figure::Loss, &[fine, wild])[0];
    assert_eq!(line(chart, "mean", "2 seeds").points, [(10., 5.5), (20., 4.)]);
    assert_eq!(
        chart.crosses.iter().map(|cross| cross.text.as_str()).collect::<Vec<_>>(),
        ["1 of 2 diverged"]
    );
}

#[test]
fn a_diverging_run_is_marked_and_does_not_ruin_the_range() {
    let dir = tempfile::tempdir().unwrap();
    let fine = folder(dir.path(), "a", &config("sisgd", 1., 0), &metrics([6., 5.], [5.5, 4.]));
    let wild = metrics([8., 1e9], [9., 1e8]) + "{\"step\":25,\"loss\":null}\n";
    let wild = folder(dir.path(), "b", &config("sisgd", 10., 0), &wild);
    let chart = &charts(Figure::Loss, &[fine, wild])[0];
    assert!((6. ..7.3).contains(&chart.y.high()), "ln 1000 is 6.9, the range ends at {}", chart.y.high());
    let [cross] = chart.crosses.as_slice() else { panic!("expected one cross") };
    assert_eq!((cross.x, cross.y, cross.text.as_str()), (20., Some(1e9), "init 10 diverged"));
    let labels: Vec<&str> =
        chart.lines.iter().map(|line| line.label.as_str()).filter(|l| !l.is_empty()).collect();
    assert_eq!(labels, ["init 1"]);
}

#[test]
fn the_prediction_is_dashed_in_the_colour_of_its_run() {
    let dir = tempfile::tempdir().unwrap();
    let lines = |equilibrium: f64| {
        format!(
            "{{\"step\":1,\"param_norm\":100,\"equilibrium_norm\":{equilibrium},\"spikes\":1}}\n\
             {{\"step\":2,\"param_norm\":80,\"equilibrium_norm\":{equilibrium},\"spikes\":2}}\n"
        )
    };
    let a = folder(dir.path(), "a", &config("sisgd", 1., 0), &lines(30.));
    let b = folder(dir.path(), "b", &config("sisgd", 10., 0), "{\"step\":1,\"param_norm\":50}\n");
    let chart = &charts(Figure::Norm, &[b, a.clone()])[0];
    let (norm, dashed) = (line(chart, "norm", "init 1"), line(chart, "equilibrium", "init 1"));
    assert_eq!(norm.label, "init 1, 3 spikes");
    assert_eq!(line(chart, "norm", "init 10").label, "init 10");
    assert_eq!((dashed.look, dashed.colour), (Look::Dashed, norm.colour));
    assert_eq!(dashed.points, [(1., 30.), (2., 30.)]);

    let c = folder(dir.path(), "c", &config("sisgd", 3., 0), &lines(30.));
    let both = &charts(Figure::Norm, &[a, c])[0];
    assert_eq!(line(both, "equilibrium", "all").colour, NEUTRAL);
}

#[test]
fn the_threshold_of_clipping_is_a_rule() {
    let dir = tempfile::tempdir().unwrap();
    let lines = "{\"step\":1,\"max_gradient_ratio\":0.5,\"clip_rate\":0}\n\
                 {\"step\":2,\"max_gradient_ratio\":40,\"clip_rate\":0.5}\n";
    let run = folder(dir.path(), "a", &config("sisgd", 1., 0), lines);
    let both = charts(Figure::Clip, &[run]);
    assert_eq!(both[0].rules, [(2., "√C = 2".to_owned())]);
    assert_eq!(both[0].lines[0].points, [(1., 0.5), (2., 40.)]);
    assert_eq!(both[1].lines[0].points, [(1., 0.), (2., 0.5)]);
}

#[test]
fn missing_keys_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let run = folder(dir.path(), "a", &config("adamw", 1., 0), "{\"step\":1}\n");
    let runs = std::slice::from_ref(&run);
    let options = Options::default();
    assert_eq!(refusal(Figure::Loss, runs, &options), "no run has a loss yet: nothing to draw");
    assert_eq!(refusal(Figure::Angle, runs, &options), "no run has angle in its metrics: nothing to draw");
    assert!(
        refusal(Figure::Clip, runs, &options).contains("expected max_gradient_ratio or a clip_rate above 0")
    );
    assert!(refusal(Figure::Memory, runs, &options).contains("expected a summary.json"));
    let alone = folder(dir.path(), "b", "", "{\"step\":1}\n");
    assert!(
        refusal(Figure::Robustness, &[alone], &options)
            .ends_with("b has no config.toml: expected the folder of a run")
    );
}

/// SGD at three scales, AdamW at three of which one diverged.
fn sweep(dir: &Path) -> Vec<PathBuf> {
    let ends = [
        ("sisgd", 0.1, 0, Some(4.15)),
        ("sisgd", 1., 0, Some(4.)),
        ("sisgd", 10., 0, Some(4.1)),
        ("sisgd", 10., 1, Some(4.3)),
        ("adamw", 0.1, 0, Some(5.)),
        ("adamw", 1., 0, Some(3.)),
        ("adamw", 10., 0, None),
    ];
    let run = |(rule, init, seed, loss): (&str, f64, u64, Option<f64>)| {
        let name = format!("{rule}-{init}-{seed}");
        let run = folder(dir, &name, &config(rule, init, seed), &metrics([6., 5.], [5., 4.]));
        end(&run, loss);
        run
    };
    ends.map(run).to_vec()
}

#[test]
fn robustness_is_worst_over_best_of_the_means() {
    let dir = tempfile::tempdir().unwrap();
    let (picture, numbers) = picture(Figure::Robustness, &sweep(dir.path()), &Options::default()).unwrap();
    assert_eq!(
        numbers,
        [
            "SGD: best 4.000 at init_scale 1, worst 4.200 at 10, worst/best 1.050",
            "AdamW: best 3.000 at init_scale 1, worst 5.000 at 0.1, worst/best 1.667, of what did not diverge; diverged \
             at 10"
        ]
    );
    let Picture::Charts(charts) = picture else { panic!("expected charts") };
    let sgd = line(&charts[0], "mean", "SGD");
    assert_eq!(sgd.points.iter().map(|point| point.0).collect::<Vec<_>>(), [0.1, 1., 10.]);
    assert!((sgd.points[2].1 - 4.2).abs() < 1e-12);
    assert_eq!(charts[0].band, Some((3., 1.02 * 3.)));
    let [cross] = charts[0].crosses.as_slice() else { panic!("expected one cross") };
    assert_eq!((cross.x, cross.y, cross.group.as_str()), (10., None, "AdamW"));
}

#[test]
fn a_line_that_only_diverged_has_a_label_and_a_number() {
    let dir = tempfile::tempdir().unwrap();
    let runs = sweep(dir.path());
    let some = [runs[0].clone(), runs[1].clone(), runs[6].clone()];
    let (picture, numbers) = picture(Figure::Robustness, &some, &Options::default()).unwrap();
    assert_eq!(numbers[1], "AdamW: diverged at 10");
    let Picture::Charts(charts) = picture else { panic!("expected charts") };
    assert_eq!(charts[0].crosses[0].text, "AdamW");

    let options = Options { over: Some("init_scale".into()), ..Options::default() };
    let refused = refusal(Figure::Robustness, &runs[6..], &options);
    assert_eq!(refused, "no run has a held-out loss yet: nothing to draw over init_scale");
}

#[test]
fn a_run_without_an_end_stands_with_its_last_evaluation() {
    let dir = tempfile::tempdir().unwrap();
    let runs = sweep(dir.path());
    fs::remove_file(runs[0].join("summary.json")).unwrap();
    let (picture, numbers) = picture(Figure::Robustness, &runs[..3], &Options::default()).unwrap();
    assert!(
        numbers[1].ends_with("has no summary.json: drawn with its last evaluation, at step 20"),
        "{numbers:?}"
    );
    let Picture::Charts(charts) = picture else { panic!("expected charts") };
    assert_eq!(line(&charts[0], "mean", "").points, [(0.1, 4.), (1., 4.), (10., 4.1)]);
    let (_, notes) = super::picture(Figure::Memory, &runs[..2], &Options::default()).unwrap();
    assert!(notes.len() == 1 && notes[0].ends_with("has no summary.json: left out"), "{notes:?}");
}

#[test]
fn the_picture_has_the_labels_and_the_table_its_points() {
    let dir = tempfile::tempdir().unwrap();
    let drawn =
        draw_figure(Figure::Robustness, &sweep(dir.path()), &Options::default(), &dir.path().join("r"))
            .unwrap();
    assert_eq!(drawn.files, ["r.svg", "r.png", "r.csv"].map(|name| dir.path().join(name)));
    let svg = fs::read_to_string(&drawn.files[0]).unwrap();
    for text in ["Final held-out loss", "SGD", "AdamW", "diverged", "factor on the initial parameters"] {
        assert!(svg.contains(text), "no {text} in the picture");
    }
    let csv = fs::read_to_string(&drawn.files[2]).unwrap();
    let title = "Final held-out loss";
    let expected = [
        "figure,label,run,series,init_scale,value".to_owned(),
        format!("{title},SGD,sisgd-0.1-0,held-out,0.1,4.15"),
        format!("{title},SGD,sisgd-10-1,held-out,10,4.3"),
        format!("{title},AdamW,,mean,1,3"),
        format!("{title},AdamW,adamw-10-0,diverged,10,"),
    ];
    for row in expected {
        assert!(csv.lines().any(|line| line == row), "no {row} in\n{csv}");
    }
    assert_eq!(csv.lines().count(), 1 + 6 + 5 + 1, "header, seeds, means, and one that diverged");
}

#[test]
fn memory_is_what_the_peak_is_made_of() {
    let dir = tempfile::tempdir().unwrap();
    let (picture, _) = picture(Figure::Memory, &sweep(dir.path())[..1], &Options::default()).unwrap();
    let Picture::Bars(bars) = &picture else { panic!("expected bars") };
    assert_eq!(bars.rows, [("sisgd-0.1-0".to_owned(), vec![4., 3., 1., 92.])]);
    let text = picture.terminal(false);
    assert!(text.contains("sisgd-0.1-0 █▓") && text.ends_with("4 + 3 + 1 + 92 = 100\n"), "{text}");
}

#[test]
fn a_terminal_shows_lines_labels_and_ticks() {
    let dir = tempfile::tempdir().unwrap();
    let run = folder(dir.path(), "a", "", &metrics([6., 5.], [5., 4.]));
    let (picture, _) = picture(Figure::Loss, &[run], &Options::default()).unwrap();
    let text = picture.terminal(false);
    assert!(text.contains("Held-out loss") && text.contains("4.5 ┤") && !text.contains('\x1b'), "{text}");
    let rows: Vec<&str> = text.lines().collect();
    assert!(rows.iter().any(|row| row.ends_with(" a")), "{text}");
    assert!(text.contains('⠑') || text.contains('⠒') || text.contains('⠢'), "{text}");
    assert!(picture.terminal(true).contains("\x1b[38;5;32m"));
}
