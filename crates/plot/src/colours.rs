//! Colours that people who see some of them alike can tell apart.

use plotters::style::RGBColor;

/// Text and axes, lines of the grid.
pub(crate) const INK: RGBColor = RGBColor(51, 51, 60);
pub(crate) const GRID: RGBColor = RGBColor(228, 230, 236);

/// Colours of series. Source: Okabe and Ito, "Color Universal Design", 2008: blue, vermilion, bluish
/// green, purple, orange, sky blue.
pub(crate) const SERIES: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];
