//! An LSTM that forecasts a series. The model stands in `src/lstm.rs`.

fn main() -> std::process::ExitCode {
    anygrad_examples::main_of(anygrad_examples::lstm::NAME)
}
