//! Loops compiled several times, for the widest vectors of the processor that runs them.

/// Calls `f` in the version compiled for this processor: AVX-512, AVX2 with FMA, or the target's baseline.
///
/// What `f` calls must be `#[inline(always)]` to be compiled with it.
#[inline(always)]
pub fn vectorize<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}
