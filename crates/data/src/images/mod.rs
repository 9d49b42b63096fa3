//! A folder of images: `root/CLASS/NAME.png` or `.jpg`, one folder for each class.
//!
//! Values go from 0 to 1. 16 bits per channel are read as 8, alpha is dropped, and the orientation
//! in a camera's notes is not looked at.

mod decode;
mod resize;

use std::fs;
use std::path::{Path, PathBuf};

use anygrad_core::{Array, Context, Error, Result};
use serde::{Deserialize, Serialize};

use crate::Dataset;
use crate::file::unreadable;

/// The channels of images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// One channel, the brightness: 0.299 r + 0.587 g + 0.114 b (ITU-R BT.601).
    Gray,
    /// Red, green and blue; gray images have three equal channels.
    #[default]
    Rgb,
}

impl Color {
    fn channels(self) -> usize {
        match self {
            Color::Gray => 1,
            Color::Rgb => 3,
        }
    }
}

/// How a folder of images is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImageOptions {
    /// The channels.
    pub color: Color,
    /// Height and width that images are resized to, without regard to their proportions. `None`
    /// takes them as they are and refuses images of different sizes.
    pub size: Option<[usize; 2]>,
    /// The classes in the order of their numbers. `None` takes the folders in the order of their
    /// names; the folder of a test part takes the classes of the training part.
    pub classes: Option<Vec<String>>,
}

/// The images of a folder.
#[derive(Clone, Debug)]
pub struct ImageFolder {
    /// Features `[n, c, h, w]`, `f32` from 0 to 1; targets `[n]`, `i32`, with the names of the
    /// folders as classes.
    pub data: Dataset,
    /// The file of each row: class by class, within a class by name.
    pub files: Vec<PathBuf>,
}

/// The images below `root`, where each folder is a class. Names that begin with a dot are left out.
///
/// # Errors
/// The folder cannot be read; it holds no class, an image outside the classes, or a class without
/// images or that is none of those asked for; or a file of a class is no PNG or JPEG, is damaged, or
/// has another size than the first.
pub fn read_image_folder(root: impl AsRef<Path>, options: &ImageOptions) -> Result<ImageFolder> {
    let root = root.as_ref();
    let classes = classes(root, options).context(|| root.display())?;
    let (mut files, mut targets) = (Vec::new(), Vec::new());
    for (class, name) in classes.iter().enumerate() {
        for file in images(&root.join(name))? {
            targets.push(class as i32);
            files.push(file);
        }
    }
    let mut size = options.size;
    let mut features: Vec<f32> = Vec::new();
    for (row, file) in files.iter().enumerate() {
        let image = image(file, options).context(|| file.display())?;
        let [height, width] = *size.get_or_insert(image.size);
        if image.size != [height, width] {
            return Err(Error::input(format!(
                "{}: {:?} pixels high and wide, the first image has {height} x {width}: give a size",
                file.display(),
                image.size
            )));
        }
        if row == 0 {
            let elements = image.values.len().saturating_mul(files.len());
            features.try_reserve_exact(elements).map_err(|_| {
                let count = files.len();
                Error::input(format!("{count} images of {height} x {width} do not fit in memory"))
            })?;
        }
        features.extend_from_slice(&image.values);
    }
    let [height, width] = size.unwrap_or_default();
    let shape = [files.len(), options.color.channels(), height, width];
    let data = Dataset::new(Array::f32(&shape, features)?, Array::i32(&[files.len()], targets)?)?;
    Ok(ImageFolder { data: data.with_classes(classes)?, files })
}

/// One image `[c, h, w]` as a folder of them is read, to predict what it shows.
///
/// # Errors
/// The file cannot be read, is no PNG or JPEG, or is damaged.
pub fn read_image(path: impl AsRef<Path>, options: &ImageOptions) -> Result<Array> {
    let path = path.as_ref();
    let image = image(path, options).context(|| path.display())?;
    Array::f32(&[options.color.channels(), image.size[0], image.size[1]], image.values)
}

/// Values channel by channel, row by row.
struct Image {
    size: [usize; 2],
    values: Vec<f32>,
}

fn image(path: &Path, options: &ImageOptions) -> Result<Image> {
    if options.size.is_some_and(|size| size.contains(&0)) {
        return Err(Error::input(format!("a size of {:?} pixels: both must be at least 1", options.size)));
    }
    let pixels = decode::decode(&fs::read(path).map_err(unreadable)?)?;
    let values = pixels.values(options.color);
    Ok(match options.size {
        Some(size) if size != pixels.size => {
            Image { size, values: resize::resize(&values, pixels.size, size) }
        }
        _ => Image { size: pixels.size, values },
    })
}

/// The classes of a folder: those asked for, or its folders.
fn classes(root: &Path, options: &ImageOptions) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for path in entries(root)? {
        if path.is_dir() {
            let name = path.file_name().and_then(|name| name.to_str());
            found.push(name.ok_or_else(|| Error::input(format!("{path:?} is not UTF-8")))?.to_owned());
        } else if is_image(&path) {
            let path = path.display();
            return Err(Error::input(format!("{path} stands beside the folders of the classes, not in one")));
        }
    }
    if found.is_empty() {
        return Err(Error::input("holds no folder: each class takes one, with its images"));
    }
    let Some(classes) = &options.classes else { return Ok(found) };
    match found.iter().find(|name| !classes.contains(name)) {
        Some(name) => Err(Error::input(format!("the folder {name:?} is none of the classes {classes:?}"))),
        None => match classes.iter().find(|name| !found.contains(name)) {
            Some(name) => Err(Error::input(format!("no folder {name:?}, which is one of the classes"))),
            None => Ok(classes.clone()),
        },
    }
}

/// The images of a class, by name.
fn images(folder: &Path) -> Result<Vec<PathBuf>> {
    let files = entries(folder).context(|| folder.display())?;
    if files.is_empty() {
        return Err(Error::input(format!("{}: a class without images", folder.display())));
    }
    match files.iter().find(|file| !is_image(file)) {
        Some(other) => Err(Error::input(format!("{}: neither .png nor .jpg", other.display()))),
        None => Ok(files),
    }
}

/// The PNG and JPEG files that stand in a folder, by name; hidden ones are left out.
///
/// # Errors
/// The folder cannot be read, or there are none.
pub fn image_files(folder: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
    let folder = folder.as_ref();
    let mut files = entries(folder).context(|| folder.display())?;
    files.retain(|path| path.is_file() && is_image(path));
    if files.is_empty() {
        return Err(Error::input(format!("{}: no .png or .jpg stands in the folder", folder.display())));
    }
    Ok(files)
}

fn is_image(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    ["png", "jpg", "jpeg"].iter().any(|known| ending.eq_ignore_ascii_case(known))
}

/// What is in a folder and not hidden, by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(unreadable));
    let hidden = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let mut paths = paths.collect::<Result<Vec<PathBuf>>>()?;
    paths.retain(|path| !hidden(path));
    paths.sort_unstable();
    Ok(paths)
}

#[cfg(test)]
mod tests;
