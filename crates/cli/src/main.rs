//! The `anygrad` command.

mod audit;
mod bench;
mod devices;
mod evaluate;
mod explain;
mod export;
mod interrupt;
mod keygen;
mod models;
mod output;
mod plan;
mod predict;
mod protect;
mod recipe;
mod report;
mod session;
mod sign;
mod train;
mod validation;
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
    /// Checks the audit log of a run: finds every changed, missing or added line
    Audit(audit::Arguments),
    /// Measures an adapter: what it can do at most, operators, and steps of training
    Bench(bench::Arguments),
    /// Trains a recipe on folds of its data, and tells how its figures spread
    Crossval(validation::Crossval),
    /// Lists the adapters of this machine
    Devices(devices::Arguments),
    /// Takes the figures of a trained run on its test part, or on other data
    Evaluate(evaluate::Arguments),
    /// Tells what the predictions of a trained model rest on, in pictures and numbers
    Explain(explain::Arguments),
    /// Writes a trained model for other programs: as ONNX, or its parameters as safetensors
    Export(export::Arguments),
    /// What `bench` starts to measure a cold start
    #[command(hide = true)]
    FirstStep(bench::FirstStep),
    /// Writes text with a trained language model
    Generate(validation::Generate),
    /// Tells what is in a model: inputs, outputs, operators, parameters, sizes
    Inspect(models::Inspect),
    /// Makes a key to sign with, or an identity to encrypt to
    Keygen(keygen::Arguments),
    /// Tells what a training will take, in memory and time, before it starts; no GPU is touched
    Plan(plan::Arguments),
    /// Predicts the rows of a file by a trained run
    Predict(predict::Arguments),
    /// Makes the page of a run again, from the files of its folder
    Report(report::Arguments),
    /// Runs an ONNX model
    Run(models::Run),
    /// Signs a file: writes FILE.sig
    Sign(sign::Arguments),
    /// Trains many variants of a recipe, and sorts them by their figures
    Sweep(validation::Sweep),
    /// Trains a recipe, or one of the four programs
    Train(Box<train::Arguments>),
    /// Checks every operator on an adapter, forward and backward, against the reference
    Verify(verify::Arguments),
    /// Checks that a file is as the owner of a key signed it
    VerifySignature(sign::VerifyArguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Crossval(arguments) => validation::crossval(&arguments),
        Command::Devices(arguments) => devices::run(&arguments),
        Command::Evaluate(arguments) => evaluate::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::FirstStep(arguments) => bench::run_first_step(&arguments),
        Command::Generate(arguments) => validation::generate(&arguments),
        Command::Inspect(arguments) => models::inspect(&arguments),
        Command::Keygen(arguments) => keygen::run(&arguments),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Predict(arguments) => predict::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Run(arguments) => models::run(&arguments),
        Command::Sign(arguments) => sign::run(&arguments),
        Command::Sweep(arguments) => validation::sweep(&arguments),
        Command::Train(arguments) => train::run(*arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::VerifySignature(arguments) => sign::verify(&arguments),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            anygrad_examples::exit_code(&error)
        }
    }
}
