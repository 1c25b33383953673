//! `sibert`: pretrain, inspect and verify scale-invariant BERT encoders.

mod args;
mod batch;
mod checkpoint;
mod config;
mod console;
mod data;
mod device;
mod fill_mask;
mod log;
mod model_dir;
mod plot;
mod pretrain;
mod run;
mod signals;
mod update;
mod verify;

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

use args::{Cli, Command};

/// candle allocates fresh tensors at every op; a caching allocator makes its CPU ops several times faster.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match dispatch(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if console::reader_left(&error) => ExitCode::SUCCESS,
        Err(error) => {
            console::note(describe(&error));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Pretrain(args) => pretrain::run(&run::Run::prepare(&args)?),
        Command::FillMask(args) => fill_mask::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Plot(args) => run::draw(&args),
    }
}

/// What failed on one line, why on the next.
fn describe(error: &anyhow::Error) -> String {
    let causes: Vec<String> =
        error.chain().skip(1).map(|cause| without_backtrace(&cause.to_string())).collect();
    let failed = format!("error: {}", without_backtrace(&error.to_string()));
    if causes.is_empty() { failed } else { format!("{failed}\n  caused by: {}", causes.join(": ")) }
}

/// candle writes its backtrace into the message when `RUST_BACKTRACE` is set.
fn without_backtrace(message: &str) -> String {
    message.split("\n   0: ").next().unwrap_or_default().to_string()
}
