//! Parameters under the names and in the layouts of PyTorch and Keras.
//!
//! | layer | here | PyTorch | Keras |
//! | --- | --- | --- | --- |
//! | dense | `kernel` `[in, out]` | `weight` `[out, in]` | `kernel` `[in, out]` |
//! | convolution | `kernel` `[out, in, sizes]` | `weight`, the same | `kernel` `[sizes, in, out]` |
//! | transposed convolution | `kernel` `[in, out, sizes]` | `weight`, the same | `kernel` `[sizes, out, in]` |
//! | embedding | `embeddings` | `weight` | `embeddings` |
//! | batch norm | `gamma`, `beta`, `moving_mean`, `moving_variance` | `weight`, `bias`, `running_mean`, `running_var` | the same as here |
//! | other norms | `gamma`, `beta` | `weight`, `bias` | `gamma`, `beta` |
//! | LSTM, GRU, RNN | `kernel`, `recurrent_kernel`, `bias` | `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0` | as here, in the layer's cell |
//! | attention | `query_kernel` `[in, heads width]` and so on | `in_proj_weight` `[3 in, in]`, `out_proj.weight` | `query/kernel` `[in, heads, width]` and so on |
//!
//! The gates of recurrent layers stand in another order in PyTorch: see [`RecurrentWeights`]. The path of a layer
//! stays: `dense_1.kernel` is `dense_1.weight` in PyTorch and `dense_1/kernel` in Keras.
//!
//! What a parameter is follows from what the model does with it, not from its name.

mod moves;
mod uses;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use anygrad_core::{Array, Context, DType, Error, Result};
use anygrad_graph::Graph;

use crate::{Layer, Mode, Role, Scope};
use moves::Move;

#[cfg(doc)]
use crate::RecurrentWeights;

/// Whose names and layouts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Library {
    /// Those of this library.
    #[default]
    Anygrad,
    /// Those of PyTorch's modules: what `state_dict` has and `load_state_dict` takes.
    PyTorch,
    /// Those of Keras's layers.
    Keras,
}

impl fmt::Display for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Library::Anygrad => "anygrad",
            Library::PyTorch => "pytorch",
            Library::Keras => "keras",
        })
    }
}

impl FromStr for Library {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "anygrad" => Ok(Library::Anygrad),
            "pytorch" => Ok(Library::PyTorch),
            "keras" => Ok(Library::Keras),
            _ => Err(Error::input(format!("{text:?} is no library: takes anygrad, pytorch or keras"))),
        }
    }
}

/// How the parameters of a model become those of another library, and back.
#[derive(Clone, Debug)]
pub struct Exchange {
    moves: Vec<Move>,
}

impl Exchange {
    /// Of a model on rows of these sizes.
    ///
    /// # Errors
    /// The sizes do not fit the model; a layer has no counterpart, as an LSTM with peepholes in PyTorch.
    pub fn of(model: &dyn Layer, row: &[usize], dtype: DType, library: Library) -> Result<Self> {
        let graph = Graph::new();
        let mut scope = Scope::new(&graph, Mode::Evaluate, 0);
        let x = graph.input("x", &[&[2], row].concat(), dtype);
        scope.model(model, x);
        graph.check()?;
        let kept = |role: Role| matches!(role, Role::Trainable | Role::Fixed);
        let names: Vec<String> =
            scope.parameters().iter().filter(|p| kept(p.role)).map(|p| p.name.clone()).collect();
        let moves = match library {
            Library::Anygrad => names.iter().map(|name| Move::same(name, name.clone())).collect(),
            _ => uses::moves(&graph, &names, library)?,
        };
        Ok(Exchange { moves })
    }

    /// Theirs, of ours.
    ///
    /// # Errors
    /// One is missing, or of another shape; PyTorch has no GRU with the reset gate before the product.
    pub fn give(&self, ours: &BTreeMap<String, Array>) -> Result<BTreeMap<String, Array>> {
        let mut theirs = BTreeMap::new();
        for one in &self.moves {
            let arrays = one.pick(&one.ours, ours)?;
            let moved = one.forwards(&arrays).context(|| one.ours.join(", "))?;
            theirs.extend(one.theirs.iter().cloned().zip(moved));
        }
        Ok(theirs)
    }

    /// Ours, of theirs. Others than the model has are left alone, as PyTorch's `num_batches_tracked`.
    ///
    /// # Errors
    /// One is missing, or of another shape.
    pub fn take(&self, theirs: &BTreeMap<String, Array>) -> Result<BTreeMap<String, Array>> {
        let mut ours = BTreeMap::new();
        for one in &self.moves {
            let arrays = one.pick(&one.theirs, theirs)?;
            let moved = one.backwards(&arrays).context(|| one.theirs.join(", "))?;
            ours.extend(one.ours.iter().cloned().zip(moved));
        }
        Ok(ours)
    }
}
