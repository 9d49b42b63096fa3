//! Boxes that do not overlap, chosen on the host: how many, only their numbers tell.

use super::Row;
use crate::node::Node;
use crate::value::{Outputs, wrong};
use crate::{Data, Element, Host};

pub(super) const ROWS: &[Row] = &[("NonMaxSuppression", chosen)];

/// Two corners with the smaller coordinates first.
#[derive(Clone, Copy)]
struct Rectangle {
    low: [f32; 2],
    high: [f32; 2],
}

impl Rectangle {
    /// Of two corners, or of a centre and the sizes.
    fn new(numbers: &[f32], is_centre: bool) -> Self {
        let pairs = |axis: usize| match is_centre {
            true => [numbers[axis] - numbers[axis + 2] / 2.0, numbers[axis] + numbers[axis + 2] / 2.0],
            false => {
                let (a, b) = (numbers[axis], numbers[axis + 2]);
                [a.min(b), a.max(b)]
            }
        };
        let [a, b] = [pairs(0), pairs(1)];
        Rectangle { low: [a[0], b[0]], high: [a[1], b[1]] }
    }

    fn area(&self) -> f32 {
        (self.high[0] - self.low[0]) * (self.high[1] - self.low[1])
    }

    /// What two have in common, as a share of what they cover; 0 where one has no area.
    fn overlap(&self, other: &Rectangle) -> f32 {
        let common = |axis: usize| {
            (self.high[axis].min(other.high[axis]) - self.low[axis].max(other.low[axis])).max(0.0)
        };
        let common = common(0) * common(1);
        let (mine, others) = (self.area(), other.area());
        if common <= 0.0 || mine <= 0.0 || others <= 0.0 {
            return 0.0;
        }
        common / (mine + others - common)
    }
}

/// For each class of each image the boxes by falling score, without those that overlap with one before:
/// `[count, (image, class, box)]`.
fn chosen<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (boxes, scores) = (node.host(0)?, node.host(1)?);
    let (&[images, count, 4], &[others, classes, same]) = (boxes.sizes(), scores.sizes()) else {
        return wrong(format!("boxes {boxes} and scores {scores}"));
    };
    if images != others || count != same {
        return wrong(format!("boxes {boxes} and scores {scores}"));
    }
    let number = |input: usize| -> Result<Option<f64>, _> {
        Ok::<_, crate::value::Stop>(node.maybe_host(input)?.and_then(|host| host.to_f64().first().copied()))
    };
    let most = number(2)?.unwrap_or(0.0).max(0.0) as usize;
    let overlap = number(3)?.unwrap_or(0.0) as f32;
    let lowest = number(4)?.map(|lowest| lowest as f32);
    let is_centre = node.flag("center_point_box");
    let (boxes, scores) = (floats(&boxes), floats(&scores));
    let mut found = Vec::new();
    for image in 0..images {
        let rectangle = |index: usize| Rectangle::new(&boxes[(image * count + index) * 4..][..4], is_centre);
        for class in 0..classes {
            let scores = &scores[(image * classes + class) * count..][..count];
            let mut order: Vec<usize> =
                (0..count).filter(|&index| lowest.is_none_or(|lowest| scores[index] > lowest)).collect();
            // Of equal scores the first box goes first.
            order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
            let mut kept: Vec<Rectangle> = Vec::new();
            for index in order {
                if kept.len() >= most {
                    break;
                }
                let new = rectangle(index);
                if kept.iter().all(|old| new.overlap(old) <= overlap) {
                    kept.push(new);
                    found.extend([image as i64, class as i64, index as i64]);
                }
            }
        }
    }
    Ok(vec![Host::new(Element::Int64, &[found.len() / 3, 3], Data::Int(found))?.into()])
}

fn floats(host: &Host) -> Vec<f32> {
    host.to_f64().into_iter().map(|x| x as f32).collect()
}
