//! A picture beside a heat map of which of its parts matter.

use anygrad_core::{Array, Error, Result};
use plotters::style::RGBColor;

use crate::canvas::{Area, Canvas, LABEL, Side};
use crate::colours::{INK, Ramp, blend};
use crate::legend::{self, Colours, short};

/// An image, a map of numbers over it, and, where asked for, one over the other.
#[derive(Clone, Debug)]
pub struct HeatMap {
    title: String,
    legend: String,
    height: usize,
    width: usize,
    image: Vec<RGBColor>,
    map: Vec<f64>,
    overlaid: bool,
}

/// The longer side of each image, in pixels.
const TILE: f64 = 320.0;
const GAP: f64 = 24.0;
const ABOVE: f64 = 76.0;
/// How much the largest number of the map covers of the image; 0 covers nothing.
const OPACITY: f64 = 0.8;

impl HeatMap {
    /// `image`: `[h, w]` or `[channels, h, w]`, of one channel or of red, green and blue, in any range.
    /// `map`: `[h, w]`, or `[channels, h, w]`, which is summed over the channels. `legend` says what its
    /// numbers are.
    ///
    /// # Errors
    /// Other shapes, or images without a pixel.
    pub fn new(title: &str, legend: &str, image: &Array, map: &Array) -> Result<Self> {
        let ([channels, height, width], [layers, map_height, map_width]) = (sizes(image)?, sizes(map)?);
        if [height, width] != [map_height, map_width] || ![1, 3].contains(&channels) {
            return Err(Error::shape(format!(
                "a heat map {} over an image {}: wanted equal heights and widths, and one channel or three",
                map.shape(),
                image.shape()
            )));
        }
        let pixels = height * width;
        let numbers = map.to_f64();
        let map = (0..pixels).map(|i| (0..layers).map(|layer| numbers[layer * pixels + i]).sum()).collect();
        let light = image.to_f64();
        let finite = || light.iter().copied().filter(|x| x.is_finite());
        let (low, high) = (finite().fold(f64::MAX, f64::min), finite().fold(f64::MIN, f64::max));
        let range = Colours { ramp: Ramp::Grey, low, high: if high > low { high } else { low + 1.0 } };
        let level = |channel: usize, i: usize| range.at(light[channel * pixels + i]).0;
        let colour = |i: usize| match channels {
            1 => range.at(light[i]),
            _ => RGBColor(level(0, i), level(1, i), level(2, i)),
        };
        Ok(HeatMap {
            title: title.to_owned(),
            legend: legend.to_owned(),
            height,
            width,
            image: (0..pixels).map(colour).collect(),
            map,
            overlaid: false,
        })
    }

    /// Also shows the map over the image.
    pub fn overlaid(mut self) -> Self {
        self.overlaid = true;
        self
    }

    fn tile(&self) -> (f64, f64) {
        let scale = TILE / self.height.max(self.width) as f64;
        ((self.width as f64 * scale).max(1.0), (self.height as f64 * scale).max(1.0))
    }

    fn tiles(&self) -> usize {
        if self.overlaid { 3 } else { 2 }
    }

    pub(crate) fn size(&self) -> (u32, u32) {
        let (width, height) = self.tile();
        let tiles = self.tiles() as f64;
        let all = 2.0 * GAP + tiles * width + (tiles - 1.0) * GAP + legend::WIDTH;
        (all.max(420.0) as u32, (ABOVE + height.max(160.0) + 24.0) as u32)
    }

    pub(crate) fn draw(&self, area: &Area<'_>) -> Result<()> {
        let canvas = Canvas(area);
        canvas.title(&self.title, f64::from(self.size().0))?;
        let colours = Colours::of(self.map.iter().copied());
        let (width, height) = self.tile();
        let names = ["input", self.legend.as_str(), "both"];
        for (tile, name) in names.iter().enumerate().take(self.tiles()) {
            let left = GAP + tile as f64 * (width + GAP);
            let name = canvas.fitted(name, LABEL, width)?;
            canvas.text(&name, (left + width / 2.0, ABOVE - 16.0), Side::Middle, LABEL, INK)?;
            for i in 0..self.image.len() {
                let (row, column) = ((i / self.width) as f64, (i % self.width) as f64);
                let (sx, sy) = (width / self.width as f64, height / self.height as f64);
                let heat = colours.at(self.map[i]);
                let colour = match tile {
                    0 => self.image[i],
                    1 => heat,
                    _ => blend(self.image[i], heat, OPACITY * colours.strength(self.map[i])),
                };
                canvas.rectangle([left + column * sx, ABOVE + row * sy, sx, sy], colour)?;
            }
            canvas.frame([left, ABOVE, width, height], INK)?;
        }
        let right = GAP + self.tiles() as f64 * (width + GAP);
        colours.draw(&canvas, (right, ABOVE), height.max(100.0), &self.legend, short)
    }
}

/// Channels, height and width.
fn sizes(array: &Array) -> Result<[usize; 3]> {
    let sizes = match array.shape()[..] {
        [height, width] => [1, height, width],
        [channels, height, width] => [channels, height, width],
        _ => [0; 3],
    };
    if sizes.contains(&0) {
        let shape = array.shape();
        return Err(Error::shape(format!("an image is [h, w] or [channels, h, w], {shape} was given")));
    }
    Ok(sizes)
}
