//! `sibert`: pretrain, fine-tune, inspect and verify scale-invariant BERT encoders.

mod answers;
mod args;
mod batch;
mod bench;
mod bf16;
mod checkpoint;
mod config;
mod console;
mod corpus;
mod csv;
mod device;
mod devices;
mod doctor;
mod draw;
mod embed;
mod encode_lines;
mod evaluate;
mod export;
mod fill_mask;
mod finetune;
mod held_out;
mod hub;
mod inspect;
mod kernels;
mod log;
mod man;
mod memory;
mod metrics;
mod model_folder;
mod named_tokenizer;
mod occupied;
mod own;
mod plot;
mod predict;
mod prepare;
mod pretrain;
mod pretrained;
mod push;
mod run;
mod selftest;
mod signals;
mod step;
mod submission;
mod sums;
mod sweep;
mod team;
mod tensorboard;
mod threads;
mod train_tokenizer;
mod tuned;
mod update;
mod verify;
mod watch;

use std::path::Path;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use sibert_model::Recycler;

use args::{Command, ComputeArgs, TokenizerCommand};

/// Every operation makes a fresh tensor: the buffers of one step serve the next.
#[global_allocator]
static ALLOCATOR: Recycler = Recycler::new();

fn main() -> ExitCode {
    signals::ignore_file_size_signal();
    signals::follow();
    let arguments = args::parsed().unwrap_or_else(|error| refused(&error));
    match dispatch(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if console::reader_left(&error) => ExitCode::SUCCESS,
        Err(error) => match signals::exit_code(&error) {
            Some(code) => ExitCode::from(code), // it has said so
            None => {
                console::note(describe(&error));
                ExitCode::FAILURE
            }
        },
    }
}

/// Says what is wrong with the arguments, or what was asked of them, and exits.
fn refused(error: &clap::Error) -> ! {
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) if error.kind() == ErrorKind::UnknownArgument => {
            argument.as_str()
        }
        _ => error.exit(),
    };
    let _ = error.print(); // what cannot be written is not read
    if !argument.starts_with('-') && Path::new(argument).exists() {
        console::note(format!("\n  tip: name the text with --source {argument}"));
    }
    std::process::exit(error.exit_code())
}

/// Runs a command inside the pool of its threads; only `pretrain` has to read its settings first to know them.
fn dispatch(command: Command) -> anyhow::Result<()> {
    use threads::run_in_pool;
    match command {
        Command::Pretrain(args) => {
            let place = team::of_launcher()?;
            let config = run::settings(&args, place.as_ref())?;
            let threads = team::threads_of(config.threads, place.as_ref());
            team::run(place, threads, |team| {
                pretrain::run(&mut run::Run::prepare(config, args.resume, team)?, args.time_limit)
            })
        }
        Command::Doctor(args) => match args.asked() {
            (None, _) => doctor::of_machine(),
            (Some(run), steps) => {
                let config = doctor::settings(&run)?;
                run_in_pool(config.threads, || doctor::of_run(config, steps))
            }
        },
        Command::Sweep(args) => {
            let place = team::of_launcher()?;
            team::run(place, team::threads_of(None, place.as_ref()), |team| sweep::run(&args, team))
        }
        Command::Prepare(args) => {
            run_in_pool(args.threads.map(|threads| threads as usize), || prepare::run(&args))
        }
        Command::FineTune(mut args) => {
            let place = team::of_launcher()?;
            if let Some(place) = &place {
                args.compute.device = args.compute.device.of_rank(place.local_rank);
            }
            let threads = team::threads_of(threads(&args.compute), place.as_ref());
            team::run(place, threads, |team| finetune::run(&args, team))
        }
        Command::Evaluate(args) => run_in_pool(threads(&args.ask.compute), || evaluate::run(&args)),
        Command::Predict(args) => run_in_pool(threads(&args.ask.compute), || predict::run(&args)),
        Command::Push(args) => push::run(&args),
        Command::Data(args) => run_in_pool(None, || inspect::run(&args)),
        Command::FillMask(args) => run_in_pool(threads(&args.compute), || fill_mask::run(&args)),
        Command::Embed(args) => run_in_pool(threads(&args.compute), || embed::run(&args)),
        Command::Export(args) => run_in_pool(None, || export::run(&args)),
        Command::Verify(args) => run_in_pool(None, || verify::run(&args)),
        Command::Gradients(args) => run_in_pool(None, || inspect::gradients::run(&args)),
        Command::Plot(args) => run_in_pool(None, || draw::run(&args)),
        Command::Watch(args) => watch::run(&args),
        Command::Bench(args) => {
            run_in_pool(args.threads.map(|threads| threads as usize), || bench::run(&args))
        }
        Command::Completions(args) => console::result(args.script()),
        Command::Man(args) => man::run(&args),
        Command::Kernels(args) => kernels::run(&args),
        Command::Devices(args) => devices::run(&args),
        Command::Selftest(args) => {
            run_in_pool(args.threads.map(|threads| threads as usize), || selftest::run(&args))
        }
        Command::Tokenizer(TokenizerCommand::Encode(args)) => encode_lines::run(&args),
        Command::Tokenizer(TokenizerCommand::Train(args)) => {
            run_in_pool(args.threads.map(|threads| threads as usize), || train_tokenizer::run(&args))
        }
    }
}

/// The threads that were asked for.
fn threads(args: &ComputeArgs) -> Option<usize> {
    args.threads.map(|threads| threads as usize)
}

/// The failure on one line, its causes on the next.
fn describe(error: &anyhow::Error) -> String {
    let causes: Vec<String> =
        error.chain().skip(1).map(|cause| console::without_backtrace(&cause.to_string())).collect();
    let failed = format!("error: {}", console::without_backtrace(&error.to_string()));
    if causes.is_empty() { failed } else { format!("{failed}\n  caused by: {}", causes.join(": ")) }
}
