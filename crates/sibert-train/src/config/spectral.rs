//! The `[spectral]` table: how the rule `spectral` turns gradients into directions. Each part can be switched off alone.

use serde::{Deserialize, Serialize};
use sibert_model::BlockKind;
use sisgd::{Block, Factor, SpectralConfig};

use crate::device::DeviceName;

/// Parts of the rule `spectral` in the encoder; of these the head has `polar` alone, and else the whole rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpectralSettings {
    /// Direction of a matrix: `orthogonal`, or `whole` for its gradient as it is.
    pub matrices: Matrices,
    /// The heads of an attention matrix: `together` as one matrix, or `apart`, each with an orthogonal factor.
    pub heads: Heads,
    /// Direction of an embedding table: its `rows`, each normalised on its own, or its `whole` gradient as it is.
    pub tables: Tables,
    /// Whether every block of the encoder is scaled back to its norm after a step.
    pub keep_norms: bool,
    /// How orthogonal factors are approximated: `zolotarev`, on the CPU alone and the default there, or `newton_schulz`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub polar: Option<Polar>,
}

/// The way to orthogonal factors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Polar {
    /// Jordan's polynomials.
    NewtonSchulz,
    /// A rational function, by two inverses.
    Zolotarev,
}

impl Polar {
    /// The default on a device.
    pub fn on(device: DeviceName) -> Self {
        if device == DeviceName::Cpu { Self::Zolotarev } else { Self::NewtonSchulz }
    }
}

/// The direction of a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Matrices {
    /// The orthogonal factor of the gradient.
    Orthogonal,
    /// The gradient.
    Whole,
}

/// The heads of a matrix of attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Heads {
    /// Each has an orthogonal factor.
    Apart,
    /// They are one matrix.
    Together,
}

/// The direction of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tables {
    /// The gradient, each row divided by its norm.
    Rows,
    /// The gradient.
    Whole,
}

impl Default for SpectralSettings {
    fn default() -> Self {
        Self {
            matrices: Matrices::Orthogonal,
            heads: Heads::Together,
            tables: Tables::Rows,
            keep_norms: true,
            polar: None,
        }
    }
}

impl SpectralSettings {
    /// The blocks of a model as the rule takes them.
    pub fn blocks(self, blocks: Vec<sibert_model::Block>) -> Vec<Block> {
        let of_heads = |bands| if self.heads == Heads::Apart { bands } else { Factor::Orthogonal };
        let factor = |kind| match kind {
            BlockKind::Table if self.tables == Tables::Rows => Factor::Rows,
            BlockKind::Table | BlockKind::Whole => Factor::Whole,
            _ if self.matrices == Matrices::Whole => Factor::Whole,
            BlockKind::HeadRows(heads) => of_heads(Factor::RowBands(heads)),
            BlockKind::HeadColumns(heads) => of_heads(Factor::ColumnBands(heads)),
            BlockKind::Matrix => Factor::Orthogonal,
        };
        blocks
            .into_iter()
            .map(|sibert_model::Block { kind, vars }| Block { factor: factor(kind), vars })
            .collect()
    }

    /// The rule for blocks whose scale does not matter.
    pub fn rotation(self) -> SpectralConfig {
        SpectralConfig { keep_norms: self.keep_norms, polar: self.polar(), ..SpectralConfig::ROTATION }
    }

    /// The rule for blocks whose scale matters.
    pub fn relative(self) -> SpectralConfig {
        SpectralConfig { polar: self.polar(), ..SpectralConfig::RELATIVE }
    }

    fn polar(self) -> Option<sisgd::Polar> {
        self.polar.map(|polar| match polar {
            Polar::NewtonSchulz => sisgd::Polar::NewtonSchulz,
            Polar::Zolotarev => sisgd::Polar::Zolotarev,
        })
    }
}
