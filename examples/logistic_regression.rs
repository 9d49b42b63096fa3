//! Logistic regression by gradient descent. The model stands in `src/logistic_regression.rs`.

fn main() -> std::process::ExitCode {
    anygrad_examples::main_of(anygrad_examples::logistic_regression::NAME)
}
