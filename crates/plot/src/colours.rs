//! Colours that people who see some of them alike can tell apart.

use plotters::style::RGBColor;

/// Text and axes, lines of the grid.
pub(crate) const INK: RGBColor = RGBColor(51, 51, 60);
pub(crate) const FAINT: RGBColor = RGBColor(128, 130, 140);
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

/// Colours for numbers from the low end of a range to its high end, between which is interpolated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ramp {
    /// For numbers of both signs: blue below 0, nearly white at 0, red above. ColorBrewer's RdBu.
    Diverging,
    /// For numbers from 0: white to dark blue. ColorBrewer's Blues.
    Blues,
    /// For numbers from 0 that lie over a picture: dark violet to yellow. Matplotlib's viridis.
    Viridis,
    /// A picture without colours.
    Grey,
}

const DIVERGING: [RGBColor; 7] = [
    RGBColor(33, 102, 172),
    RGBColor(103, 169, 207),
    RGBColor(209, 229, 240),
    RGBColor(247, 247, 247),
    RGBColor(253, 219, 199),
    RGBColor(239, 138, 98),
    RGBColor(178, 24, 43),
];
const BLUES: [RGBColor; 5] = [
    RGBColor(255, 255, 255),
    RGBColor(198, 219, 239),
    RGBColor(107, 174, 214),
    RGBColor(33, 113, 181),
    RGBColor(8, 48, 107),
];
const VIRIDIS: [RGBColor; 9] = [
    RGBColor(68, 1, 84),
    RGBColor(71, 44, 122),
    RGBColor(59, 81, 139),
    RGBColor(44, 113, 142),
    RGBColor(33, 144, 141),
    RGBColor(39, 173, 129),
    RGBColor(92, 200, 99),
    RGBColor(170, 220, 50),
    RGBColor(253, 231, 37),
];
const GREY: [RGBColor; 2] = [RGBColor(0, 0, 0), RGBColor(255, 255, 255)];
/// What is not finite.
const MISSING: RGBColor = RGBColor(200, 200, 60);

impl Ramp {
    /// The colour at a share from 0, the low end, to 1.
    pub(crate) fn at(self, share: f64) -> RGBColor {
        if !share.is_finite() {
            return MISSING;
        }
        let stops: &[RGBColor] = match self {
            Ramp::Diverging => &DIVERGING,
            Ramp::Blues => &BLUES,
            Ramp::Viridis => &VIRIDIS,
            Ramp::Grey => &GREY,
        };
        let at = share.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
        let below = (at as usize).min(stops.len() - 2);
        blend(stops[below], stops[below + 1], at - below as f64)
    }
}

/// `share` of the way from one colour to another.
pub(crate) fn blend(from: RGBColor, to: RGBColor, share: f64) -> RGBColor {
    let channel = |a: u8, b: u8| (f64::from(a) + share * (f64::from(b) - f64::from(a))).round() as u8;
    RGBColor(channel(from.0, to.0), channel(from.1, to.1), channel(from.2, to.2))
}

/// Ink that can be read on a colour: dark on light ones, white on dark ones.
pub(crate) fn ink_on(colour: RGBColor) -> RGBColor {
    // The weights of red, green and blue in brightness, ITU-R BT.601.
    let brightness = 0.299 * f64::from(colour.0) + 0.587 * f64::from(colour.1) + 0.114 * f64::from(colour.2);
    if brightness > 140.0 { INK } else { RGBColor(255, 255, 255) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ramps_meet_their_ends_and_their_middle() {
        assert_eq!(
            [0.0, 0.5, 1.0].map(|x| Ramp::Diverging.at(x)),
            [DIVERGING[0], DIVERGING[3], DIVERGING[6]]
        );
        assert_eq!([-9.0, 9.0].map(|x| Ramp::Viridis.at(x)), [VIRIDIS[0], VIRIDIS[8]]);
        assert_eq!(Ramp::Grey.at(0.5), RGBColor(128, 128, 128));
        assert_eq!(Ramp::Blues.at(f64::NAN), MISSING);
        assert_eq!([ink_on(BLUES[0]), ink_on(BLUES[4])], [INK, RGBColor(255, 255, 255)]);
    }
}
