pub const NAMES: &[(&str, &str, &str, &str)] = &[];
