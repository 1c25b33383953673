//! The parts of a matrix whose gradients are factored apart, such as the heads of a map of attention.

use super::WithBias;
use super::sides::Sides;
use crate::ops::Real;
use std::ops::Range;

/// How a matrix (rows, columns) is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bands {
    /// Into nothing: it is one.
    Whole,
    /// Into so many bands of as many rows.
    Rows(usize),
    /// Into so many bands of as many columns.
    Columns(usize),
}

/// A part of a matrix: some of its rows, and of these the columns of `sides`.
pub(super) struct Band {
    pub rows: Range<usize>,
    pub sides: Sides,
}

impl Bands {
    /// Rows and columns of a band.
    pub fn dims(self, (rows, columns): (usize, usize)) -> (usize, usize) {
        match self {
            Self::Whole => (rows, columns),
            Self::Rows(count) => (rows / count, columns),
            Self::Columns(count) => (rows, columns / count),
        }
    }

    /// How many there are.
    pub fn count(self) -> usize {
        match self {
            Self::Whole => 1,
            Self::Rows(count) | Self::Columns(count) => count,
        }
    }

    /// The bands of a matrix (rows, columns), in their order.
    pub(super) fn of(self, dims: (usize, usize), bias: bool) -> Vec<Band> {
        let (rows, columns) = self.dims(dims);
        let sides = Sides { rows, columns, bias, first: 0, stride: dims.1 };
        match self {
            Self::Whole => vec![Band { rows: 0..rows, sides }],
            Self::Rows(count) => (0..count).map(|i| Band { rows: i * rows..(i + 1) * rows, sides }).collect(),
            Self::Columns(count) => {
                let band = |i| Band { rows: 0..rows, sides: Sides { first: i * columns, ..sides } };
                (0..count).map(band).collect()
            }
        }
    }
}

impl Band {
    /// The rows of the band.
    pub fn of<'a, T>(&self, whole: WithBias<&'a [T]>) -> WithBias<&'a [T]> {
        WithBias {
            matrix: &whole.matrix[self.elements()],
            bias: whole.bias.map(|bias| &bias[self.rows.clone()]),
        }
    }

    /// The rows of the band, to write.
    pub fn of_mut<'a, T>(&self, whole: WithBias<&'a mut [T]>) -> WithBias<&'a mut [T]> {
        WithBias {
            matrix: &mut whole.matrix[self.elements()],
            bias: whole.bias.map(|bias| &mut bias[self.rows.clone()]),
        }
    }

    /// `1/‖G‖` of the band's gradient; 0 if it is zero, which then moves nothing.
    pub fn scale<T: Real>(&self, whole: WithBias<&[T]>) -> f64 {
        let WithBias { matrix, bias } = self.of(whole);
        let Sides { first, columns, stride, .. } = self.sides;
        let own = matrix.chunks_exact(stride).flat_map(|row| &row[first..first + columns]);
        let squared: f64 = own.chain(bias.unwrap_or_default()).map(|x| x.widen() * x.widen()).sum();
        if squared > 0. { squared.sqrt().recip() } else { 0. }
    }

    fn elements(&self) -> Range<usize> {
        self.rows.start * self.sides.stride..self.rows.end * self.sides.stride
    }
}
