//! The figures of all epochs as tables for other programs.

use anygrad_nn::History;

use super::figures::names;
use crate::table::cell;

/// One row for each epoch: its number, the figures of the training part, those of the validation part with `val_`
/// before their names. What an epoch does not have is empty; figures are written so that reading gives the
/// same bits, as `NaN` and `inf` where they are that.
pub fn metrics_csv(history: &History) -> String {
    let (train, validation) = names(history);
    let mut table = String::from("epoch");
    for name in train.iter().chain(&validation) {
        table.push(',');
        table += &cell(name);
    }
    table.push('\n');
    for epoch in &history.epochs {
        table += &epoch.number.to_string();
        for name in train.iter().chain(&validation) {
            table.push(',');
            if let Some(x) = epoch.figure(name) {
                table += &format!("{x:?}");
            }
        }
        table.push('\n');
    }
    table
}

#[cfg(test)]
mod tests {
    use anygrad_nn::{Epoch, Scores};

    use super::*;

    fn scores(loss: f64, metrics: &[(&str, f64)]) -> Scores {
        let metrics = metrics.iter().map(|&(name, x)| (name.to_owned(), x)).collect();
        Scores { loss, metrics, ..Scores::default() }
    }

    #[test]
    fn epochs_with_other_figures_share_a_table() {
        let epochs = vec![
            Epoch { number: 1, train: scores(0.1 + 0.2, &[]), validation: None, lr: None },
            Epoch {
                number: 2,
                train: scores(f64::NAN, &[("r2", -f64::INFINITY)]),
                validation: Some(scores(1e-300, &[("a,\"b\"", 2.0)])),
                lr: None,
            },
        ];
        let table = metrics_csv(&History { epochs, ..History::default() });
        let wanted =
            "epoch,loss,r2,val_loss,\"val_a,\"\"b\"\"\"\n1,0.30000000000000004,,,\n2,NaN,-inf,1e-300,2.0\n";
        assert_eq!(table, wanted);
        assert_eq!(metrics_csv(&History::default()), "epoch\n");
    }
}
