use anygrad_core::Array;

use super::*;

fn table(text: &str) -> Table {
    Table::parse(text.as_bytes(), "t.csv", Header::Detect).unwrap()
}

fn refused(text: &str, task: Task) -> String {
    let parsed = Table::parse(text.as_bytes(), "t.csv", Header::Detect);
    let error = parsed.and_then(|table| table.dataset(None, task)).unwrap_err();
    assert!(error.is_input());
    error.to_string()
}

#[test]
fn a_header_is_a_first_line_without_numbers() {
    assert_eq!(table("a,b\n1,2\n").names(), ["a", "b"]);
    assert_eq!(table("\u{feff}a,b\n1,2\n").names(), ["a", "b"]);
    assert_eq!(table("1,2\n3,4\n").names(), ["0", "1"]);
    // A class at the end of the first row makes it no header.
    assert_eq!(table("5.1,3.5,setosa\n4.9,3.0,setosa\n").rows(), 2);
    assert_eq!(table(",b\n1,2\n").names(), ["0", "b"]);
    assert_eq!(Table::parse(b"x,y\nz,w\n", "t", Header::Absent).unwrap().rows(), 2);
    assert_eq!(Table::parse(b"2019,2020\n1,2\n", "t", Header::Present).unwrap().names()[1], "2020");
}

#[test]
fn text_classes_are_numbered_in_order_of_appearance() {
    let data = table("1,b\n2,a\n3,b\n4,c\n").dataset(None, Task::Multiclass).unwrap();
    assert_eq!(data.features(), &Array::f32(&[4, 1], [1.0, 2.0, 3.0, 4.0]).unwrap());
    assert_eq!(data.targets(), &Array::i32(&[4], [0, 1, 0, 2]).unwrap());
    assert_eq!(data.classes(), ["b", "a", "c"]);
}

#[test]
fn number_classes_are_numbered_in_ascending_order() {
    let data = table("6,1\n1,0\n8,1\n").dataset(None, Task::Binary).unwrap();
    assert_eq!(data.targets(), &Array::f32(&[3, 1], [1.0, 0.0, 1.0]).unwrap());
    assert_eq!(data.classes(), ["0", "1"]);
    let data = table("0,3\n0,-1\n0,3.0\n").dataset(None, Task::Multiclass).unwrap();
    assert_eq!(data.targets(), &Array::i32(&[3], [1, 0, 1]).unwrap());
    assert_eq!(data.classes(), ["-1", "3"]);
}

#[test]
fn classic_tables_are_read_as_they_are_published() {
    let iris = "5.1,3.5,1.4,0.2,Iris-setosa\n7.0,3.2,4.7,1.4,Iris-versicolor\n\
                6.3,3.3,6.0,2.5,Iris-virginica\n5.9,3.0,5.1,1.8,Iris-virginica\n\n";
    let data = table(iris).dataset(None, Task::Multiclass).unwrap();
    assert_eq!(data.features().shape()[..], [4, 4]);
    assert_eq!(data.features().as_f32().unwrap()[4..8], [7.0, 3.2, 4.7, 1.4]);
    assert_eq!(data.targets(), &Array::i32(&[4], [0, 1, 2, 2]).unwrap());
    assert_eq!(data.classes(), ["Iris-setosa", "Iris-versicolor", "Iris-virginica"]);

    let pima = "6,148,72,35,0,33.6,0.627,50,1\r\n1,85,66,29,0,26.6,0.351,31,0\r\n";
    let data = table(pima).dataset(None, Task::Binary).unwrap();
    assert_eq!(data.features().shape()[..], [2, 8]);
    assert_eq!(data.targets(), &Array::f32(&[2, 1], [1.0, 0.0]).unwrap());
}

#[test]
fn the_target_is_a_name_or_a_number() {
    let table = table("price,size,rooms\n1,2,3\n4,5,6\n");
    for target in ["price", "0"] {
        let data = table.dataset(Some(target), Task::Regression).unwrap();
        assert_eq!(data.features(), &Array::f32(&[2, 2], [2.0, 3.0, 5.0, 6.0]).unwrap());
        assert_eq!(data.targets(), &Array::f32(&[2, 1], [1.0, 4.0]).unwrap());
    }
    let error = table.dataset(Some("cost"), Task::Regression).unwrap_err().to_string();
    assert_eq!(error, "t.csv: no column \"cost\" among the 3 columns price, size, rooms");
    assert!(table.column("3").is_err() && table.numbers(3).is_err());
}

#[test]
fn columns_can_be_left_out() {
    let table = table("id,x,y\nfirst,1,2\nsecond,z,4\n").without(&["id"]).unwrap();
    assert_eq!(table.names(), ["x", "y"]);
    assert_eq!(table.numbers(1).unwrap(), [2.0, 4.0]);
    // The error names the column of the file.
    let error = table.numbers(0).unwrap_err().to_string();
    assert_eq!(error, "t.csv: line 3, column 1 (x): \"z\" is not a number");
    assert!(table.without(&["x", "1"]).is_err());
}

#[test]
fn two_columns_of_one_name_are_told_apart_by_number() {
    let table = table("x,x\n1,2\n");
    let error = table.column("x").unwrap_err().to_string();
    assert_eq!(error, "t.csv: columns 0 and 1 are both named \"x\": give the number");
    assert_eq!(table.column("1").unwrap(), 1);
}

#[test]
fn bad_cells_are_named_by_line_and_column() {
    let cases = [
        ("1,2\n3,x\n", "t.csv: line 2, column 1: \"x\" is not a number"),
        ("a,b\n1,2\n\n\n,4\n", "t.csv: line 5, column 0 (a): the cell is empty"),
        ("a,b\r\n1,2\r\nNaN,4\r\n", "t.csv: line 3, column 0 (a): NaN is not finite"),
        ("1,-inf\n", "t.csv: line 1, column 1: -inf is not finite"),
        ("1,1e39\n", "t.csv: line 1, column 1: 1e39 does not fit in an f32"),
        ("1,2\n3\n", "t.csv: line 2: 1 cells, the lines before have 2"),
        ("1,2\n\n3,4,5\n", "t.csv: line 3: 3 cells, the lines before have 2"),
        ("", "t.csv: the table is empty"),
        ("a,b\n", "t.csv: the table has a header but no rows"),
        ("a\n1\n", "t.csv: takes a target and at least one column more, has only the 1 columns a"),
        ("\"a\nb\",c\n1,2\n1,x\n", "t.csv: line 4, column 1 (c): \"x\" is not a number"),
    ];
    for (text, message) in cases {
        assert_eq!(refused(text, Task::Regression), message, "{text:?}");
    }
    let long = format!("1,{}\n", "y".repeat(1000));
    assert!(refused(&long, Task::Regression).len() < 100);
    let error = Table::parse(b"1,2\n3,\xff\n", "t.csv", Header::Detect).unwrap_err();
    assert_eq!(error.to_string(), "t.csv: line 2, column 1: not UTF-8");
}

#[test]
fn bad_classes_are_named() {
    let cases = [
        (
            Task::Multiclass,
            "1,0\n2,1\n3,?\n",
            "line 3, column 1: \"?\" is not a number, as 2 of 3 classes here are",
        ),
        (Task::Multiclass, "1,0\n2,1.5\n", "line 2, column 1: 1.5 is no class, which is whole"),
        (Task::Multiclass, "1,a\n2,\n", "line 2, column 1: the cell is empty"),
        (Task::Multiclass, "1,a\n2,a\n", "column 1 holds 1 classes, Multiclass takes 2 or more"),
        (Task::Binary, "1,0\n2,1\n3,2\n", "column 1 holds 3 classes, Binary takes 2"),
    ];
    for (task, text, message) in cases {
        assert_eq!(refused(text, task), format!("t.csv: {message}"), "{text:?}");
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let mut random = anygrad_core::Random::new(5);
    let alphabet = b"0123.-e,\"\n\r;ax \xc3\xa9\xff\0";
    for _ in 0..3000 {
        let length = random.below(40);
        let bytes: Vec<u8> = (0..length).map(|_| alphabet[random.below(alphabet.len())]).collect();
        for header in [Header::Detect, Header::Present, Header::Absent] {
            let Ok(table) = Table::parse(&bytes, "t", header) else { continue };
            for task in [Task::Regression, Task::Binary, Task::Multiclass] {
                let _ = table.dataset(None, task).map(|data| assert_eq!(data.len(), table.rows()));
            }
        }
    }
}

#[test]
fn separators_other_than_a_comma() {
    let parse =
        |text: &str, separator| Table::parse(text.as_bytes(), "t", Format { separator, ..Format::default() });
    let table = parse("a;b\n1; 2,5 \n\"3;0\";4\n", ';').unwrap();
    assert_eq!(table.names(), ["a", "b"]);
    let error = table.numbers(1).unwrap_err().to_string();
    assert_eq!(error, "t: line 2, column 1 (b): \"2,5\" is not a number");
    let table = parse("1\t 2\n3\t\n", '\t').unwrap();
    assert_eq!((table.names().len(), table.cells(1).unwrap().nth(1)), (2, Some("")));
    for separator in ['é', '"', '\n', '1', '-', '.'] {
        assert!(parse("1,2\n", separator).unwrap_err().is_input(), "{separator:?}");
    }
}

#[test]
fn files_are_joined_and_told_apart() {
    let part = |text: &str, name: &str| Table::parse(text.as_bytes(), name, Header::Detect).unwrap();
    let all =
        Table::join(vec![part("x,k\n1,b\n2,a\n", "a.csv"), part("x,k\n3,c\n4,b\n?,a\n", "b.csv")]).unwrap();
    assert_eq!(all.rows_of_files(), [vec![0, 1], vec![2, 3, 4]]);
    assert_eq!(all.classes(1).unwrap(), (vec![0, 1, 2, 0, 1], vec!["b".into(), "a".into(), "c".into()]));
    let error = all.numbers(0).unwrap_err().to_string();
    assert_eq!(error, "b.csv: line 4, column 0 (x): \"?\" is not a number");
    let shuffled = all.take(&[4, 0]).unwrap();
    assert_eq!(shuffled.rows_of_files(), [vec![1], vec![0]]);
    let error = Table::join(vec![part("x,k\n1,b\n", "a.csv"), part("k,x\n1,b\n", "b.csv")]).unwrap_err();
    assert_eq!(error.to_string(), "b.csv has the 2 columns k, x, a.csv has the 2 columns x, k");
    assert!(Table::join(vec![]).is_err());
    assert!(all.take(&[]).unwrap_err().to_string().starts_with("a.csv + b.csv: no row is left"));
    assert!(all.take(&[5]).unwrap_err().is_input());
}

#[test]
fn a_column_says_which_part_a_row_is_of() {
    let parts = table("x,part\n1,train\n2,test\n3,train\n");
    assert_eq!(parts.rows_of_parts("part", &["train", "test"]).unwrap(), [vec![0, 2], vec![1]]);
    let error = parts.rows_of_parts("part", &["train", "hold"]).unwrap_err().to_string();
    assert_eq!(error, "t.csv: line 3, column 1 (part): \"test\" is none of the parts train, hold");
    let error = parts.rows_of_parts("part", &["train", "test", "more"]).unwrap_err().to_string();
    assert_eq!(error, "t.csv: no row of column 1 (part) is \"more\"");
}

#[test]
fn rows_are_sorted_by_time() {
    let sorted = |text: &str, column| table(text).sorted_by(column).map(|table| table.numbers(1).unwrap());
    assert_eq!(sorted("t,x\n2024-10-01,3\n2024-02-01,2\n1999-12-31,1\n", "t").unwrap(), [1.0, 2.0, 3.0]);
    assert_eq!(sorted("t,x\n10,3\n9,1\n9.5,2\n", "t").unwrap(), [1.0, 2.0, 3.0]);
    assert_eq!(sorted("t,x\n1,3\n0,1\n1,2\n", "t").unwrap(), [1.0, 3.0, 2.0]);
    let error = sorted("t,x\n1,3\nx,1\n", "t").unwrap_err().to_string();
    assert_eq!(error, "t.csv: line 3, column 0 (t): \"x\" is not a number");
    assert!(sorted("t,x\n1,3\n,1\n", "t").is_err());
}
