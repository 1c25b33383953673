//! The rows of a tensor that share an id, and their sums.
//!
//! The sums of an id's rows are taken in the order of the rows.

use candle_core::{D, DType, Result, Tensor};
use cukernel::{Grid, Module, args, empty, suffix, upload};

use super::real::Real;
use super::{buffer, by_float, kernels, row_sums};

/// The kernels.
pub const MODULE: Module = Module::new("groups", include_str!("groups.cu"));

/// Threads of a block, which writes one row.
const THREADS: u32 = 128;

/// Rows that one block adds up, at most: the rows of a frequent id are shared out among several.
const PART: usize = 64;

/// The places of every id.
pub struct Groups {
    /// Ascending, each once.
    pub ids: Vec<u32>,
    /// The places of the first id, in order, then those of the second, and so on.
    order: Vec<u32>,
    /// Where the places of each begin in `order`, and its end.
    starts: Vec<u32>,
}

/// Which row of the result a sum is.
pub enum Targets {
    /// Its id's.
    Ids,
    /// The next.
    InOrder,
}

impl Groups {
    /// The groups of ids that may repeat, by counting.
    pub fn of(ids: &[u32]) -> Self {
        let mut next = vec![0_u32; ids.iter().max().map_or(0, |&most| most as usize + 1)];
        ids.iter().for_each(|&id| next[id as usize] += 1);
        let (mut distinct, mut starts, mut start) = (Vec::new(), Vec::new(), 0);
        for (id, count) in (0_u32..).zip(&mut next).filter(|(_, count)| **count > 0) {
            distinct.push(id);
            starts.push(start);
            (start, *count) = (start + *count, start); // from here on where its next place goes
        }
        starts.push(start);
        let mut order = vec![0; ids.len()];
        for (place, &id) in (0_u32..).zip(ids) {
            order[next[id as usize] as usize] = place;
            next[id as usize] += 1;
        }
        Self { ids: distinct, order, starts }
    }

    /// The sums of the rows of `values` (…, width) of each id, f32 (ids, width).
    pub fn sums(&self, values: &Tensor) -> Result<Tensor> {
        let sums = empty((self.ids.len(), values.dim(D::Minus1)?), DType::F32, values.device())?;
        self.sum_into(values, Targets::InOrder, &sums)?;
        Ok(sums)
    }

    /// Writes the sums of the rows of `values` to rows of `out`, of their type or f32: each in the order of its places, in
    /// parts where it has many.
    pub fn sum_into(&self, values: &Tensor, targets: Targets, out: &Tensor) -> Result<()> {
        let targets = match targets {
            Targets::Ids => self.ids.clone(),
            Targets::InOrder => in_order(self.ids.len()),
        };
        let (parts, of_ids) = self.parts();
        if parts.len() == self.starts.len() {
            return group(values, &self.order, &self.starts, &targets, out);
        }
        let count = parts.len() - 1;
        let sums = empty((count, out.dim(D::Minus1)?), DType::F32, values.device())?;
        group(values, &self.order, &parts, &in_order(count), &sums)?;
        group(&sums, &in_order(count), &of_ids, &targets, out)
    }

    /// Where parts of at most [`PART`] places begin in `order`, with the end; and where each id's parts begin among them.
    fn parts(&self) -> (Vec<u32>, Vec<u32>) {
        let (mut parts, mut of_ids) = (Vec::new(), vec![0]);
        for range in self.starts.windows(2) {
            parts.extend((range[0]..range[1]).step_by(PART));
            of_ids.push(parts.len() as u32);
        }
        parts.push(self.order.len() as u32);
        (parts, of_ids)
    }
}

/// `0, 1, …`
fn in_order(count: usize) -> Vec<u32> {
    (0..count as u32).collect()
}

/// Row `targets[i]` of `out` becomes the sum of the rows `order[starts[i]..starts[i + 1]]` of `values`.
fn group(values: &Tensor, order: &[u32], starts: &[u32], targets: &[u32], out: &Tensor) -> Result<()> {
    let (device, width) = (values.device(), out.dim(D::Minus1)?);
    let kernel = match (values.dtype(), out.dtype()) {
        (DType::BF16, DType::F32) => "group_wide_bf16".to_string(),
        (DType::F32, DType::BF16) => "group_narrow_f32".to_string(),
        (dtype, _) => format!("group_{}", suffix(dtype)?),
    };
    let grid = Grid::new(targets.len(), THREADS);
    let upload = |ids: &[u32]| upload(ids, ids.len(), device);
    let (order, starts, targets) = (upload(order)?, upload(starts)?, upload(targets)?);
    let args = args![values, order, starts, targets, out, width];
    // SAFETY: the places are those of rows of `values`, the targets those of rows of `out`, each once.
    unsafe { MODULE.launch(device, &kernel, grid, &args) }
}

/// Adds rows (ids, width) to the rows `ids`, each once, of a table, in place.
fn add_to_rows(table: &Tensor, ids: &[u32], values: &Tensor) -> Result<()> {
    let device_ids = upload(ids, ids.len(), table.device())?;
    let args = args![table, device_ids, values, table.dim(1)?];
    // SAFETY: the ids are below the number of rows of the table, and there is a row of values for each.
    unsafe { MODULE.launch(table.device(), "add_to_rows", Grid::new(ids.len(), THREADS), &args) }
}

/// The ids that occur, ascending, and the sums of the rows of `values` (…, width) of each.
///
/// # Errors
/// If the values are not floats, or the device fails.
pub fn sums(ids: &[u32], values: &Tensor) -> Result<(Vec<u32>, Tensor)> {
    if kernels(values) {
        let groups = Groups::of(ids);
        let values = groups.sums(&values.contiguous()?)?;
        return Ok((groups.ids, values));
    }
    let width = values.dim(D::Minus1)?;
    let mut order: Vec<u32> = (0..ids.len() as u32).collect();
    order.sort_by_key(|&at| ids[at as usize]); // stable
    let groups: Vec<&[u32]> = order.chunk_by(|&a, &b| ids[a as usize] == ids[b as usize]).collect();
    let distinct: Vec<u32> = groups.iter().map(|group| ids[group[0] as usize]).collect();
    let sums = by_float!("rows", values.dtype(), T => {
        let values = buffer::Values::of(values);
        buffer::tensor(sums_of_groups(&groups, values.slice::<T>()?, width), (groups.len(), width))
    })?;
    Ok((distinct, sums))
}

/// The sums of rows of `width`, each in the order of its group.
fn sums_of_groups<T: Real>(groups: &[&[u32]], values: &[T], width: usize) -> Vec<T> {
    let mut sums = buffer::uninit::<T>(groups.len() * width);
    row_sums::for_each_row(
        &mut sums,
        width,
        #[inline(always)]
        |group, sum| {
            let row = |at: u32| &values[at as usize * width..][..width];
            let sum = sum.write_copy_of_slice(row(groups[group][0]));
            for &at in &groups[group][1..] {
                for (sum, &value) in sum.iter_mut().zip(row(at)) {
                    *sum += value;
                }
            }
        },
    );
    // SAFETY: the first row of its group is copied to the whole of each sum.
    unsafe { buffer::written(sums) }
}

/// A tensor of the shape of `table`, zero but in the rows `ids`, each once, which are those of `values`.
///
/// # Errors
/// If the values are not floats, or the device fails.
pub fn spread(ids: &[u32], values: &Tensor, table: &Tensor) -> Result<Tensor> {
    if cukernel::runs_on(table.device()) && table.dtype() == DType::F32 {
        let whole = table.zeros_like()?.detach();
        add_to_rows(&whole, ids, values)?;
        return Ok(whole);
    }
    let (_, width) = table.dims2()?;
    by_float!("rows", values.dtype(), T => {
        let values = buffer::Values::of(values);
        let mut whole = vec![T::default(); table.elem_count()];
        for (&id, row) in ids.iter().zip(values.slice::<T>()?.chunks_exact(width)) {
            whole[id as usize * width..][..width].copy_from_slice(row);
        }
        buffer::tensor(whole, table.shape())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_every_place_once_in_order() {
        let ids: Vec<u32> = (0..500_u32).map(|i| i.wrapping_mul(2_654_435_761) % 7 * 3).collect();
        let groups = Groups::of(&ids);
        assert_eq!(groups.ids, [0, 3, 6, 9, 12, 15, 18]);
        for (id, range) in groups.ids.iter().zip(groups.starts.windows(2)) {
            let places = &groups.order[range[0] as usize..range[1] as usize];
            let expected: Vec<u32> = (0..500).filter(|&place| ids[place as usize] == *id).collect();
            assert_eq!(places, expected);
        }
    }

    #[test]
    fn parts_are_short_and_make_up_their_groups() {
        let ids: Vec<u32> = (0..1000).map(|i| u32::from(i % 10 == 0) * 5).collect();
        let groups = Groups::of(&ids);
        let (parts, of_ids) = groups.parts();
        assert!(parts.windows(2).all(|part| (1..=PART as u32).contains(&(part[1] - part[0]))));
        let begins: Vec<u32> = of_ids.iter().map(|&part| parts[part as usize]).collect();
        assert_eq!(begins, groups.starts);
    }
}
