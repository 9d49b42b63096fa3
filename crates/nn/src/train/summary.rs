use anygrad_core::{DType, Result};
use anygrad_graph::Graph;

use super::Trainer;
use crate::{Mode, Scope};

impl Trainer {
    /// The layers as a table: name, shape of the output, number of parameters. `row_sizes` are those
    /// of one row of features, without the batch, which stands as `n` in the table.
    ///
    /// # Errors
    /// The sizes do not fit the model.
    pub fn summary(&self, row_sizes: &[usize]) -> Result<String> {
        let graph = Graph::new();
        let mut scope = Scope::new(&graph, Mode::Evaluate, self.seed);
        let x = graph.input("features", &[&[1], row_sizes].concat(), DType::F32);
        scope.model(&*self.model, x);
        graph.check()?;
        let mut cells = vec![["layer".to_string(), "output".into(), "parameters".into()]];
        for row in scope.rows() {
            let sizes = row.output.iter().skip(1).map(|size| format!(", {size}")).collect::<String>();
            let count = row.parameters.0 + row.parameters.1;
            cells.push([row.name.clone(), format!("[n{sizes}]"), grouped(count)]);
        }
        let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let [names, outputs, counts] = [width(0), width(1), width(2)];
        let line = |row: &[String; 3]| {
            let [name, output, count] = row;
            format!("{name:<names$}  {output:<outputs$}  {count:>counts$}\n")
        };
        let mut table = line(&cells[0]);
        table += &format!("{}\n", "-".repeat(names + outputs + counts + 4));
        cells[1..].iter().for_each(|row| table += &line(row));
        let (learned, fixed) = scope
            .rows()
            .iter()
            .fold((0, 0), |(learned, fixed), row| (learned + row.parameters.0, fixed + row.parameters.1));
        table += &format!("{}\n", "-".repeat(names + outputs + counts + 4));
        table += &format!(
            "total: {} parameters, {} of them trainable\n",
            grouped(learned + fixed),
            grouped(learned)
        );
        Ok(table)
    }
}

/// A number with a comma before each group of three digits.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
