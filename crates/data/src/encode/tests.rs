use super::*;
use crate::Header;

const PEOPLE: &str = "\
name,age,size,city,height,rich
Ann,30,S,Rome,1.6,1
Bob,NA,L,Oslo,1.8,0
Cid,50,,Rome,1.7,1
Dan,20,M,,n/a,0
";

fn table(text: &str) -> Table {
    Table::parse(text.as_bytes(), "p.csv", Header::Detect).unwrap()
}

fn spec(missing: Missing) -> TableSpec {
    TableSpec {
        targets: vec!["rich".into()],
        task: Task::Binary,
        ignore: vec!["name".into()],
        one_hot: vec!["city".into()],
        ordinal: [("size".to_owned(), ["S", "M", "L"].map(str::to_owned).to_vec())].into(),
        missing,
        ..TableSpec::default()
    }
}

fn refused<T: std::fmt::Debug>(result: Result<T>) -> String {
    let error = result.unwrap_err();
    assert!(error.is_input(), "{error:?}");
    error.to_string()
}

#[test]
fn gaps_get_the_mean_of_the_training_rows() {
    let encoder = Encoder::fit(&table(PEOPLE), &spec(Missing::Mean), &[0, 1, 2]).unwrap();
    assert_eq!(encoder.feature_names(), ["age", "size", "city=Oslo", "city=Rome", "height"]);
    let data = encoder.dataset(&table(PEOPLE)).unwrap();
    // The ages of rows 0 and 2, not of row 3; sizes 0 and 2; a row without a city is of none.
    let want = [
        [30.0, 0.0, 0.0, 1.0, 1.6],
        [40.0, 2.0, 1.0, 0.0, 1.8],
        [50.0, 1.0, 0.0, 1.0, 1.7],
        [20.0, 1.0, 0.0, 0.0, 1.7],
    ];
    assert_eq!(data.features(), &Array::f32(&[4, 5], want.concat()).unwrap());
    assert_eq!(data.targets(), &Array::f32(&[4, 1], [1.0, 0.0, 1.0, 0.0]).unwrap());
    assert_eq!(data.classes(), ["0", "1"]);
}

#[test]
fn gaps_get_a_constant() {
    let encoder = Encoder::fit(&table(PEOPLE), &spec(Missing::Constant(-1.0)), &[]).unwrap();
    let features = encoder.features(&table(PEOPLE)).unwrap();
    assert_eq!(features.as_f32().unwrap()[5..15], [-1.0, 2.0, 1.0, 0.0, 1.8, 50.0, -1.0, 0.0, 1.0, 1.7]);
    assert!(refused(Encoder::fit(&table(PEOPLE), &spec(Missing::Constant(f32::NAN)), &[0])).contains("NaN"));
}

#[test]
fn rows_with_gaps_are_dropped_and_counted() {
    let (kept, report) = spec(Missing::Drop).without_missing(&table(PEOPLE)).unwrap();
    assert_eq!(kept.rows(), 1);
    assert_eq!(
        report.to_string(),
        "missing values in 4 rows: age 1, size 1, city 1, height 1; 3 rows dropped"
    );
    let text = "a,b\n1,2\n\n?,4\n5,x\n";
    let spec = TableSpec { missing: Missing::Drop, ..TableSpec::default() };
    let (kept, _) = spec.without_missing(&table(text)).unwrap();
    // Lines stay those of the file.
    let encoder = Encoder::fit(&kept, &spec, &[0, 1]).unwrap();
    assert_eq!(refused(encoder.features(&kept)), "p.csv: line 5, column 1 (b): \"x\" is not a number");
    assert_eq!(
        refused(encoder.features(&table(text))),
        "p.csv: line 4, column 0 (a): \"?\" is no value, and such rows were dropped"
    );
    let error = refused(spec.without_missing(&table("a,b\n1,\n,2\n")));
    assert_eq!(error, "missing values in 2 rows: a 1, b 1; 2 rows dropped: p.csv: no row is left of 2");
    let (same, report) = spec.without_missing(&table("a,b\n1,2\n")).unwrap();
    assert_eq!((same.rows(), report.to_string()), (1, "no missing values in 1 rows".to_owned()));
}

#[test]
fn gaps_are_errors_unless_something_is_said() {
    let none = TableSpec { targets: vec!["b".into()], ..TableSpec::default() };
    let encoder = Encoder::fit(&table("a,b\n1,2\n,4\n"), &none, &[0]).unwrap();
    assert_eq!(
        refused(encoder.dataset(&table("a,b\n1,2\n,4\n"))),
        "p.csv: line 3, column 0 (a): the cell is empty"
    );
    assert_eq!(
        refused(encoder.dataset(&table("a,b\n?,4\n"))),
        "p.csv: line 2, column 0 (a): \"?\" is not a number"
    );
    // A gap in a target is never filled.
    let mean = TableSpec { missing: Missing::Mean, ..none };
    let error = refused(Encoder::fit(&table("a,b\n1,2\n3,?\n"), &mean, &[0, 1]));
    assert_eq!(error, "p.csv: line 3, column 1 (b): \"?\" is not a number");
    let error = refused(Encoder::fit(&table("a,b\nNA,2\n3,4\n"), &mean, &[0]));
    assert_eq!(error, "p.csv: column 0 (a): 1 training rows have no value to take the mean of");
}

#[test]
fn several_targets_are_columns() {
    let text = "x,y,z,w\n1,2,3,a\n4,5,6,b\n";
    let two = |task, targets: [&str; 2]| TableSpec {
        targets: targets.map(str::to_owned).to_vec(),
        task,
        ..TableSpec::default()
    };
    let spec = TableSpec { ignore: vec!["w".into()], ..two(Task::Regression, ["z", "x"]) };
    let data = Encoder::fit(&table(text), &spec, &[]).unwrap().dataset(&table(text)).unwrap();
    assert_eq!(data.features(), &Array::f32(&[2, 1], [2.0, 5.0]).unwrap());
    assert_eq!(data.targets(), &Array::f32(&[2, 2], [3.0, 1.0, 6.0, 4.0]).unwrap());

    let encoder = Encoder::fit(&table(text), &two(Task::Binary, ["w", "x"]), &[]).unwrap();
    assert_eq!(encoder.classes(), [["a", "b"], ["1", "4"]]);
    let data = encoder.dataset(&table(text)).unwrap();
    assert_eq!((data.targets().shape()[..].to_vec(), data.classes().len()), (vec![2, 2], 0));
    let error = refused(Encoder::fit(&table(text), &two(Task::Multiclass, ["w", "x"]), &[]));
    assert_eq!(error, "Multiclass takes one target, got 2: w, x");
}

#[test]
fn a_later_table_is_read_by_what_was_learned() {
    let spec = TableSpec {
        task: Task::Multiclass,
        targets: vec!["k".into()],
        one_hot: vec!["c".into()],
        ..TableSpec::default()
    };
    let encoder = Encoder::fit(&table("c,k\n10,3\n9,1\n10,2\n"), &spec, &[]).unwrap();
    assert_eq!(encoder.feature_names(), ["c=9", "c=10"]);
    // In another order of columns, with one more, and without some classes.
    let later = table("more,k,c\n1,2.0,9\n2,3,10\n");
    let data = encoder.dataset(&later).unwrap();
    assert_eq!(data.features(), &Array::f32(&[2, 2], [1.0, 0.0, 0.0, 1.0]).unwrap());
    assert_eq!(data.targets(), &Array::i32(&[2], [1, 2]).unwrap());
    // Without targets, to predict them.
    assert_eq!(encoder.features(&table("c,d\n10,0\n")).unwrap().as_f32().unwrap(), [0.0, 1.0]);

    let error = refused(encoder.dataset(&table("c,k\n9,1\n9,7\n")));
    assert_eq!(error, "p.csv: line 3, column 1 (k): \"7\" is none of the 3 classes 1, 2, 3");
    let error = refused(encoder.features(&table("c,k\n8,1\n")));
    assert_eq!(error, "p.csv: line 2, column 0 (c): \"8\" is none of the 2 categories 9, 10");
    assert_eq!(
        refused(encoder.features(&table("a,b\n8,1\n"))),
        "p.csv: no column \"c\" among the 2 columns a, b"
    );

    let text = serde_json::to_string(&encoder).unwrap();
    assert_eq!(serde_json::from_str::<Encoder>(&text).unwrap(), encoder, "{text}");
}

#[test]
fn columns_with_two_uses_or_none_are_refused() {
    let base = TableSpec { targets: vec!["rich".into()], ..TableSpec::default() };
    let fit = |spec: TableSpec| refused(Encoder::fit(&table(PEOPLE), &spec, &[0]));
    let error = fit(TableSpec { ignore: vec!["rich".into()], ..base.clone() });
    assert_eq!(error, "column \"rich\" is a target, and ignored as well");
    let error = fit(TableSpec {
        one_hot: vec!["age".into()],
        ordinal: [("1".to_owned(), vec![])].into(),
        ..base.clone()
    });
    assert_eq!(error, "column \"age\" is a column of categories, and a column of categories as well");
    let all = ["name", "age", "size", "city", "height"].map(str::to_owned).to_vec();
    assert!(
        fit(TableSpec { ignore: all, ..base.clone() }).starts_with("no feature is left of the 6 columns")
    );
    assert!(
        fit(TableSpec { one_hot: vec!["town".into()], ..base.clone() }).contains("no column \"town\" among")
    );
    let many: String = (0..1001).map(|row| format!("{row}x,1\n")).collect();
    let spec = TableSpec { one_hot: vec!["0".into()], ..TableSpec::default() };
    let error = refused(Encoder::fit(&table(&many), &spec, &[0]));
    assert_eq!(error, "p.csv: column 0 holds 1001 categories: 1 to 1000 are supported");
    let no_target = Encoder::fit(&table("a\n1\n"), &TableSpec::default(), &[0]).unwrap();
    assert_eq!(refused(no_target.dataset(&table("a\n1\n"))), "p.csv: no column is a target");
}

#[test]
fn a_recipe_says_it_in_few_words() {
    let text = r#"{"targets":["rich"],"task":"binary","ignore":["name"],"one_hot":["city"],"ordinal":{"size":["S","M","L"]},"missing":{"constant":0.5}}"#;
    assert_eq!(serde_json::from_str::<TableSpec>(text).unwrap(), spec(Missing::Constant(0.5)));
    assert_eq!(serde_json::from_str::<TableSpec>(r#"{"missing":"drop"}"#).unwrap().missing, Missing::Drop);
    assert!(
        serde_json::from_str::<TableSpec>(r#"{"target":["rich"]}"#)
            .unwrap_err()
            .to_string()
            .contains("target")
    );
}
