//! `sibert devices`, and what a device that is not there leads to.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use support::{Folder, assert_has, refused, stdout};

fn json() -> Value {
    let line = stdout(&Folder::new().sibert(&["devices", "--json"]));
    assert_eq!(line.lines().count(), 1, "{line}");
    serde_json::from_str(&line).unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn json_keeps_its_keys() {
    let devices = json();
    assert_eq!(keys(&devices), ["cpu", "cuda", "nccl", "metal"]);
    assert_eq!(keys(&devices["cpu"]), ["device", "cores", "threads", "memory_bytes", "instructions", "bf16"]);
    assert_eq!(keys(&devices["nccl"]), ["built", "version", "reason"]);
    for family in ["cuda", "metal"] {
        assert_eq!(keys(&devices[family]), ["built", "devices", "reason"]);
        let none = devices[family]["devices"].as_array().unwrap().is_empty();
        assert_eq!(none, devices[family]["reason"].is_string(), "{devices}");
    }
}

#[test]
fn the_processor_is_always_there() {
    let cpu = &json()["cpu"];
    assert_eq!(cpu["device"], "cpu");
    assert!(cpu["cores"].as_u64().unwrap() > 0 && cpu["threads"].as_u64().unwrap() > 0, "{cpu}");
    assert_has(&stdout(&Folder::new().sibert(&["devices"])), " cores, ");
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_build_without_cuda_says_how_to_get_it() {
    let how = "this build has no CUDA support: build with --features cuda";
    assert_eq!(json()["cuda"]["built"], false);
    assert_has(&stdout(&Folder::new().sibert(&["devices"])), &format!("cuda     none: {how}"));
    assert_has(&refused(&Folder::new().sibert(&["bench", "--device", "cuda"])), how);
}

#[cfg(feature = "cuda")]
#[test]
fn a_build_with_cuda_lists_a_gpu_or_says_in_one_line_that_there_is_none() {
    let cuda = &json()["cuda"];
    assert_eq!(cuda["built"], true);
    if let Some(reason) = cuda["reason"].as_str() {
        let error = refused(&Folder::new().sibert(&["bench", "--device", "cuda"]));
        assert_has(&error, &format!("device cuda:0: {reason}; use --device cpu"));
        assert_eq!(error.trim().lines().count(), 1, "{error}");
    }
}
