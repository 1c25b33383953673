use std::path::{Path, PathBuf};

use sibert_model::ModelType;
use sisgd::Schedule;
use toml::Table;

use super::load::{OWN_TEXT, QUICKSTART};
use super::{GeneralRule, IntrinsicLr, Optimizer, Polar, RunConfig, diagnose};

fn with(sets: &[&str]) -> anyhow::Result<RunConfig> {
    let sets: Vec<_> = sets.iter().map(|set| set.to_string()).collect();
    RunConfig::load(None, &Table::new(), &sets)
}

fn refusal(sets: &[&str]) -> String {
    format!("{:#}", with(sets).unwrap_err())
}

fn from_text(text: &str) -> anyhow::Result<RunConfig> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("base.toml");
    std::fs::write(&file, text)?;
    RunConfig::load(Some(&file), &Table::new(), &[])
}

/// The error of a file with this text, from the file's name on.
fn refusal_of_file(text: &str) -> String {
    let error = from_text(text).unwrap_err().to_string();
    error.rsplit_once("/base.toml:").map_or(error.clone(), |(_, rest)| format!("base.toml:{rest}"))
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn every_config_of_the_repository_loads() {
    let files = ["configs", "configs/paper", "configs/recipe"]
        .map(|folder| std::fs::read_dir(repository().join(folder)).unwrap());
    let mut files: Vec<_> = files.into_iter().flatten().map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.is_file());
    assert!(files.len() >= 15, "{files:?}");
    for file in files {
        let config = RunConfig::load(Some(&file), &Table::new(), &[]).unwrap();
        let name = file.file_stem().unwrap().to_str().unwrap();
        assert_eq!(config.out, Path::new("runs").join(name));
    }
}

#[test]
fn resolved_config_loads_to_the_same_run() {
    let bert =
        ["model.type=bert", "optimizer=adamw", "schedule.kind=cosine", "schedule.warmup=0.1", "threads=2"];
    let odd = [
        "optimizer=sisgd",
        "clip=none",
        "weight_decay=0.3",
        "source=[\"a b.txt\"]",
        "tokenizer=t.json",
        "model.hidden_size=256",
    ];
    let (recipe, muon) =
        (["source=[\"a.txt\"]", "spectral.tables=whole"], ["model.type=bert", "optimizer=muon"]);
    for sets in [&[][..], &bert, &odd, &recipe, &muon] {
        let config = with(sets).unwrap();
        assert_eq!(from_text(&config.to_toml().unwrap()).unwrap(), config);
    }
}

#[test]
fn later_sources_win() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    std::fs::write(&file, "max_steps = 7\nlr = 7e-4\nseed = 7").unwrap();
    let flags = Table::from_iter([("max_steps".to_string(), 8.into()), ("lr".to_string(), 8e-4.into())]);
    let config = RunConfig::load(Some(&file), &flags, &["max_steps=9".to_string()]).unwrap();
    assert_eq!((config.max_steps, config.lr, config.seed, config.batch_size), (9, 8e-4, 7, 32));
}

#[test]
fn unknown_key_is_refused_with_the_key_that_was_meant() {
    let file = refusal_of_file("# a comment\nlearning_rate = 1e-3\n");
    assert_eq!(file, "base.toml:2: unknown key learning_rate, did you mean lr?");
    let nested = refusal_of_file("[model]\nhiden_size = 64\n");
    assert_eq!(nested, "base.toml:2: unknown key model.hiden_size, did you mean model.hidden_size?");
    for (set, meant) in [
        ("lrr=1", "lr"),
        ("max_step=1", "max_steps"),
        ("batchsize=1", "batch_size"),
        ("hidden_size=64", "model.hidden_size"),
        ("warmup_steps=3", "schedule.warmup"),
        ("head.warmup=3", "head.schedule.warmup"),
        ("modle.hidden_size=3", "model"),
    ] {
        let key = set.split('=').next().unwrap().split_inclusive("modle").next().unwrap();
        assert_eq!(refusal(&[set]), format!("--set {set}: unknown key {key}, did you mean {meant}?"));
    }
    assert!(refusal(&["schedule.foo=1"]).ends_with(
        "expected one of schedule.kind, schedule.warmup, \
        schedule.milestones, schedule.factor, schedule.power"
    ));
}

#[test]
fn value_of_another_type_names_line_key_expected_and_found() {
    for (text, error) in [
        ("\n\nlr = \"fast\"", "base.toml:3: lr: expected a number, found string \"fast\""),
        ("seed = -1", "base.toml:1: seed: expected a whole number, 0 or more, found integer -1"),
        (
            "source = 3",
            "base.toml:1: source: expected a text in quotes, or a list of them in brackets, found integer 3",
        ),
        (
            "[model]\nhidden_size = 1.5",
            "base.toml:2: model.hidden_size: expected a whole number, 0 or more, found floating point 1.5",
        ),
        ("clip = \"off\"", "base.toml:1: clip: expected a number or \"none\", found string \"off\""),
        (
            "optimizer = \"adam\"",
            "base.toml:1: optimizer: expected one of sisgd, spectral, muon, sgd, lamb, adamw, found \"adam\"",
        ),
        (
            "[optimizer]\nlr = 1",
            "base.toml:2: optimizer: expected one of sisgd, spectral, muon, sgd, lamb, adamw, found a table",
        ),
        (
            "device = \"gpu\"",
            "base.toml:1: device: unknown device \"gpu\", expected cpu, cuda, cuda:N or metal",
        ),
        ("lr = 1\nlr = 2", "base.toml:2: duplicate key, found lr = 2"),
    ] {
        assert_eq!(refusal_of_file(text), error);
    }
    assert_eq!(refusal(&["lr=fast"]), "--set lr=fast: expected a number, found string \"fast\"");
    assert_eq!(refusal(&["lr"]), "--set lr: expected key=value");
}

#[test]
fn broken_rule_names_key_value_and_rule() {
    for (sets, error) in [
        (
            &["seq_len=1024", "model.max_position_embeddings=128"][..],
            "seq_len 1024 is longer than model.max_position_embeddings 128",
        ),
        (
            &["model.hidden_size=770", "model.num_attention_heads=12"],
            "hidden_size 770 is not a multiple of num_attention_heads 12",
        ),
        (
            &["batch_size=30", "accumulation_steps=4"],
            "batch_size 30 is not a multiple of accumulation_steps 4",
        ),
        (&["max_steps=0"], "max_steps is 0, expected at least 1"),
        (&["mask_probability=1.5"], "mask_probability is 1.5, expected above 0 and below 1; BERT uses 0.15"),
        (&["optimizer=sisgd", "clip=0.5"], "clip is 0.5, expected √C of at least 1, or \"none\""),
        (
            &["optimizer=sisgd", "weight_decay=0"],
            "clip is 2, but weight_decay is 0: every update would be clipped to 0",
        ),
        (&["optimizer=sisgd", "lr=1", "weight_decay=1"], "lr 1 times weight_decay 1 is 1, expected below 1"),
        (&["optimizer=adamw", "clip=1"], "clip is 1, but only sisgd and sgd clip: set clip = \"none\""),
        (&["out="], "out is empty, expected a folder"),
        (
            &["schedule.kind=linear", "schedule.factor=.5"],
            "schedule.factor has no meaning for schedule.kind linear",
        ),
        (
            &["schedule.kind=piecewise_constant", "schedule.milestones=[0.9, 0.6]"],
            "schedule.milestones 0.9 and 0.6 do not ascend",
        ),
        (
            &["model.type=bert", "optimizer=adamw", "head.lr=1"],
            "[head] is set but model.type is bert, whose parameters are all trained by optimizer",
        ),
    ] {
        assert_eq!(refusal(sets).lines().next().unwrap(), error);
    }
}

#[test]
fn preset_stands_for_sizes_and_explicit_sizes_win() {
    let base = with(&["model.preset=base"]).unwrap().model;
    assert_eq!((base.preset, base.hidden_size, base.num_hidden_layers), (None, 768, 12));
    let narrow = from_text("[model]\npreset = \"base\"\nhidden_size = 96").unwrap();
    assert_eq!((narrow.model.hidden_size, narrow.model.num_hidden_layers), (96, 12));
    assert!(
        refusal(&["model.preset=tinny"]).contains("the presets are tiny, mini, small, medium, base, large")
    );
}

#[test]
fn preset_set_later_replaces_explicit_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("resolved.toml");
    std::fs::write(&file, with(&[]).unwrap().to_toml().unwrap()).unwrap();
    let config = RunConfig::load(Some(&file), &Table::new(), &["model.preset=mini".to_string()]).unwrap();
    assert_eq!((config.model.hidden_size, config.model.num_hidden_layers), (256, 4));
}

#[test]
fn budget_is_the_rate_times_the_steps() {
    let config = with(&["optimizer=sisgd", "budget=8", "lr=8e-4", "max_steps=1000000"]).unwrap();
    assert!((config.weight_decay - 1e-2).abs() < 1e-15);
    let replaced = with(&["optimizer=sisgd", "lr=0.1", "weight_decay=0.5"]).unwrap();
    assert_eq!((replaced.weight_decay, replaced.budget), (0.5, None));
    assert!(
        refusal(&["optimizer=sisgd", "weight_decay=0.5", "budget=8"])
            .starts_with("weight_decay and budget are both set")
    );
    let stated = with(&["optimizer=sisgd", "intrinsic_lr=8e-6", "lr=8e-4"]).unwrap();
    assert!((stated.weight_decay - 1e-2).abs() < 1e-15 && stated.intrinsic_lr.is_none());
    assert!(
        refusal(&["optimizer=sisgd", "budget=1", "intrinsic_lr=auto"])
            .starts_with("budget and intrinsic_lr are both set")
    );
    assert_eq!(
        refusal(&["optimizer=sisgd", "intrinsic_lr=fast"]),
        "--set intrinsic_lr=fast: expected a number or \"auto\", found string \"fast\""
    );
    let short = with(&["optimizer=sisgd", "budget=8", "lr=1e-2", "max_steps=1"]).unwrap();
    assert!((short.weight_decay - 10.0).abs() < 1e-12);
}

#[test]
fn defaults_go_with_the_optimizer_and_the_model() {
    let adam = with(&["optimizer=adamw", "weight_decay=0.01", "model.type=bert"]).unwrap();
    assert_eq!((adam.optimizer, adam.clip, adam.head), (Optimizer::Adamw, None, None));
    let sibert = from_text("max_steps = 1000").unwrap();
    assert_eq!((sibert.clip, sibert.model.model_type), (Some(2.0), ModelType::Sibert));
    assert_eq!((sibert.lr, from_text("clip = \"none\"").unwrap().lr), (1e4, 8e-4));
    let paper = from_text("lr = 8e-4").unwrap();
    for config in [&sibert, &paper] {
        let intrinsic_lr = config.lr * config.weight_decay;
        assert!((intrinsic_lr / IntrinsicLr::Auto.value() - 1.).abs() < 1e-12, "{intrinsic_lr}");
    }
    assert_eq!(
        sibert.head.unwrap().schedule.over(1000),
        Schedule::Linear { warmup_steps: 10, total_steps: 1000 }
    );
    assert_eq!(from_text("optimizer = \"adamw\"").unwrap().weight_decay, 0.01);
}

#[test]
fn one_source_needs_no_brackets() {
    assert_eq!(from_text("source = \"a.txt\"").unwrap().source, ["a.txt"]);
    assert_eq!(from_text("source = [\"a\", \"b\"]").unwrap().source, ["a", "b"]);
    assert_eq!(from_text("validation = \"b\"").unwrap().validation, ["b"]);
}

#[test]
fn all_unknown_keys_are_named_at_once() {
    let error = from_text("learning_rate = 1\nmax_steps = 3\n[model]\nlayers = 2\n").unwrap_err().to_string();
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines.len(), 2, "{error}");
    assert!(
        lines[1].ends_with("base.toml:4: unknown key model.layers, did you mean model.num_hidden_layers?"),
        "{error}"
    );
}

#[test]
fn clip_is_a_number_or_none() {
    for (text, clip) in [("none", None), ("inf", None), ("3", Some(3.0)), ("1.5", Some(1.5))] {
        assert_eq!(with(&["optimizer=sisgd", &format!("clip={text}")]).unwrap().clip, clip);
    }
}

#[test]
fn milestones_move_with_the_run() {
    let schedule = from_text("").unwrap().schedule;
    assert_eq!(schedule.over(1000), Schedule::PiecewiseConstant { milestones: vec![600, 900], factor: 0.1 });
    assert_eq!(schedule.over(1), Schedule::PiecewiseConstant { milestones: vec![], factor: 0.1 });
}

#[test]
fn part_of_a_schedule_is_part_of_the_default() {
    let of = |text: &str| super::resolve::complete(toml::from_str(text).unwrap()).unwrap();
    assert_eq!(of("[schedule]\nfactor = 0.5").schedule.over(10), {
        Schedule::PiecewiseConstant { milestones: vec![6, 9], factor: 0.5 }
    });
    let head = of("[head.schedule]\nwarmup = 0.1").head.unwrap().schedule;
    assert_eq!(head.over(10), Schedule::Linear { warmup_steps: 1, total_steps: 10 });
    let cosine = of("[schedule]\nkind = \"cosine\"").schedule;
    assert_eq!(cosine.over(10), Schedule::Cosine { warmup_steps: 0, total_steps: 10 });
}

#[test]
fn short_trial_of_the_quickstart_is_allowed() {
    for steps in [1, 2, 5, 30] {
        with(&[&format!("max_steps={steps}")]).unwrap();
    }
}

#[test]
fn guide_explains_every_key() {
    let guide = std::fs::read_to_string(repository().join("docs/configuration.md")).unwrap();
    let known = diagnose::known_keys();
    assert!(known.len() > 40, "{known:?}");
    let tables = ["schedule", "spectral", "head", "model", "head.schedule", "sweep"];
    for key in known.iter().filter(|key| !tables.contains(&key.as_str()) && !key.starts_with("head.schedule"))
    {
        assert!(guide.contains(&format!("| `{key}`")), "docs/configuration.md lacks {key}");
    }
    for row in guide.lines().filter_map(|line| line.strip_prefix("| `")) {
        let key = row.split('`').next().unwrap().to_string();
        assert!(known.contains(&key), "docs/configuration.md explains {key}, which does not exist");
    }
}

#[test]
fn configs_in_the_program_are_the_files() {
    let file = |name: &str| std::fs::read_to_string(repository().join("configs").join(name)).unwrap();
    assert_eq!((QUICKSTART, OWN_TEXT), (file("quickstart.toml").as_str(), file("own-text.toml").as_str()));
}

#[test]
fn a_text_without_a_config_takes_the_recipe() {
    let own = with(&["source=[\"book.txt\"]"]).unwrap();
    assert_eq!((own.optimizer, own.lr, own.weight_decay), (Optimizer::Spectral, 0.05, 0.));
    assert_eq!(own.head.unwrap().optimizer, GeneralRule::Spectral);
    assert_eq!(own.model.attention, Some(sibert_model::AttentionKind::Normalized));
    assert_eq!(with(&[]).unwrap().out, Path::new("runs/quickstart"));
}

#[test]
fn a_rule_of_other_units_brings_its_own_rates() {
    let paper = with(&["source=[\"book.txt\"]", "optimizer=sisgd"]).unwrap();
    assert_eq!((paper.clip, paper.lr), (Some(2.), 1e4));
    assert_eq!(paper.head.unwrap().optimizer, GeneralRule::Lamb);
    let spectral = from_text("optimizer = \"spectral\"\n").unwrap();
    assert_eq!((spectral.lr, spectral.weight_decay, spectral.clip), (0.05, 0., None));
    assert_eq!(spectral.schedule.warmup, Some(0.02));
    let muon = from_text("optimizer = \"muon\"\n[model]\ntype = \"bert\"\n").unwrap();
    assert_eq!((muon.lr, muon.momentum, muon.weight_decay), (0.02, 0.95, 0.01));
    assert_eq!(muon.head.unwrap().optimizer, GeneralRule::Adamw);
    let head = from_text("optimizer = \"spectral\"\n[head]\noptimizer = \"lamb\"\n").unwrap().head.unwrap();
    assert_eq!((head.optimizer, head.lr), (GeneralRule::Lamb, 8e-4));
}

#[test]
fn the_head_of_a_wide_model_has_a_lower_rate_unless_told() {
    let rate = |sets: &[&str]| {
        let sets = [&["source=[\"book.txt\"]", "model.num_attention_heads=8"], sets].concat();
        with(&sets).unwrap().head.unwrap().lr
    };
    assert_eq!(rate(&[]), 0.025);
    assert_eq!(rate(&["model.hidden_size=256"]), 0.025);
    assert_eq!(rate(&["model.hidden_size=512"]), 0.0125);
    assert_eq!(rate(&["model.hidden_size=512", "head.lr=0.04"]), 0.04);
    assert_eq!(rate(&["model.hidden_size=512", "head.optimizer=lamb"]), 8e-4);
}

#[test]
fn orthogonal_factors_are_made_by_inverses_on_the_cpu_alone() {
    let polar = |sets: &[&str]| {
        let sets = [&["source=[\"book.txt\"]"], sets].concat();
        with(&sets).map(|config| config.spectral.unwrap().polar.unwrap())
    };
    assert_eq!(polar(&[]).unwrap(), Polar::Zolotarev);
    assert_eq!(polar(&["device=cuda"]).unwrap(), Polar::NewtonSchulz);
    assert_eq!(polar(&["spectral.polar=newton_schulz"]).unwrap(), Polar::NewtonSchulz);
    assert_eq!(
        polar(&["device=cuda", "spectral.polar=zolotarev"]).unwrap_err().to_string(),
        "spectral.polar is zolotarev, which the CPU alone has, expected newton_schulz with device cuda:0"
    );
}

#[test]
fn keys_without_a_meaning_for_the_rule_are_refused_with_the_mend() {
    let spectral = |set: &str| refusal(&["source=[\"book.txt\"]", set]);
    assert!(spectral("weight_decay=0.1").contains("spectral has no decay: leave it out"));
    assert!(spectral("budget=1").contains("spectral has no decay"));
    assert!(spectral("clip=2").contains("only sisgd and sgd clip"));
    assert!(spectral("lr=3").contains("expected an angle below 1 radian"));
    assert!(spectral("model.type=bert").contains("use muon, or model.type = \"sibert\""));
    assert!(spectral("head.weight_decay=0.1").contains("head.optimizer spectral has no decay"));
    assert!(refusal(&["optimizer=sisgd", "spectral.tables=whole"]).contains("optimizer is not spectral"));
    assert!(refusal(&["optimizer=muon"]).contains("use spectral, with momentum if wanted"));
    let bert = ["model.type=bert", "optimizer=muon", "head.optimizer=spectral"];
    assert!(refusal(&bert).contains("with muon [head] trains everything that is not a matrix"));
}
