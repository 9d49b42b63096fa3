//! A convolutional network that reads digits. The model stands in `src/cnn.rs`.

fn main() -> std::process::ExitCode {
    anygrad_examples::main_of(anygrad_examples::cnn::NAME)
}
