#![allow(clippy::unwrap_used)]
use super::*;

fn axes(varied: &[&str]) -> Result<Vec<Axis>> {
    parse(&varied.iter().map(ToString::to_string).collect::<Vec<_>>())
}

fn refusal(varied: &[&str]) -> String {
    format!("{:#}", axes(varied).unwrap_err())
}

fn choice(text: &str, set: &[&str]) -> Choice {
    Choice { text: text.to_owned(), set: set.iter().map(ToString::to_string).collect() }
}

#[test]
fn a_key_is_an_axis_of_its_values() {
    let found = axes(&["init_scale=0.01, 1", "schedule.milestones=[0.6, 0.9],[0.5]"]).unwrap();
    assert_eq!(found[0].name, "init_scale");
    assert_eq!(found[0].values, [choice("0.01", &["init_scale=0.01"]), choice("1", &["init_scale=1"])]);
    assert_eq!(found[1].values[0], choice("[0.6, 0.9]", &["schedule.milestones=[0.6, 0.9]"]));
    assert_eq!(found[1].values.len(), 2);
}

#[test]
fn all_variants_are_one_axis_at_the_place_of_the_first() {
    let varied =
        ["as is:", "init_scale=1,2", "adamw: optimizer=adamw  lr=1e-3 schedule.milestones=[0.6, 0.9]"];
    let found = axes(&varied).unwrap();
    assert_eq!(found.iter().map(|axis| axis.name.as_str()).collect::<Vec<_>>(), [VARIANT, "init_scale"]);
    let adamw = ["optimizer=adamw", "lr=1e-3", "schedule.milestones=[0.6, 0.9]"];
    assert_eq!(found[0].values, [choice("as is", &[]), choice("adamw", &adamw)]);
}

#[test]
fn a_colon_in_a_value_makes_no_variant() {
    let found = axes(&["device=cuda:0,cuda:1"]).unwrap();
    assert_eq!((found[0].name.as_str(), found[0].values.len()), ("device", 2));
}

#[test]
fn seeds_count_from_the_first() {
    let seeds = Axis::seeds(7, 2);
    assert_eq!(seeds.values, [choice("7", &["seed=7"]), choice("8", &["seed=8"])]);
}

#[test]
fn mistakes_are_named_with_their_remedy() {
    for (varied, message) in [
        (&["lr"][..], "--vary \"lr\": expected KEY=V1,V2,… or \"NAME: KEY=VALUE …\""),
        (&["=1"], "--vary \"=1\": expected KEY=V1,V2,…"),
        (&["lr="], "--vary \"lr=\" has no value: expected KEY=V1,V2,…"),
        (&["lr=1,,2"], "--vary \"lr=1,,2\" has an empty value"),
        (&["learning_rate=1"], "--vary learning_rate=1: unknown key learning_rate, did you mean lr?"),
        (&["max_steps=many"], "--vary max_steps=many: expected a whole number, 0 or more, found string"),
        (&["lr=1,2", "lr=3"], "--vary lr is given twice: write all its values behind one, lr=V1,V2,…"),
        (&["lr=1,2,1"], "--vary lr: \"1\" is given twice, keep one of them"),
        (&["a: lr=1", "a: lr=2"], "--vary variant: \"a\" is given twice"),
        (&["/a: lr=1"], "expected a name that begins with a letter or digit before the colon, found \"/a\""),
        (&[": lr=1"], "before the colon, found \"\""),
        (&["a: lr=1 lr=2"], "variant \"a\" sets lr twice"),
        (&["a: lr"], "variant \"a\": --vary lr: expected key=value"),
        (&["a: larning=2"], "variant \"a\": --vary larning=2: unknown key larning"),
        (&["a: lr=1", "lr=1,2"], "lr varies twice, on the axes variant and lr"),
        (&["schedule.kind=linear", "schedule={ kind = \"linear\" }"], "schedule varies twice"),
        (&["out=a,b"], "--vary out=a: out cannot vary, every run has a folder of its own"),
        (&["a: threads=1"], "threads cannot vary, the results do not depend on it"),
    ] {
        let found = refusal(varied);
        assert!(found.contains(message), "{varied:?}: expected {message:?} in {found:?}");
    }
}
