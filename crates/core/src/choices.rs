use std::collections::BTreeMap;

/// Which of several right ways an operator runs, where that was measured: plain data that travels to the
/// planner in [`Caps::choices`](crate::Caps::choices).
///
/// A signature is an operator with its settings and the layouts of its operands; a label is the kernels
/// of one way. A label that no way has any more is passed over, and the operator's own rule holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices(BTreeMap<String, String>);

impl Choices {
    /// The label that was chosen for a signature.
    pub fn get(&self, signature: &str) -> Option<&str> {
        self.0.get(signature).map(String::as_str)
    }

    /// Chooses a label for a signature, in place of an earlier one.
    pub fn set(&mut self, signature: impl Into<String>, label: impl Into<String>) {
        self.0.insert(signature.into(), label.into());
    }

    /// Takes over all of these, in place of earlier ones.
    pub fn extend(&mut self, others: &Choices) {
        self.0.extend(others.iter().map(|(signature, label)| (signature.to_owned(), label.to_owned())));
    }

    /// Signatures and labels, by signature.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(signature, label)| (signature.as_str(), label.as_str()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was chosen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<S: Into<String>, L: Into<String>> FromIterator<(S, L)> for Choices {
    fn from_iter<I: IntoIterator<Item = (S, L)>>(pairs: I) -> Self {
        Choices(pairs.into_iter().map(|(signature, label)| (signature.into(), label.into())).collect())
    }
}
