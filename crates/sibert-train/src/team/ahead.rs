//! Gradients that are summed over all processes while the backward pass goes on.
//!
//! The gradient of a layer is whole when the pass has left it. From then on nothing but the sums needs it, and a thread of
//! its own, the courier, sends it while the layers before are at work. All processes send the same variables in the same
//! order: those that had whole gradients in the step before, as the first process came to them. The rest, and what a process
//! did not come to, is sent when the pass is over.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, Scope, ScopedJoinHandle};

use anyhow::{Context, Result};
use candle_core::{Tensor, TensorId, Var};
use sibert_model::Gradients;
use sibert_ranks::Communicator;

use super::Sharing;
use super::flat::Layout;

/// Numbers that are summed at a time, at least: 4 MiB.
const BUCKET: usize = 1 << 20;

/// The variables that are sent ahead, by their places in the list of all, in this order.
pub type Plan = Vec<usize>;

/// A variable's place, and its gradient in each of the sums of this process.
type Letter = (usize, Vec<Gradients>);

/// The sums of some variables.
pub struct Bucket {
    pub layout: Layout,
    pub sums: Vec<f32>,
}

/// Where gradients are handed in.
pub struct Outbox<'scope> {
    places: HashMap<TensorId, usize>,
    /// In the order in which this process came to them.
    met: Plan,
    /// Planned, and not handed in.
    open: Vec<bool>,
    courier: Option<Courier<'scope>>,
}

struct Courier<'scope> {
    inbox: Sender<Letter>,
    thread: ScopedJoinHandle<'scope, Result<Vec<Bucket>>>,
}

impl<'scope> Outbox<'scope> {
    /// Starts the courier in `scope`, if anything is planned.
    pub fn open<'env>(
        scope: &'scope Scope<'scope, 'env>,
        ranks: &'env dyn Communicator,
        vars: &'env [(String, Var)],
        plan: Plan,
        sharing: Sharing,
    ) -> Result<Self> {
        let places = vars.iter().enumerate().map(|(place, (_, var))| (var.id(), place)).collect();
        let mut open = vec![false; vars.len()];
        plan.iter().for_each(|&place| open[place] = true);
        let start = || {
            let (inbox, letters) = channel();
            let work = move || carry(ranks, vars, &plan, sharing, &letters);
            let thread = Builder::new().name("courier".to_owned()).spawn_scoped(scope, work);
            anyhow::Ok(Courier { inbox, thread: thread.context("cannot start a thread")? })
        };
        let courier = if open.contains(&true) { Some(start()?) } else { None };
        Ok(Self { places, met: Plan::new(), open, courier })
    }

    /// Hands in the gradient of `var`, which is whole in all `sums` of this process.
    pub fn hand_in<'a>(&mut self, var: &Tensor, sums: impl Iterator<Item = &'a Gradients>) {
        let Some(&place) = self.places.get(&var.id()) else { return };
        self.met.push(place);
        self.send(place, var, sums);
    }

    fn send<'a>(&mut self, place: usize, var: &Tensor, sums: impl Iterator<Item = &'a Gradients>) {
        if let Some(courier) = &self.courier
            && std::mem::take(&mut self.open[place])
        {
            // a courier that has failed says so when it is waited for
            let _ = courier.inbox.send((place, sums.map(|sums| sums.only(var)).collect()));
        }
    }

    /// Hands in the rest of what was planned, and waits for the courier: what it has summed, and the order in which this
    /// process came to its variables.
    ///
    /// # Errors
    /// If the engine or the device fails.
    pub fn close(mut self, vars: &[(String, Var)], sums: &[Gradients]) -> Result<(Vec<Bucket>, Plan)> {
        for (place, (_, var)) in vars.iter().enumerate() {
            self.send(place, var, sums.iter());
        }
        let Some(Courier { inbox, thread }) = self.courier else { return Ok((Vec::new(), self.met)) };
        drop(inbox);
        let buckets = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok((buckets, self.met))
    }
}

/// The courier's work: the sums of the planned variables. It ends early if the letters do, after an error elsewhere.
fn carry(
    ranks: &dyn Communicator,
    vars: &[(String, Var)],
    plan: &[usize],
    sharing: Sharing,
    letters: &Receiver<Letter>,
) -> Result<Vec<Bucket>> {
    let mut buckets = Vec::new();
    let mut arrived: HashMap<usize, Vec<Gradients>> = HashMap::new();
    for range in buckets_of(plan, vars) {
        let layout = Layout::whole(&plan[range.clone()], vars);
        let mut sums: Vec<Gradients> = Vec::new();
        for place in &plan[range] {
            while !arrived.contains_key(place) {
                let Ok((place, of_var)) = letters.recv() else { return Ok(buckets) };
                arrived.insert(place, of_var);
            }
            let of_var = arrived.remove(place).unwrap_or_default();
            sums.resize_with(of_var.len(), || Gradients::of(vars.iter().map(|(_, var)| var)));
            for (sum, mut own) in sums.iter_mut().zip(of_var) {
                sum.absorb(&vars[*place].1, &mut own)?;
            }
        }
        let sums = layout.sums(ranks, &sums, vars, sharing)?;
        buckets.push(Bucket { layout, sums });
    }
    Ok(buckets)
}

/// The parts of the plan that are sent together.
fn buckets_of(plan: &[usize], vars: &[(String, Var)]) -> Vec<Range<usize>> {
    let (mut buckets, mut start, mut numbers) = (Vec::new(), 0, 0);
    for (i, &place) in plan.iter().enumerate() {
        numbers += vars[place].1.elem_count();
        if numbers >= BUCKET || i + 1 == plan.len() {
            buckets.push(start..i + 1);
            (start, numbers) = (i + 1, 0);
        }
    }
    buckets
}
