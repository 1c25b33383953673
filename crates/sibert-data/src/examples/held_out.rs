//! The part of a training set that is held out to judge by: about the same share of each class, each row by its own texts.
//!
//! The rule is that of documents ([`sides`](crate::sides)): a row keeps its side when others come or go, and a copy of it never
//! stands on the other side.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::shards::Side;
use crate::sides::{Bound, Extremes, hash};

/// The hash of a row's texts.
pub(crate) fn hash_of<'a>(texts: impl IntoIterator<Item = &'a str>) -> u64 {
    let texts: Vec<&str> = texts.into_iter().collect();
    hash(&texts.join("\0"))
}

/// Whether each row is held out, by its class and its hash: of each class the share, but at least one row and not all; none of
/// a class whose rows are one and the same.
///
/// # Errors
/// If the share is not one.
pub(crate) fn rows(rows: &[(u32, u64)], share: f64) -> Result<Vec<bool>> {
    let bound = Bound::new(share)?;
    let mut classes: BTreeMap<u32, Extremes> = BTreeMap::new();
    for (class, hash) in rows {
        classes.entry(*class).or_default().add(*hash);
    }
    let bounds: BTreeMap<u32, Bound> = classes
        .into_iter()
        .filter_map(|(class, extremes)| Some((class, extremes.settle(bound).ok()?)))
        .collect();
    let is_held_out = |(class, hash): &(u32, u64)| {
        bounds.get(class).is_some_and(|bound| bound.side(*hash) == Side::HeldOut)
    };
    Ok(rows.iter().map(is_held_out).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn table(count: usize) -> Vec<(u32, u64)> {
        let row = |row: usize| (u32::from(row.is_multiple_of(10)), hash_of([format!("text {row}").as_str()]));
        (0..count).map(row).collect()
    }

    #[test]
    fn every_class_gives_about_its_share_and_keeps_a_row() {
        let table: Vec<_> = table(2000).into_iter().chain([(2, 5), (3, 6), (3, 7), (4, 8), (4, 8)]).collect();
        let held_out = rows(&table, 0.2).unwrap();
        let count =
            |class| held_out.iter().zip(&table).filter(|(held, (of, _))| **held && *of == class).count();
        assert!(count(0).abs_diff(360) < 60 && count(1).abs_diff(40) < 20, "{} {}", count(0), count(1));
        assert_eq!([2, 3, 4].map(count), [0, 1, 0]);
    }

    /// A model is judged by no row that it was trained on, though its table has grown since.
    #[test]
    fn a_row_keeps_its_side_when_others_are_added() {
        let (small, large) = (rows(&table(500), 0.1).unwrap(), rows(&table(3000), 0.1).unwrap());
        assert_eq!(small, large[..500]);
    }

    #[test]
    fn copies_of_a_row_are_on_one_side() {
        let table: Vec<_> = table(300).into_iter().flat_map(|row| [row; 3]).collect();
        let held_out = rows(&table, 0.2).unwrap();
        assert!(held_out.chunks(3).all(|copies| copies.iter().all(|copy| *copy == copies[0])));
        assert!(held_out.contains(&true));
    }
}
