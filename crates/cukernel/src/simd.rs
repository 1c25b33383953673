//! Loops compiled several times, for the widest vectors of the processor that runs them.

use std::sync::OnceLock;

/// Calls `f` in the version compiled for this processor: AVX-512, AVX2 with FMA, or the target's baseline.
///
/// `f` and what it calls must be `#[inline(always)]`, and loop by `for`, to be compiled with it: the standard library's
/// `for_each` and `fold` often are not, and then run in the vectors of the oldest processor.
#[inline(always)]
pub fn vectorize<R>(f: impl FnOnce() -> R) -> R {
    arch().dispatch(f)
}

/// The widest vectors of this processor, or the target's baseline if `SIBERT_PORTABLE` is set: what other processors run
/// can then be tested on this one.
#[inline]
pub fn arch() -> pulp::Arch {
    static ARCH: OnceLock<pulp::Arch> = OnceLock::new();
    *ARCH.get_or_init(|| if is_portable() { pulp::Arch::Scalar } else { pulp::Arch::new() })
}

/// Whether the environment asks for the portable path.
pub fn is_portable() -> bool {
    std::env::var_os("SIBERT_PORTABLE").is_some()
}
