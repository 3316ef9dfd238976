use proptest::prelude::*;

use super::*;

fn labelled(text: &str) -> Result<Dataset, DataError> {
    parse_labelled("t.csv", text.as_bytes(), "label")
}

fn message(text: &str) -> String {
    labelled(text).unwrap_err().to_string()
}

#[test]
fn features_and_classes_are_taken_apart_wherever_the_target_stands() {
    let data = labelled("a,label,b\n1,yes,-2.5\n 3e2 ,no,.5\n").unwrap();
    assert_eq!(data.table.feature_names, ["a", "b"]);
    assert_eq!(data.table.values, [1.0, -2.5, 300.0, 0.5]);
    assert_eq!((data.labels, data.class_names), (vec![1, 0], vec!["no".to_owned(), "yes".to_owned()]));
    assert_eq!(data.table.source_rows, [2, 3]);
}

#[test]
fn integer_classes_come_in_numeric_order() {
    let data = labelled("a,label\n1,10\n1,9\n1,-1\n1,09\n").unwrap();
    assert_eq!(data.class_names, ["-1", "9", "10"]);
    assert_eq!(data.labels, [2, 1, 0, 1]);
}

#[test]
fn quotes_byte_order_marks_and_carriage_returns_are_understood() {
    let data = labelled("\u{feff}\"a\",label\r\n\"1\",x\r\n2,y").unwrap();
    assert_eq!(data.table.feature_names, ["a"]);
    assert_eq!(data.table.values, [1.0, 2.0]);
}

#[test]
fn cells_are_named_by_line_and_column() {
    assert_eq!(message("a,b,label\n1,2,x\n1,,y\n"), {
        "t.csv, row 3, column \"b\": the cell is empty; fill it or leave the row out"
    });
    assert_eq!(message("a,b,label\n1,2,x\nabc,1,y\n"), "t.csv, row 3, column \"a\": \"abc\" is not a number");
    for not_finite in ["NaN", "inf", "-Infinity", "1e999"] {
        let message = message(&format!("a,label\n1,x\n{not_finite},y\n"));
        assert!(message.starts_with("t.csv, row 3, column \"a\"") && message.contains("finite"), "{message}");
    }
    for missing in [" ", "nan", "NaN"] {
        assert!(message(&format!("a,label\n1,x\n1,{missing}\n")).starts_with("t.csv, row 3, column \"label\""));
    }
}

#[test]
fn blank_lines_and_quoted_line_breaks_do_not_shift_the_line() {
    assert!(message("a,label\n\n\r\n1,x\n\n?,y\n").starts_with("t.csv, row 6, "));
    assert!(message("a,label\n1,\"x\ny\"\n?,y\n").starts_with("t.csv, row 4, "));
}

#[test]
fn ragged_rows_are_refused() {
    assert_eq!(message("a,b,label\n1,2,x\n1,y\n"), "t.csv, row 3: 2 cells, but the header names 3 columns");
    assert_eq!(message("a,b,label\n1,2,x,9\n"), "t.csv, row 2: 4 cells, but the header names 3 columns");
}

#[test]
fn a_wrong_target_lists_the_columns_and_the_nearest() {
    let error = parse_labelled("t.csv", b"age,lable\n1,x\n", "label").unwrap_err().to_string();
    assert_eq!(error, "t.csv has no column \"label\" (did you mean \"lable\"?); its columns are age, lable");
}

#[test]
fn headers_that_cannot_name_columns_are_refused() {
    assert!(message("").contains("empty"));
    assert!(message("a,a,label\n1,2,x\n").contains("two columns are named \"a\""));
    assert!(message("a,,label\n1,2,x\n").contains("column 2 has no name"));
    assert!(message("label\nx\ny\n").contains("no column beside the target"));
    assert!(parse_labelled("t.csv", b"\xff\xfea,label\n1,x\n", "label").unwrap_err().to_string().contains("UTF-8"));
}

#[test]
fn tables_without_a_choice_of_classes_are_refused() {
    assert_eq!(message("a,label\n"), "t.csv has a header but no rows");
    assert!(message("a,label\n1,x\n2,x\n").contains("every row has the class \"x\""));
    let measurements: String = (0..1001).map(|i| format!("1,{i}\n")).collect();
    assert!(message(&format!("a,label\n{measurements}")).contains("1001 different values"));
}

#[test]
fn bytes_that_are_not_utf8_are_named_by_their_cell() {
    let error = parse_labelled("t.csv", b"a,b,label\n1,2,x\n1,\xff,y\n", "label").unwrap_err().to_string();
    assert_eq!(error, "t.csv, row 3, column \"b\": not UTF-8 text");
}

#[test]
fn rows_to_classify_have_features_only() {
    let table = parse_rows("t.csv", b"a,b\n1,2\n3,4\n").unwrap();
    assert_eq!((table.rows(), table.columns(), table.row(1)), (2, 2, &[3.0, 4.0][..]));
    assert!(parse_rows("t.csv", b"a,b\n").is_err());
}

#[test]
fn long_cells_are_cut_in_messages() {
    let message = message(&format!("a,label\n{},x\n", "z".repeat(5000)));
    assert!(message.len() < 200, "{message}");
}

#[test]
fn files_are_read_and_missing_ones_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    std::fs::write(&path, "a,label\n1,x\n2,y\n").unwrap();
    assert_eq!(read_labelled(&path, "label").unwrap().rows(), 2);
    assert!(read_rows(&folder.path().join("no.csv")).unwrap_err().to_string().contains("no.csv"));
}

proptest! {
    #[test]
    fn any_bytes_end_in_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_labelled("t.csv", &bytes, "label");
        let _ = parse_rows("t.csv", &bytes);
    }

    #[test]
    fn any_table_of_csv_characters_gives_finite_rectangles(body in "[0-9a,.\"\n\r e-]{0,120}") {
        if let Ok(data) = labelled(&format!("a,b,label\n{body}")) {
            prop_assert_eq!(data.table.values.len(), data.rows() * data.columns());
            prop_assert_eq!(data.labels.len(), data.rows());
            prop_assert!(data.table.values.iter().all(|value| value.is_finite()));
            prop_assert!(data.labels.iter().all(|label| (*label as usize) < data.classes()));
        }
    }

    #[test]
    fn numbers_come_back_exactly(values in proptest::collection::vec(-1e300f64..1e300, 2..20)) {
        let body: String = values.iter().enumerate().map(|(i, v)| format!("{v:e},{}\n", i % 2)).collect();
        prop_assert_eq!(labelled(&format!("a,label\n{body}")).unwrap().table.values, values);
    }
}
