//! An encoder that is not scale invariant does not compile; the messages are pinned beside the sources.

#[path = "ui/right_encoder.rs"]
mod right_encoder;

#[test]
fn the_right_encoder_compiles_and_runs() -> candle_core::Result<()> {
    right_encoder::encodes()
}

/// Nothing but types is checked: with a case that has to run, every dependency would be compiled to machine code once more.
#[test]
fn wrong_encoders_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/wrong_*.rs");
}
