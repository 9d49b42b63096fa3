//! The `anygrad` command.

mod bench;
mod devices;
mod output;
mod train;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Trains and runs neural networks on any GPU, and proves that the numbers are right there.
#[derive(Parser)]
#[command(name = "anygrad", version, about, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures an adapter: what it can do at most, operators, and steps of training
    Bench(bench::Arguments),
    /// Lists the adapters of this machine
    Devices(devices::Arguments),
    /// What `bench` starts to measure a cold start
    #[command(hide = true)]
    FirstStep(bench::FirstStep),
    /// Trains one of the four programs
    Train(train::Arguments),
    /// Checks every operator on an adapter, forward and backward, against the reference
    Verify(verify::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Devices(arguments) => devices::run(&arguments),
        Command::FirstStep(arguments) => bench::run_first_step(&arguments),
        Command::Train(arguments) => train::run(arguments),
        Command::Verify(arguments) => verify::run(&arguments),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            anygrad_examples::exit_code(&error)
        }
    }
}
