//! Where the time of recorded steps goes, by operation.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use candle_core::{Device, Result};

/// The time that one operation took in all its calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// How often it was applied.
    pub calls: usize,
    /// Forward passes.
    pub forward: Duration,
    /// Backward passes.
    pub backward: Duration,
}

/// Times by the name of the operation.
pub type Profile = BTreeMap<&'static str, Span>;

thread_local! {
    static PROFILE: RefCell<Option<Profile>> = const { RefCell::new(None) };
}

/// Calls `f` and tells how long the operations took that tapes of this thread recorded meanwhile.
pub fn profile<R>(f: impl FnOnce() -> R) -> (R, Profile) {
    let outer = PROFILE.replace(Some(Profile::new()));
    let result = f();
    (result, PROFILE.replace(outer).unwrap_or_default())
}

/// Calls `f` and adds its time to that of the operation `name` by `add`, while someone listens.
fn timed<R>(name: &'static str, add: impl Fn(&mut Span, Duration), f: impl FnOnce() -> R) -> R {
    if PROFILE.with_borrow(Option::is_none) {
        return f();
    }
    let began = Instant::now();
    let result = f();
    let elapsed = began.elapsed();
    PROFILE.with_borrow_mut(|profile| {
        if let Some(profile) = profile {
            add(profile.entry(name).or_default(), elapsed);
        }
    });
    result
}

/// The same for work that `f` enqueues on a device, whose end is waited for while someone listens.
pub(super) fn timed_on<R>(
    device: &Device,
    name: &'static str,
    add: impl Fn(&mut Span, Duration),
    f: impl FnOnce() -> Result<R>,
) -> Result<R> {
    timed(name, add, || {
        let result = f()?;
        settle(device)?;
        Ok(result)
    })
}

/// Waits for the device while someone listens.
fn settle(device: &Device) -> Result<()> {
    if PROFILE.with_borrow(Option::is_some) { device.synchronize() } else { Ok(()) }
}

/// Counts a forward pass.
pub(super) fn forward(span: &mut Span, elapsed: Duration) {
    span.calls += 1;
    span.forward += elapsed;
}

/// Counts a backward pass.
pub(super) fn backward(span: &mut Span, elapsed: Duration) {
    span.backward += elapsed;
}
