//! `sibert selftest`: what it prints and writes.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use support::{Folder, assert_has, stdout};

#[test]
fn selftest_of_the_processor_passes_and_writes_every_check() {
    let folder = Folder::new();
    let table = stdout(&folder.sibert(&["selftest", "--quick", "--threads", "1", "--json", "selftest.json"]));
    for part in [
        "linear_bias_relu, f32, forward",
        "sibert, drift of 3 steps in bf16",
        "all ",
        " checks passed on cpu",
    ] {
        assert_has(&table, part);
    }
    let report: Value = serde_json::from_slice(&folder.bytes("selftest.json")).unwrap();
    let keys: Vec<&str> = report.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["device", "quick", "curves", "checks"]);
    let keys: Vec<&str> = report["checks"][0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["claim", "case", "found", "allowed", "verdict", "error"]);
    let verdicts =
        report["checks"].as_array().unwrap().iter().map(|check| check["verdict"].as_str().unwrap());
    assert!(verdicts.clone().all(|verdict| ["passed", "skipped"].contains(&verdict)));
    assert_eq!(verdicts.filter(|&verdict| verdict == "skipped").count(), 1);
    assert_eq!(report["curves"]["sibert.f32"][0].as_array().unwrap().len(), 3);
}

#[cfg(not(feature = "cuda"))]
#[test]
fn selftest_of_a_device_that_is_not_there_is_refused() {
    let error = support::refused(&Folder::new().sibert(&["selftest", "--device", "cuda"]));
    assert_has(&error, "this build has no CUDA support");
}
