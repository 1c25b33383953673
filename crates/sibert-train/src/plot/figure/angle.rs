//! Angle that a step turns the parameters by, and √(2ηλ), which it settles at.

use anyhow::Result;

use super::Chart;
use super::curves::Quantity;
use super::norm::beside_prediction;
use crate::plot::runs::Group;

const ANGLE: Quantity = Quantity { key: "/angle", series: "angle", log: true };
const EQUILIBRIUM: Quantity = Quantity { key: "/equilibrium_angle", series: "equilibrium", log: true };

/// The chart of an `angle` figure.
pub fn chart(groups: &[Group]) -> Result<Chart> {
    let chart = beside_prediction("Angle per step, radians", groups, ANGLE, EQUILIBRIUM, |group| {
        group.label.clone()
    })?;
    let note = if chart.note.is_empty() { "" } else { "dashed: equilibrium, √(2ηλ)" };
    Ok(Chart { note, ..chart })
}
