//! A training as a TOML file: data, model, loss, optimizer and all that is around them.
//!
//! - [`Recipe`]: read, checked, every default filled in; it prints itself;
//! - [`Recipe::build`]: the model and what trains it; [`Recipe::load`]: the data;
//! - [`Preprocessing`]: what was learned of the data, which reads new ones in the same way;
//! - [`print_recipe`]: recipes to begin with; [`reference()`]: every key;
//! - [`sweep`]: many recipes from one.
//!
//! Every mistake in a recipe is an error that names the file, the line, the key and what would be right.

mod adapter;
mod assembled;
mod build;
mod check;
pub mod data;
pub mod layers;
mod load;
mod loss;
mod memory;
mod metric;
mod node;
pub mod optim;
mod parts;
mod preprocessing;
mod print;
mod reader;
mod recipe;
mod reference;
pub mod schedule;
mod schema;
mod set;
pub mod sweep;
pub mod training;
mod write;

pub use adapter::AdapterLimits;
pub use assembled::{Parts, Transform};
pub use build::Sizes;
pub use data::{Data, Source, Split, Task};
pub use layers::Layer;
pub use load::Loaded;
pub use memory::Bytes;
pub use optim::Optimizer;
pub use parts::{Convention, Units};
pub use preprocessing::{Form, Preprocessing};
pub use print::{RECIPES, print_recipe};
pub use reader::Reader;
pub use recipe::{Recipe, Settings};
pub use reference::reference;
pub use schedule::Schedule;
pub use schema::{Files, Name, Names, Orders};
pub use training::Training;
