//! Linear regression by gradient descent. The model stands in `src/linear_regression.rs`.

fn main() -> std::process::ExitCode {
    anygrad_examples::main_of(anygrad_examples::linear_regression::NAME)
}
