//! Loops compiled several times, for the widest vectors of the processor that runs them.

/// Calls `f` in the version compiled for this processor: AVX-512, AVX2 with FMA, or the target's baseline.
///
/// `f` and what it calls must be `#[inline(always)]`, and loop by `for`, to be compiled with it: the standard library's
/// `for_each` and `fold` often are not, and then run in the vectors of the oldest processor.
#[inline(always)]
pub fn vectorize<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}
