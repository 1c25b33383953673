//! Names of models: their meaning, and the messages for those that mean nothing.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::pretrained::fixture::{Model, open_here};

#[test]
fn a_folder_comes_before_the_hub() {
    let model = Model::new();
    let place = find(model.path().to_str().unwrap(), || panic!("the hub is not to be asked")).unwrap();
    assert!(matches!(&place, ModelFolder::Here(path) if path == model.path()));
    assert_eq!(place.listing(), "config.json, model.safetensors, tokenizer.json");
    assert_eq!(place.shown("config.json"), model.path().join("config.json").display().to_string());
}

#[test]
fn a_path_that_does_not_exist_is_said_with_its_neighbour() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("runs/sibert-base/best")).unwrap();
    fs::write(folder.path().join("runs/sibert-bas.txt"), "").unwrap();
    let error = |path: &str| format!("{:#}", open_here(&folder.path().join(path)).err().unwrap());
    let meant =
        |path: &str| format!("(did you mean `{}`?): expected a folder", folder.path().join(path).display());
    assert!(error("runs/sibert-bsae").contains(&meant("runs/sibert-base")), "{}", error("runs/sibert-bsae"));
    assert!(error("run/sibert-base/best").contains(&meant("runs/sibert-base/best")));
    assert!(error("runs/sibert-bsae/bets").contains(&meant("runs/sibert-base")));
    let far = error("elsewhere");
    assert!(far.starts_with("there is no folder `") && !far.contains("did you mean"), "{far}");
    assert!(error("runs/sibert-bas.txt").contains("is a file: expected the folder that holds config.json"));
}

#[test]
fn paths_are_never_looked_for_on_the_hub() {
    for path in ["./none", "../none", "/none/x", "~/none", "none/", "none\\x", "a/b/c", ""] {
        let error = find(path, || panic!("the hub is not to be asked")).err().unwrap().to_string();
        assert!(error.starts_with(&format!("there is no folder `{path}`")), "{error}");
        assert!(error.contains("or a model on the hub, OWNER/NAME[@REVISION]"), "{error}");
    }
    for name in ["o/m", "o/m@refs/pr/1", "bert-base-uncased"] {
        assert!(!is_path(name), "{name}");
    }
}

#[test]
fn what_is_neither_folder_nor_model_says_both() {
    let hub = Model::new().on_hub("");
    let missing = hub.error("o/none");
    assert!(missing.starts_with("there is no folder `o/none`; and as a model on the hub: "), "{missing}");
    assert!(missing.contains("has no model `o/none`"), "{missing}");
    let revision = hub.error("o/m@v9");
    assert!(revision.contains("no revision `v9`"), "{revision}");
    let name = hub.error("bert-my model");
    assert!(name.starts_with("there is no folder `bert-my model`, and no model on the hub: "), "{name}");
    assert!(name.contains("cannot be the name of a repository"), "{name}");
    let owner = hub.error("my-model");
    assert!(
        owner.starts_with("there is no folder `my-model`: expected a folder"),
        "only the first models have no owner: {owner}"
    );
    let data = hub.error("hf://datasets/o/d");
    assert!(data.starts_with("hf://datasets/o/d is a data set: expected a model"), "{data}");
    assert!(hub.error("hf://o/none").starts_with("hf://o/none: "));
}

#[test]
fn a_folder_that_is_no_model_says_what_it_holds() {
    let model = Model::new();
    model.remove("config.json");
    let error = model.error();
    assert!(error.contains("is not a model: expected config.json"), "{error}");
    assert!(error.ends_with("found model.safetensors, tokenizer.json"), "{error}");
}
