//! `sibert`: pretrain, inspect and verify scale-invariant BERT encoders.

mod args;
mod batch;
mod checkpoint;
mod config;
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
        Err(error) => {
            let causes = error.chain().map(|cause| without_backtrace(&cause.to_string()));
            eprintln!("error: {}", causes.collect::<Vec<_>>().join("\n  caused by: "));
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

/// candle writes its backtrace into the message when `RUST_BACKTRACE` is set.
fn without_backtrace(message: &str) -> String {
    message.split("\n   0: ").next().unwrap_or_default().to_string()
}
