//! Which way products in bf16 take, said and compared.

use candle_core::Device;
use sibert_model::{Bf16Route, Precision};

use crate::console::note;

/// The name of the sums in this precision: results of one name have the same bits. None in f32, and on a GPU.
pub fn sums(precision: Precision, device: &Device) -> Option<String> {
    let rounds = precision != Precision::F32 && device.is_cpu();
    rounds.then(|| Bf16Route::current().sums().to_owned())
}

/// The precision of the orthogonal factors beside products in this one: two parts where tiles multiply them, else f32.
pub fn of_factors(precision: Precision) -> Precision {
    let tiles = matches!(Bf16Route::current(), Bf16Route::Tiles | Bf16Route::EmulatedTiles);
    if precision != Precision::F32 && tiles { Precision::Bf16x3 } else { Precision::F32 }
}

/// Says so if a run goes on with other sums than those of its checkpoint.
pub fn note_change(checkpoint: &str, saved: Option<&str>, now: Option<&str>) {
    let (Some(saved), Some(now)) = (saved, now) else { return };
    if saved != now {
        note(format!(
            "{checkpoint} was computed with the bf16 sums of {saved}, and this processor takes {now}: the run goes on with \
             other last bits; SIBERT_BF16={saved} asks for the same"
        ));
    }
}
