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

/// Asks for the cache line of an address, which need not be readable, in the second cache.
#[inline(always)]
pub fn prefetch<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction is part of every x86-64, and never faults.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Whether the environment asks for the portable path.
pub fn is_portable() -> bool {
    std::env::var_os("SIBERT_PORTABLE").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `pulp` leaves out AVX2 unless it is asked for, even beside AVX-512.
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_widest_vectors_are_found() {
        let [avx512, avx2] = [pulp::x86::V4::is_available(), pulp::x86::V3::is_available()];
        match arch() {
            pulp::Arch::V4(_) => assert!(avx512),
            pulp::Arch::V3(_) => assert!(avx2 && !avx512),
            _ => assert!(is_portable() || !avx2),
        }
    }
}
