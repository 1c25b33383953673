#![allow(clippy::unwrap_used)]
use super::*;
use crate::config::RunConfig;
use crate::sweep::axis::Choice;
use crate::sweep::fixture::{grid, summary};
use crate::sweep::results::groups;
use crate::sweep::state::State;
use crate::sweep::train::Trained;

/// Two variants with two seeds each.
fn variants() -> Grid {
    let choice = |text: &str, set: &[&str]| Choice {
        text: text.to_owned(),
        set: set.iter().map(ToString::to_string).collect(),
    };
    let variants = vec![choice("a", &["lr=0.5", "budget=4"]), choice("b", &["clip=none"])];
    let mut grid = grid(vec![Axis { name: VARIANT.to_owned(), values: variants }, Axis::seeds(0, 2)]);
    for (number, run) in grid.runs.iter_mut().enumerate() {
        let (lr, clip) = if number < 2 { (0.5, Some(2.)) } else { (8e-4, None) };
        run.config = RunConfig { lr, clip, seed: number as u64 % 2, ..RunConfig::default() };
    }
    grid
}

fn trained() -> Trained {
    let diverged = Summary { eval_loss: None, diverged: Some("loss \"NaN\", inf".into()), ..summary(0.) };
    let over = |summary| State::Over(Box::new(summary));
    let states = vec![over(summary(2.)), over(summary(4.)), over(diverged), State::Half];
    Trained { states, failures: vec![None, None, None, Some("no memory".into())], stopped: false }
}

#[test]
fn every_run_is_a_line_with_its_settings_and_figures() {
    let (grid, trained) = (variants(), trained());
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &grid, &groups(&grid, &trained)).unwrap();
    let csv = std::fs::read_to_string(dir.path().join("summary.csv")).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    let head = "name,state,failed,variant,lr,budget,clip,seed,step,tokens,diverged,eval_loss,";
    assert!(lines[0].starts_with(head), "{csv}");
    assert!(lines[1].starts_with("run0,finished,,a,0.5,4,2.0,0,40,640,,2.0,0.25,"), "{csv}");
    assert!(
        lines[3].starts_with("run2,diverged,,b,0.0008,,none,0,40,640,\"loss \"\"NaN\"\", inf\",,"),
        "{csv}"
    );
    assert!(lines[4].starts_with("run3,failed,no memory,b,0.0008,,none,1,,,"), "{csv}");
    let commas = |line: &str| line.matches(',').count();
    assert!([1, 2, 4].iter().all(|&line| commas(lines[line]) == commas(lines[0])), "{csv}");
    assert_eq!(lines.len(), 5);
}

#[test]
fn every_figure_of_a_summary_is_a_column() {
    let mut whole = summary(2.);
    (whole.diverged, whole.equilibrium_norm, whole.memory.peak) = (Some("x".into()), Some(1.), Some(9));
    let mut found = BTreeSet::new();
    for (key, value) in serde_json::to_value(&whole).unwrap().as_object().unwrap() {
        match value.as_object() {
            Some(inner) => found.extend(inner.keys().map(|name| format!("{key}/{name}"))),
            None => drop(found.insert(key.clone())),
        }
    }
    assert_eq!(found, FIGURES.iter().map(ToString::to_string).collect());
}

#[test]
fn groups_have_the_figures_over_their_seeds() {
    let (grid, trained) = (variants(), trained());
    let groups = groups(&grid, &trained);
    let found = json(&grid, &in_order(&grid, &groups), &groups).unwrap();
    assert_eq!(found["axes"][1], json!({ "name": "seed", "values": ["0", "1"] }));
    let settings = json!({ "variant": "a", "lr": 0.5, "budget": "4", "clip": 2.0, "seed": 1 });
    assert_eq!(found["runs"][1]["settings"], settings);
    assert_eq!(found["runs"][0]["summary"]["eval_loss"], 2.);
    assert_eq!(
        found["runs"][3],
        json!({
            "name": "run3", "state": "failed", "failed": "no memory", "summary": null,
            "settings": { "variant": "b", "lr": 8e-4, "budget": null, "clip": "none", "seed": 1 },
        })
    );
    let [a, b] = [&found["groups"][0], &found["groups"][1]];
    assert_eq!(a["eval_loss"], json!({ "mean": 3.0, "sd": 2f64.sqrt(), "min": 2.0, "max": 4.0 }));
    assert_eq!((&a["n"], &a["values"]), (&json!(2), &json!({ "variant": "a" })));
    assert_eq!(
        (&b["n"], &b["diverged"], &b["failed"], &b["eval_loss"]),
        (&json!(0), &json!(1), &json!(1), &Value::Null)
    );
}
