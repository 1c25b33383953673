//! The part of a training set that is held out to judge by: the same share of each class, the same rows in every run.

use std::collections::BTreeMap;

use crate::random::{Purpose, Stream};

/// Whether each row is held out: of each class the share, but at least one row and not all; none of a class of one row.
pub(crate) fn rows(classes: &[u32], share: f64) -> Vec<bool> {
    let mut of_class: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (row, class) in classes.iter().enumerate() {
        of_class.entry(*class).or_default().push(row);
    }
    let mut held_out = vec![false; classes.len()];
    for (class, mut rows) in of_class {
        if rows.len() > 1 {
            let count = ((rows.len() as f64 * share).round() as usize).clamp(1, rows.len() - 1);
            Stream::new(0, Purpose::HeldOutRows, u64::from(class), 0).draw_to_front(&mut rows, count);
            rows[..count].iter().for_each(|row| held_out[*row] = true);
        }
    }
    held_out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_gives_its_share_and_keeps_a_row() {
        let classes: Vec<u32> =
            (0..1000).map(|row| if row % 10 == 0 { 1 } else { 0 }).chain([2, 3, 3]).collect();
        let held_out = rows(&classes, 0.2);
        let count =
            |class| held_out.iter().zip(&classes).filter(|(held, of)| **held && **of == class).count();
        assert_eq!([0, 1, 2, 3].map(count), [180, 20, 0, 1]);
        assert_eq!(held_out, rows(&classes, 0.2));
        assert!(
            held_out[..100].contains(&true) && held_out[900..1000].contains(&true),
            "drawn from all over"
        );
    }
}
