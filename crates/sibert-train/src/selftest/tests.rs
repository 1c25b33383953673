//! The selftest of the CPU, and of the kernels as the emulator runs them.

use super::*;
use report::Verdict;

fn assert_passes(subject: &Subject) -> Report {
    let mut report = Report::new("cpu".to_string(), subject.quick, false);
    check(subject, &mut report).unwrap();
    let failed: Vec<_> = report.checks.iter().filter(|check| check.verdict == Verdict::Failed).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    report
}

#[test]
fn the_processor_agrees_with_itself() {
    let report = assert_passes(&Subject { device: Device::Cpu, quick: true, enter: |f| f() });
    let mut of_ops = report.checks.iter().filter(|check| check.claim.contains(", f32, forward"));
    assert!(of_ops.all(|check| check.found == Some(0.)));
    assert_eq!(report.counts()[2], 1);
}

#[test]
fn kernels_in_the_emulator_agree_with_the_processor() {
    assert_passes(&Subject { device: Device::Cpu, quick: true, enter: |f| cukernel_emulator::emulate(f) });
}

#[test]
fn every_public_operation_has_a_case() {
    let mut names: Vec<&str> = cases::all(true).unwrap().iter().map(|case| case.op).collect();
    names.extend(attention::cases(true).unwrap().iter().map(|case| case.op));
    names.dedup();
    let source = include_str!("../../../sibert-model/src/ops/mod.rs");
    let exported = source.lines().filter_map(|line| line.strip_prefix("pub use ")?.split("::").nth(1));
    let exported = exported.flat_map(|names| names.split(['{', '}', ',', ';', ' ']));
    let functions = exported.filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()));
    let elsewhere = ["argmax_rows", "count_correct", "dropout_mask"]; // checked by themselves
    for function in functions.filter(|name| !elsewhere.contains(name)) {
        let of = |name: &&str| name.split(',').next() == Some(function);
        assert!(names.iter().any(of), "no case of {function} among {names:?}");
    }
}
