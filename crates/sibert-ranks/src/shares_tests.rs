#![allow(clippy::unwrap_used)]

use std::convert::Infallible;

use proptest::prelude::*;

use super::*;

/// The sum of a node, written as it is added.
fn written(left: String, right: String) -> Result<String, Infallible> {
    Ok(format!("({left}+{right})"))
}

/// What a rank makes of its shares.
fn made(shares: usize, run: Range<usize>) -> Vec<(Range<usize>, String)> {
    let mut tree = Tree::new(shares);
    run.for_each(|share| tree.push(share, share.to_string(), written).unwrap());
    tree.pieces()
}

#[test]
fn the_tree_of_the_docs() {
    let ranks = (0..3).map(|rank| format!("{:?}", pieces(8, &of_rank(8, rank, 3))));
    assert_eq!(ranks.collect::<Vec<_>>(), ["[0..2, 2..3]", "[3..4, 4..6]", "[6..8]"]);
    let all = made(8, 0..8);
    assert_eq!(all, [(0..8, "(((0+1)+(2+3))+((4+5)+(6+7)))".to_owned())]);
}

#[test]
fn a_rank_keeps_few_sums_at_a_time() {
    for run in [0..1024, 1..1023, 341..1000] {
        let mut tree = Tree::new(1024);
        let mut most = 0;
        for share in run {
            tree.push(share, (), |(), ()| Ok::<_, Infallible>(())).unwrap();
            most = most.max(tree.sums.len());
        }
        assert!(most <= 20, "{most}");
    }
}

#[test]
fn a_missing_piece_is_no_sum() {
    let piece = |range| (range, String::new());
    assert_eq!(root(4, [piece(0..2)], written), Ok(None));
    assert_eq!(root(4, [piece(0..2), piece(3..4)], written), Ok(None));
}

proptest! {
    #[test]
    fn every_number_of_ranks_adds_the_same_pairs(shares in 1_usize..70, size in 1_usize..12) {
        let whole = made(shares, 0..shares);
        prop_assert_eq!(whole.len(), 1);
        let mut all = Vec::new();
        for rank in 0..size {
            let run = of_rank(shares, rank, size);
            let own = made(shares, run.clone());
            let ranges: Vec<_> = own.iter().map(|(range, _)| range.clone()).collect();
            prop_assert_eq!(&ranges, &pieces(shares, &run));
            all.extend(own);
        }
        let sum = root(shares, all, written).unwrap();
        prop_assert_eq!(sum.as_ref(), Some(&whole[0].1));
    }

    #[test]
    fn ranks_have_equal_shares_but_for_one(shares in 0_usize..1000, size in 1_usize..40) {
        let runs: Vec<_> = (0..size).map(|rank| of_rank(shares, rank, size)).collect();
        prop_assert_eq!((runs[0].start, runs[size - 1].end), (0, shares));
        prop_assert!(runs.windows(2).all(|pair| pair[0].end == pair[1].start && pair[0].len() <= pair[1].len() + 1));
        prop_assert!(runs[0].len() - runs[size - 1].len() <= 1);
    }
}
