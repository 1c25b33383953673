//! The tiles of this processor.
//!
//! Rust has no stable functions for them, but its assembler knows the instructions. Linux gives the registers to a process
//! that asks for them, and every thread configures its own before it multiplies.

use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count};
use std::sync::OnceLock;

use super::super::operand::Operand;
use super::super::vectors;
use super::pack::{LINES, PANEL};
use super::{Engine, pack_avx512};

/// The tile registers of this thread, until it is dropped.
pub struct Tiles(());

/// Whether the processor has tiles for bfloat16 and the system gives them to this process.
pub fn supported() -> bool {
    static SUPPORTED: OnceLock<bool> = OnceLock::new();
    *SUPPORTED.get_or_init(|| vectors::supported() && processor() && system())
}

/// AMX-TILE and AMX-BF16, whose registers the system saves (bits 17 and 18 of XCR0).
fn processor() -> bool {
    const OSXSAVE: u32 = 27;
    const BF16: u32 = 22;
    const TILE: u32 = 24;
    if __cpuid(0).eax < 0x1d || __cpuid(1).ecx >> OSXSAVE & 1 == 0 {
        return false;
    }
    let features = __cpuid_count(7, 0).edx;
    let saved: u32;
    // SAFETY: OSXSAVE says that the instruction is there; it reads a register.
    unsafe {
        asm!("xgetbv", in("ecx") 0, out("eax") saved, out("edx") _, options(nomem, nostack, preserves_flags))
    };
    features >> BF16 & features >> TILE & 1 == 1 && saved >> 17 & 3 == 3
}

/// Asks for the registers, for all threads of the process. Systems before Linux 5.16 do not know the question, and where a
/// thread's stack for signals is too small to save them the answer is no.
fn system() -> bool {
    const REQUEST: libc::c_ulong = 0x1023; // ARCH_REQ_XCOMP_PERM
    const TILE_DATA: libc::c_ulong = 18;
    // SAFETY: the call changes nothing but what the process may use.
    unsafe { libc::syscall(libc::SYS_arch_prctl, REQUEST, TILE_DATA) == 0 }
}

/// What `ldtilecfg` reads.
#[repr(C, align(64))]
struct Configuration([u8; 64]);

/// Eight tiles of 16 rows of 64 bytes.
static CONFIGURATION: Configuration = {
    let mut bytes = [0; 64];
    bytes[0] = 1; // the palette
    let mut tile = 0;
    while tile < 8 {
        bytes[16 + 2 * tile] = 64;
        bytes[48 + tile] = LINES as u8;
        tile += 1;
    }
    Configuration(bytes)
};

impl Tiles {
    /// Configures this thread's registers.
    ///
    /// # Safety
    /// They are [`supported`], and nothing else on this thread uses them until this is dropped.
    pub unsafe fn configured() -> Self {
        // SAFETY: the caller's promise; the configuration is one of palette 1.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &CONFIGURATION, options(nostack, readonly, preserves_flags))
        };
        Self(())
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: this thread has configured them. Released, they cost nothing when threads change.
        unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) };
    }
}

/// Four tiles of the result, `tmm0 tmm1` above `tmm2 tmm3`, stay in registers for the whole depth, so that the compiler has
/// no say between the instructions. `$step` multiplies one step of the panels, `$bytes` long.
macro_rules! multiply {
    ($steps:ident, $a:ident, $b:ident, $c:ident, $stride:ident, $add:ident, $bytes:literal, $($step:literal)*) => {
        asm!(
            "test {add}, {add}",
            "jz 2f",
            "tileloadd tmm0, [{c} + {stride}]",
            "tileloadd tmm1, [{c} + {stride} + 64]",
            "tileloadd tmm2, [{below} + {stride}]",
            "tileloadd tmm3, [{below} + {stride} + 64]",
            "jmp 3f",
            "2:",
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            ".p2align 4",
            "3:",
            $($step,)*
            concat!("add {a}, ", $bytes),
            concat!("add {b}, ", $bytes),
            "dec {steps}",
            "jnz 3b",
            "tilestored [{c} + {stride}], tmm0",
            "tilestored [{c} + {stride} + 64], tmm1",
            "tilestored [{below} + {stride}], tmm2",
            "tilestored [{below} + {stride} + 64], tmm3",
            steps = inout(reg) $steps => _,
            a = inout(reg) $a => _,
            b = inout(reg) $b => _,
            c = in(reg) $c,
            below = in(reg) $c.wrapping_add(LINES * $stride),
            stride = in(reg) 4 * $stride,
            row = in(reg) 64_usize,
            add = in(reg) usize::from($add),
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        )
    };
}

impl Engine for Tiles {
    unsafe fn square<const P: usize>(x: Operand, line: usize, element: usize, out: *mut u16) {
        // SAFETY: the caller's promise; a processor with tiles has the vectors.
        unsafe { pack_avx512::square::<P>(x, line, element, out) }
    }

    #[inline]
    unsafe fn block<const P: usize>(
        &self,
        steps: usize,
        a: *const u16,
        b: *const u16,
        c: *mut f32,
        stride: usize,
        add: bool,
    ) {
        for i in 0..PANEL {
            // SAFETY: a hint, which may name any address.
            unsafe {
                asm!(
                    "prefetchw [{0}]",
                    "prefetchw [{0} + 64]",
                    in(reg) c.wrapping_add(i * stride),
                    options(nostack, readonly, preserves_flags),
                );
            }
        }
        // SAFETY: the caller's promise. `Tiles` exist where the registers are configured.
        unsafe {
            match P {
                // The two squares of `a` are in tmm4 and tmm5, those of `b` in tmm6 and tmm7.
                1 => multiply!(steps, a, b, c, stride, add, "2048",
                    "tileloadd tmm4, [{a} + {row}]"
                    "tileloadd tmm6, [{b} + {row}]"
                    "tdpbf16ps tmm0, tmm4, tmm6"
                    "tileloadd tmm7, [{b} + {row} + 1024]"
                    "tdpbf16ps tmm1, tmm4, tmm7"
                    "tileloadd tmm5, [{a} + {row} + 1024]"
                    "tdpbf16ps tmm2, tmm5, tmm6"
                    "tdpbf16ps tmm3, tmm5, tmm7"
                ),
                // The low parts lie 2 KiB behind the high ones: first l·h, then h·h and h·l, as `PRODUCTS` says.
                _ => multiply!(steps, a, b, c, stride, add, "4096",
                    "tileloadd tmm4, [{a} + {row} + 2048]"
                    "tileloadd tmm6, [{b} + {row}]"
                    "tdpbf16ps tmm0, tmm4, tmm6"
                    "tileloadd tmm7, [{b} + {row} + 1024]"
                    "tdpbf16ps tmm1, tmm4, tmm7"
                    "tileloadd tmm5, [{a} + {row} + 3072]"
                    "tdpbf16ps tmm2, tmm5, tmm6"
                    "tdpbf16ps tmm3, tmm5, tmm7"
                    "tileloadd tmm4, [{a} + {row}]"
                    "tileloadd tmm5, [{a} + {row} + 1024]"
                    "tdpbf16ps tmm0, tmm4, tmm6"
                    "tdpbf16ps tmm1, tmm4, tmm7"
                    "tdpbf16ps tmm2, tmm5, tmm6"
                    "tdpbf16ps tmm3, tmm5, tmm7"
                    "tileloadd tmm6, [{b} + {row} + 2048]"
                    "tileloadd tmm7, [{b} + {row} + 3072]"
                    "tdpbf16ps tmm0, tmm4, tmm6"
                    "tdpbf16ps tmm1, tmm4, tmm7"
                    "tdpbf16ps tmm2, tmm5, tmm6"
                    "tdpbf16ps tmm3, tmm5, tmm7"
                ),
            }
        }
    }
}
