//! Figures by name, and as people read them.

use anygrad_nn::{History, higher_is_better};
use anygrad_plot::number;

/// The names of the figures of the training part, then of the validation part, there with `val_` before them, in the
/// order in which they come up.
pub(super) fn names(history: &History) -> (Vec<String>, Vec<String>) {
    let (mut train, mut validation): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for epoch in &history.epochs {
        let parts =
            [(Some(&epoch.train), "", &mut train), (epoch.validation.as_ref(), "val_", &mut validation)];
        for (scores, before, names) in parts {
            let Some(scores) = scores else { continue };
            for name in std::iter::once("loss").chain(scores.metrics.iter().map(|(name, _)| name.as_str())) {
                let name = format!("{before}{name}");
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
    }
    (train, validation)
}

/// The first epoch in which a figure was best: by default the loss on the validation part, or else on the training
/// part. Figures that are not finite are no candidates.
pub(crate) fn best(history: &History, monitor: Option<&str>) -> Option<u64> {
    let validated = history.epochs.iter().any(|epoch| epoch.validation.is_some());
    let name = monitor.unwrap_or(if validated { "val_loss" } else { "loss" });
    let sign = if higher_is_better(name) { -1.0 } else { 1.0 };
    let figures = history.epochs.iter().filter_map(|epoch| Some((epoch.number, sign * epoch.figure(name)?)));
    let finite = figures.filter(|(_, x)| x.is_finite());
    finite.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(number, _)| number)
}

/// The name of a figure as people write it within a sentence.
pub(super) fn words(name: &str) -> String {
    let capital = |word: &str| match word {
        "mae" | "mse" | "rmse" | "mape" | "roc" | "pr" | "auc" | "f1" | "r2" => word.to_uppercase(),
        _ => word.to_owned(),
    };
    name.split('_').map(capital).collect::<Vec<_>>().join(" ")
}

/// The name of a figure as people begin a line with it.
pub(super) fn readable(name: &str) -> String {
    let text = words(name);
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// Seconds, as `1 h 02 min`.
pub(super) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "unknown".into();
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 if seconds < 1.0 => format!("{} ms", number((1e3 * seconds).round())),
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// Bytes, as `12.3 MiB`.
pub(super) fn bytes(count: u64) -> String {
    let mut size = count as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if size < 1023.95 {
            return if unit == "B" { format!("{count} B") } else { format!("{size:.1} {unit}") };
        }
        size /= 1024.0;
    }
    format!("{size:.1} TiB")
}

/// A count with a comma before each group of three digits.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use anygrad_nn::{Epoch, Scores};

    use super::*;

    #[test]
    fn the_best_epoch_is_the_first_that_is_best_by_the_figure() {
        let scores = |loss, accuracy| Scores {
            loss,
            metrics: vec![("accuracy".into(), accuracy)],
            ..Scores::default()
        };
        let epoch = |number, loss, accuracy| Epoch {
            number,
            train: scores(1.0 / number as f64, 0.0),
            validation: Some(scores(loss, accuracy)),
            lr: None,
        };
        let epochs =
            vec![epoch(1, f64::NAN, 0.2), epoch(2, 0.5, 0.4), epoch(3, 0.4, 0.6), epoch(4, 0.4, 0.9)];
        let history = History { epochs, ..History::default() };
        assert_eq!(best(&history, None), Some(3));
        assert_eq!(best(&history, Some("val_accuracy")), Some(4));
        assert_eq!(best(&history, Some("loss")), Some(4));
        assert_eq!(best(&history, Some("val_f1")), None);
        assert_eq!(best(&History::default(), None), None);
    }

    #[test]
    fn words_and_units() {
        let names = ["loss", "roc_auc_macro", "top_3_accuracy", "rmse", ""];
        assert_eq!(names.map(readable), ["Loss", "ROC AUC macro", "Top 3 accuracy", "RMSE", ""]);
        let times = [0.0, 0.0123, 1.0, 59.44, 61.0, 3600.0, 90061.0, f64::NAN, -1.0];
        let texts = [
            "0 ms",
            "12 ms",
            "1.0 s",
            "59.4 s",
            "1 min 01 s",
            "1 h 00 min",
            "25 h 01 min",
            "unknown",
            "unknown",
        ];
        assert_eq!(times.map(duration), texts);
        let sizes = [0, 1023, 1024, 1_048_575, 5 << 30, u64::MAX].map(bytes);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "1.0 MiB", "5.0 GiB", "16777216.0 TiB"]);
        assert_eq!([0, 999, 1000, 1234567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
