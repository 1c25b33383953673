//! An encoder that is not scale invariant does not compile; the messages are pinned beside the sources.

#[test]
fn wrong_encoders_do_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/right_encoder.rs");
    cases.compile_fail("tests/ui/wrong_*.rs");
}
