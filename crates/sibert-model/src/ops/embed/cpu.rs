use crate::ops::buffer::uninit;
use crate::ops::real::Real;
use crate::ops::row_sums::for_each_row;

/// The sums of the rows of `[words, types, positions]` for every token.
pub fn forward<T: Real>(tables: [&[T]; 3], ids: &[u32], types: &[u32], seq: usize, width: usize) -> Vec<T> {
    let mut y = uninit(ids.len() * width);
    for_each_row(
        &mut y,
        width,
        #[inline(always)]
        |token, y| {
            let rows = [ids[token] as usize, types[token] as usize, token % seq];
            let [word, segment, position] = [0, 1, 2].map(|i| &tables[i][rows[i] * width..][..width]);
            for (y, ((&word, &segment), &position)) in
                y.iter_mut().zip(word.iter().zip(segment).zip(position))
            {
                *y = word + segment + position;
            }
        },
    );
    y
}
