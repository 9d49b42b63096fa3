//! One mistake in the data of a good recipe, or in how it reads them, for each row.

use std::path::Path;

use anygrad_core::Array;
use anygrad_data::numpy;
use anygrad_recipe::Recipe;

use super::all_told;

/// What is wrong with a table recipe in a folder.
fn of_data(folder: &Path, name: &str, bytes: &[u8], data: &str) -> String {
    std::fs::write(folder.join(name), bytes).unwrap();
    let text = format!("model = [{{ type = \"dense\", units = \"outputs\" }}]\n[data]\n{data}\n");
    let path = folder.join("r.toml");
    std::fs::write(&path, text).unwrap();
    let error = Recipe::read(&path, &[]).and_then(|recipe| recipe.load().map(drop)).unwrap_err();
    assert!(error.is_input(), "{error:?}");
    error.to_string().replace(&format!("{}/", folder.display()), "")
}

#[test]
fn each_mistake_in_data_is_told_with_the_key_that_asks_for_them_and_its_place_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let csv = "format = \"csv\"\npath = \"t.csv\"\ntask = \"regression\"";
    let (table, classes): (&[u8], &[u8]) =
        (b"a,b,y\n1,2,3\n4,5,6\n7,8,9\n", b"a,y\n1,x\n2,z\n3,x\n4,w\n5,x\n6,z\n");
    let rows: &[(&[u8], &str, &str)] = &[
        (
            table,
            "format = \"csv\"\npath = \"u.csv\"\ntask = \"regression\"",
            "r.toml: line 4: data.path: u.csv: cannot be read: No such file or directory (os error 2)",
        ),
        (b"", csv, "r.toml: line 4: data.path: t.csv: the table is empty"),
        (b"a,y\n1,2\n3\n", csv, "r.toml: line 4: data.path: t.csv: line 3: 1 cells, the lines before have 2"),
        (
            b"a,y\n1,2\nx,4\n",
            csv,
            "r.toml: line 4: data.path: t.csv: line 3, column 0 (a): \"x\" is not a number",
        ),
        (b"a,y\n1,2\n,4\n", csv, "r.toml: line 4: data.path: t.csv: line 3, column 0 (a): the cell is empty"),
        (
            table,
            &format!("{csv}\ntarget = \"z\""),
            "r.toml: line 6: data.target: t.csv: no column \"z\" among the 3 columns a, b, y",
        ),
        (
            table,
            &format!("{csv}\ninputs = [\"a\", \"c\"]"),
            "r.toml: line 6: data.inputs: t.csv: no column \"c\" among the 3 columns a, b, y",
        ),
        (
            table,
            &format!("{csv}\ndrop = 3"),
            "r.toml: line 6: data.drop: t.csv: no column \"3\" among the 3 columns a, b, y",
        ),
        (
            table,
            csv,
            "r.toml: line 2: data.split: fractions [0.8, 0.1, 0.1]: 3 rows cannot be split into parts of [2, 1, 0] rows: each part needs one",
        ),
        (
            classes,
            "format = \"csv\"\npath = \"t.csv\"\ntask = \"binary\"",
            "r.toml: line 4: data.path: t.csv: column 1 (y) holds 3 classes, Binary takes 2",
        ),
        // Separators, words and gaps.
        (
            table,
            &format!("{csv}\nseparator = \"a\""),
            "r.toml: line 4: data.path: t.csv: 'a' cannot separate cells",
        ),
        (
            b"a,b,y\n1,x,3\n",
            &format!("{csv}\none_hot = \"c\""),
            "r.toml: line 6: data.one_hot: t.csv: no column \"c\" among the 3 columns a, b, y",
        ),
        (
            b"a,b,y\n1,small,3\n2,tall,4\n",
            &format!("{csv}\nordinal = {{ b = [\"small\", \"large\"] }}"),
            "r.toml: line 4: data.path: t.csv: line 3, column 1 (b): \"tall\" is none of the 2 categories small, large",
        ),
        (
            b"a,b,y\n1,x,3\n2,z,4\n",
            &format!("{csv}\none_hot = \"b\"\nordinal = \"b\""),
            "r.toml: line 4: data.path: column \"b\" is a column of categories, and a column of categories as well",
        ),
        (
            table,
            &format!("{csv}\ntarget = \"a\"\ndrop = \"a\""),
            "r.toml: line 4: data.path: column \"a\" is a target, and ignored as well",
        ),
        (
            table,
            &format!("{csv}\ninputs = \"a\"\ndrop = \"a\""),
            "r.toml: line 6: data.inputs: column \"a\" is an input, and left out as well",
        ),
        (
            b"a,y\n?,2\n?,4\n",
            &format!("{csv}\nmissing = \"mean\""),
            "r.toml: line 4: data.path: t.csv: column 0 (a): 2 training rows have no value to take the mean of",
        ),
        (
            b"a,y\n?,2\nNA,4\n",
            &format!("{csv}\nmissing = \"drop\""),
            "r.toml: line 6: data.missing: missing values in 2 rows: a 2; 2 rows dropped: t.csv: no row is left of 2",
        ),
        (
            b"a,y\n1,2\n3,NA\n",
            &format!("{csv}\nmissing = \"mean\""),
            "r.toml: line 4: data.path: t.csv: line 3, column 1 (y): \"NA\" is not a number",
        ),
        // Several targets, files and parts.
        (
            table,
            "format = \"csv\"\npath = \"t.csv\"\ntask = \"multiclass\"\ntargets = [\"a\", \"y\"]",
            "r.toml: line 6: data.targets: 2 columns: multiclass takes one, binary and regression take several",
        ),
        (
            table,
            "format = \"csv\"\npath = []\ntask = \"regression\"",
            "r.toml: line 4: data.path: the list is empty: takes at least one path",
        ),
        (
            table,
            &format!("{csv}\nsplit = {{ by = \"file\", test = \"o.csv\" }}"),
            "r.toml: line 4: data.path: o.csv has the 2 columns a, b, t.csv has the 3 columns a, b, y",
        ),
        (
            table,
            &format!("{csv}\nsplit = {{ by = \"file\", test = \"p.csv\" }}"),
            "r.toml: line 6: data.split.test: p.csv: cannot be read: No such file or directory (os error 2)",
        ),
        (
            b"a,part,y\n1,train,3\n2,tset,4\n",
            &format!("{csv}\nsplit = {{ by = \"column\", column = \"part\", test = \"test\" }}"),
            "r.toml: line 6: data.split: t.csv: line 3, column 1 (part): \"tset\" is none of the parts train, test",
        ),
        (
            b"a,day,y\n1,7,3\n2,x,4\n",
            &format!("{csv}\ntime = \"day\""),
            "r.toml: line 6: data.time: t.csv: line 3, column 1 (day): \"x\" is not a number",
        ),
        (
            classes,
            "format = \"csv\"\npath = \"t.csv\"\ntask = \"multiclass\"\nsplit = { by = \"stratified\", train = 0.98, validation = 0.01, test = 0.01 }",
            "r.toml: line 6: data.split: fractions [0.98, 0.01, 0.01]: 6 rows cannot be split into parts of [6, 0, 0] rows: each part needs one",
        ),
        (
            table,
            "format = \"csv\"\npath = \"t.csv\"\ntask = \"forecasting\"\nwindow = 1\nsplit = { by = \"column\", column = \"a\" }",
            "r.toml: line 7: data.split: rows of forecasting overlap with those beside them: split by time or by file",
        ),
        (
            b"t,a,b\n1,x,3\n2,z,4\n",
            "format = \"csv\"\npath = \"t.csv\"\ntask = \"forecasting\"\nwindow = 1\ninputs = [\"a\", \"b\"]\nsplit = { by = \"time\", train = 1, validation = 0, test = 0 }",
            "r.toml: line 4: data.path: t.csv: line 2, column 1 (a): \"x\" is not a number",
        ),
        // Arrays and images.
        (
            table,
            "format = \"npz\"\npath = \"t.csv\"\ntask = \"regression\"",
            "r.toml: line 4: data.path: t.csv: features with targets stand in one .npz archive, as x and y",
        ),
        (
            table,
            "format = \"npy\"\nfeatures = \"t.csv\"\ntargets = \"t.csv\"\ntask = \"regression\"",
            "r.toml: line 4: data.features: t.csv: no .npy file: it begins with the bytes [61, 2c, 62, 2c, 79, 0a, 31, 2c]",
        ),
        (
            table,
            "format = \"npz\"\npath = \"a.npz\"\ntargets = \"z\"\ntask = \"regression\"",
            "r.toml: line 4: data.path: a.npz: no array \"z\" among x, y",
        ),
        (
            table,
            "format = \"npz\"\npath = \"a.npz\"\ntask = \"binary\"",
            "r.toml: line 4: data.path: a.npz: target [1, 0] is 7, neither 0 nor 1",
        ),
        (
            table,
            "format = \"npy\"\nfeatures = \"x.npy\"\ntargets = \"y.npy\"\ntask = \"regression\"\nsplit = { by = \"file\", validation = 0, test = \"z.npy\" }",
            "r.toml: line 7: data.split.test: z.npy: features with targets stand in one .npz archive, as x and y",
        ),
        (
            table,
            "format = \"npz\"\npath = \"a.npz\"\ntask = \"forecasting\"\nwindow = 2",
            "r.toml: line 5: data.task: the format npz does not serve forecasting: it takes regression, binary, multiclass",
        ),
        (
            table,
            "format = \"images\"\npath = \"nowhere\"\ntask = \"multiclass\"",
            "r.toml: line 4: data.path: nowhere: cannot be read: No such file or directory (os error 2)",
        ),
        (
            table,
            "format = \"images\"\npath = \"pets\"\ntask = \"multiclass\"",
            "r.toml: line 4: data.path: pets/cat/1.png: neither PNG nor JPEG: it begins with the bytes [6e, 6f, 20, 69, 6d, 61, 67, 65]",
        ),
        (
            table,
            "format = \"idx\"\npath = \"t\"\ntask = \"multiclass\"",
            "r.toml: line 4: data.path: t: there is no such folder",
        ),
        (
            table,
            "format = \"csv\"\npath = \"t.csv\"\ntask = \"forecasting\"\nwindow = 9\nsplit = { by = \"time\", train = 1, validation = 0, test = 0 }",
            "r.toml: line 6: data.window: part 0, rows 0 to 2: a window of 9 rows and the 1 after it do not fit in 3 rows",
        ),
        (
            b"abcabc",
            "format = \"text\"\npath = \"t.csv\"\ntask = \"language\"\nsequence_length = 8",
            "r.toml: line 2: data.split: fractions [0.8, 0.1, 0.1]: 6 rows cannot be split into parts of [5, 0, 1] rows: each part needs one",
        ),
        (
            b"ab\xffc",
            "format = \"text\"\npath = \"t.csv\"\ntask = \"language\"",
            "r.toml: line 4: data.path: t.csv: line 1: byte 2 of the file is not UTF-8",
        ),
    ];
    let (x, y) = (Array::f32(&[2, 1], [1.0, 2.0]).unwrap(), Array::i32(&[2], [1, 7]).unwrap());
    std::fs::write(folder.path().join("o.csv"), "a,b\n1,2\n").unwrap();
    numpy::write_npz(folder.path().join("a.npz"), &[("x", &x), ("y", &y)]).unwrap();
    numpy::write_npy(folder.path().join("x.npy"), &x).unwrap();
    numpy::write_npy(folder.path().join("y.npy"), &y).unwrap();
    std::fs::create_dir_all(folder.path().join("pets/cat")).unwrap();
    std::fs::write(folder.path().join("pets/cat/1.png"), "no image").unwrap();
    all_told(rows.iter().map(|(bytes, data, wanted)| {
        (*data, (*wanted).to_owned(), of_data(folder.path(), "t.csv", bytes, data))
    }));
}
