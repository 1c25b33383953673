//! How a long context is cut into parts that overlap, and which part shows most around a token.

use std::ops::Range;

/// The parts of `tokens` tokens: each as long as `room` except the last one, neighbours share `overlap`.
///
/// There is always one; `overlap` must be below `room` if there are more.
pub fn parts(tokens: usize, room: usize, overlap: usize) -> Vec<Range<usize>> {
    let step = room.saturating_sub(overlap).max(1);
    let last = tokens.saturating_sub(room).div_ceil(step);
    (0..=last).map(|part| part * step..tokens.min(part * step + room)).collect()
}

/// For each part the tokens that have their maximum context in it: every token has it in one part.
///
/// The context of a token in a part is `min(left, right) + 0.01 · length`, with the tokens of the part on its left and
/// right; of equal parts the first one has it (run_squad.py of Devlin et al. 2019). Computed in hundredths, without
/// its rounding. As both ends of the parts ascend, so do the parts of the tokens: ranges are enough.
pub fn max_context(parts: &[Range<usize>]) -> Vec<Range<usize>> {
    let tokens = parts.last().map_or(0, |part| part.end);
    let best: Vec<usize> = (0..tokens).map(|token| best_part(parts, token)).collect();
    let range = |part| best.partition_point(|&best| best < part)..best.partition_point(|&best| best <= part);
    (0..parts.len()).map(range).collect()
}

/// The first of the parts that show most around a token.
fn best_part(parts: &[Range<usize>], token: usize) -> usize {
    let context = |part: &Range<usize>| 100 * (token - part.start).min(part.end - 1 - token) + part.len();
    let first = parts.partition_point(|part| part.end <= token);
    let end = parts.partition_point(|part| part.start <= token);
    // Of equal ones the last of the reversed.
    (first..end).rev().max_by_key(|&part| context(&parts[part])).unwrap_or(first)
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_are_those_of_the_tokenizers_crate() {
        assert_eq!(parts(0, 5, 2), [0..0]);
        assert_eq!(parts(5, 5, 2), [0..5]);
        assert_eq!(parts(6, 5, 2), [0..5, 3..6]);
        assert_eq!(parts(8, 5, 2), [0..5, 3..8]);
        assert_eq!(parts(9, 5, 2), [0..5, 3..8, 6..9]);
        assert_eq!(parts(6, 3, 0), [0..3, 3..6]);
    }

    #[test]
    fn a_token_has_maximum_context_where_its_shorter_side_is_longest() {
        // Google's own example: "the man went to the store and bought a gallon of milk", parts of 5 by steps of 3.
        assert_eq!(max_context(&[0..5, 3..8, 6..11, 9..12]), [0..4, 4..7, 7..10, 10..12]);
        // Token 3 has a neighbour on either side in the first part, none on its left in the second.
        assert_eq!(max_context(&[0..5, 3..8]), [0..4, 4..8]);
        assert_eq!(max_context(&parts(0, 5, 2)), [0..0]);
    }

    proptest! {
        #[test]
        fn parts_cover_all_tokens_and_share_the_overlap(
            tokens in 0usize..300, room in 1usize..80, share in 0usize..80,
        ) {
            let overlap = share % room;
            let parts = parts(tokens, room, overlap);
            prop_assert_eq!((parts[0].start, parts[parts.len() - 1].end), (0, tokens));
            for pair in parts.windows(2) {
                prop_assert_eq!(pair[0].len(), room);
                prop_assert_eq!(pair[0].end - pair[1].start, overlap);
                prop_assert!(pair[1].end > pair[0].end && pair[1].len() <= room);
            }
        }

        #[test]
        fn maximum_context_is_in_the_first_best_part(
            tokens in 1usize..400, room in 1usize..350, share in 0usize..350,
        ) {
            let parts = parts(tokens, room, share % room);
            let found = max_context(&parts);
            for token in 0..tokens {
                let mut best = (0, 0);
                for (index, part) in parts.iter().enumerate().filter(|(_, part)| part.contains(&token)) {
                    let context = 100 * (token - part.start).min(part.end - token - 1) + part.len();
                    if context > best.0 {
                        best = (context, index);
                    }
                }
                let having: Vec<usize> = (0..parts.len()).filter(|&part| found[part].contains(&token)).collect();
                prop_assert_eq!(having, [best.1]);
            }
        }
    }
}
