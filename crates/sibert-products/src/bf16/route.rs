//! Which way products of bfloat16 numbers take on this processor.

use std::fmt;
use std::sync::OnceLock;

use cukernel::simd;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use super::amx;
#[cfg(target_arch = "x86_64")]
use super::vectors;

/// The variable of the environment that chooses a way by name.
const VARIABLE: &str = "SIBERT_BF16";

/// How products in [`Precision::Bf16`](crate::Precision) and `Bf16x3` are computed on this processor.
///
/// The ways differ in the order of their sums, and so in the last bits of the results. The choice depends on the processor and
/// the environment alone, never on a measurement: a run on one machine has the same bits every time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// In AMX tiles.
    Tiles,
    /// The same bits on any processor, slowly.
    EmulatedTiles,
    /// By the vectors of AVX512-BF16.
    Vectors,
    /// In f32, with rounded operands.
    Rounded,
}

/// A way, and why it is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The way.
    pub route: Route,
    /// Why.
    pub reason: String,
}

/// What there is to choose from.
#[derive(Clone, Copy, Debug)]
struct Found {
    portable: bool,
    tiles: bool,
    /// Whether there are tiles that compute something else than they should.
    faulty: bool,
    vectors: bool,
    /// Whether the vectors have the full rate, two instructions for every three or four of f32.
    full_rate: bool,
}

impl Route {
    /// The way of this process.
    pub fn current() -> Self {
        chosen().0.route
    }

    /// The way of this process and its reason.
    ///
    /// # Errors
    /// If the environment asks for a way that there is not; products then take the one that it would have without.
    pub fn choice() -> Result<Choice, String> {
        let (choice, error) = chosen();
        error.clone().map_or_else(|| Ok(choice.clone()), Err)
    }

    /// Whether this process may use tiles.
    pub fn has_tiles() -> bool {
        Found::here().tiles
    }

    /// Names the sums: ways of the same name have the same bits.
    pub fn sums(self) -> &'static str {
        match self {
            Route::Tiles | Route::EmulatedTiles => "tiles",
            Route::Vectors => "vectors",
            Route::Rounded => "rounded",
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Route::Tiles => "AMX tiles",
            Route::EmulatedTiles => "emulated AMX tiles",
            Route::Vectors => "AVX512-BF16 vectors",
            Route::Rounded => "f32 products of rounded operands",
        })
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.route, self.reason)
    }
}

/// The choice, made once, and what the environment asks for in vain.
fn chosen() -> &'static (Choice, Option<String>) {
    static CHOSEN: OnceLock<(Choice, Option<String>)> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let (found, wanted) = (Found::here(), std::env::var(VARIABLE).ok());
        match wanted.as_deref().map(|name| named(name, found)) {
            None => (found.best(), None),
            Some(Ok(choice)) => (choice, None),
            Some(Err(error)) => (found.best(), Some(error)),
        }
    })
}

/// The way of this name.
fn named(name: &str, found: Found) -> Result<Choice, String> {
    let route = match name {
        "tiles" if found.tiles => Route::Tiles,
        "tiles" | "emulated-tiles" => Route::EmulatedTiles,
        "vectors" if found.vectors => Route::Vectors,
        "vectors" => return Err(format!("{VARIABLE} is vectors, but this processor has no AVX512-BF16")),
        "rounded" => Route::Rounded,
        _ => {
            return Err(format!(
                "{VARIABLE} is {name:?}, expected tiles, emulated-tiles, vectors or rounded"
            ));
        }
    };
    Ok(Choice { route, reason: format!("{VARIABLE} is {name}") })
}

impl Found {
    #[cfg(target_arch = "x86_64")]
    fn here() -> Self {
        let portable = simd::is_portable();
        #[cfg(target_os = "linux")]
        let (there, right) = (!portable && amx::tiles_supported(), amx::tiles_agree as fn() -> bool);
        #[cfg(not(target_os = "linux"))]
        let (there, right) = (false, (|| false) as fn() -> bool);
        let tiles = there && right();
        let vectors = !portable && vectors::supported();
        Self { portable, tiles, faulty: there && !tiles, vectors, full_rate: vectors::full_rate() }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn here() -> Self {
        let portable = simd::is_portable();
        Self { portable, tiles: false, faulty: false, vectors: false, full_rate: false }
    }

    /// The fastest way.
    fn best(self) -> Choice {
        let (route, reason) = match self {
            Self { portable: true, .. } => (Route::Rounded, "SIBERT_PORTABLE is set"),
            Self { tiles: true, .. } => (Route::Tiles, "this processor has AMX-BF16"),
            Self { vectors: true, full_rate: true, .. } => {
                (Route::Vectors, "this processor has AVX512-BF16 at twice the rate of f32")
            }
            Self { vectors: true, .. } => (
                Route::Rounded,
                "this processor's AVX512-BF16 is slower than its f32, and it has no AMX-BF16",
            ),
            _ => (Route::Rounded, "this processor has neither AMX-BF16 nor AVX512-BF16"),
        };
        let fault =
            if self.faulty { "; its AMX tiles gave wrong bits in a check: please report this" } else { "" };
        Choice { route, reason: format!("{reason}{fault}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Found =
        Found { portable: false, tiles: false, faulty: false, vectors: false, full_rate: false };

    #[test]
    fn the_fastest_way_of_the_processor_is_taken() {
        let intel = Found { vectors: true, ..NOTHING };
        for (found, route) in [
            (NOTHING, Route::Rounded),
            (intel, Route::Rounded),
            (Found { tiles: true, ..intel }, Route::Tiles),
            (Found { faulty: true, ..intel }, Route::Rounded),
            (Found { full_rate: true, ..intel }, Route::Vectors),
            (Found { portable: true, ..NOTHING }, Route::Rounded),
        ] {
            assert_eq!(found.best().route, route, "{found:?}");
        }
    }

    #[test]
    fn tiles_can_be_asked_for_anywhere_and_vectors_where_they_are() {
        let route = |name, found| named(name, found).map(|choice| choice.route);
        assert_eq!(route("tiles", NOTHING), Ok(Route::EmulatedTiles));
        assert_eq!(route("tiles", Found { tiles: true, ..NOTHING }), Ok(Route::Tiles));
        assert_eq!(route("emulated-tiles", Found { tiles: true, ..NOTHING }), Ok(Route::EmulatedTiles));
        assert_eq!(route("vectors", Found { vectors: true, ..NOTHING }), Ok(Route::Vectors));
        assert_eq!(route("rounded", Found { tiles: true, ..NOTHING }), Ok(Route::Rounded));
        assert!(route("vectors", NOTHING).is_err_and(|error| error.contains("no AVX512-BF16")));
        assert!(
            route("amx", NOTHING)
                .is_err_and(|error| error.contains("expected tiles, emulated-tiles, vectors or rounded"))
        );
    }
}
