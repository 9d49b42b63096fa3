//! Plots as PNG: curves, bars, confusion matrices, heat maps, marked series.
//!
//! The font comes with the program and nothing is asked of the system, so that a plot looks the same
//! on every machine. A [`Picture`] is one panel or several side by side; it becomes the bytes of a PNG
//! or a data URI that stands within a page.
//!
//! ```
//! use anygrad_plot::{Chart, Picture};
//!
//! let picture = Picture::of(Chart::losses(&[0.9, 0.5, 0.3], &[1.0, 0.7, 0.6]));
//! assert!(picture.png()?.starts_with(b"\x89PNG"));
//! assert!(picture.data_uri()?.starts_with("data:image/png;base64,iVBOR"));
//! # Ok::<(), anygrad_core::Error>(())
//! ```

mod axis;
mod bars;
mod canvas;
mod chart;
mod colours;
mod draw;
mod heat;
mod legend;
mod marked;
mod matrix;
mod number;
mod picture;
mod roc;
#[cfg(test)]
mod tests;

pub use bars::Bars;
pub use chart::Chart;
pub use heat::HeatMap;
pub use marked::MarkedSeries;
pub use matrix::Matrix;
pub use number::number;
pub use picture::{Panel, Picture};
pub use roc::Roc;
