//! What must hold for a release as a whole.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sha2::{Digest, Sha256};

use super::content::{REQUESTS, ReleaseContent};
use super::{Error, Written, example, write_release};

/// Writes a release into a new folder.
fn write(content: &ReleaseContent, place: &Path) -> Result<Written, Error> {
    write_release(content, &place.join("release"))
}

#[test]
fn the_same_content_gives_the_same_bytes() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = write(&example::content(), one.path()).unwrap();
    let second = write(&example::content(), two.path()).unwrap();
    assert_eq!(first, second);
}

#[test]
fn the_layout_is_the_one_others_link_to() {
    let place = tempfile::tempdir().unwrap();
    let written = write(&example::content(), place.path()).unwrap();
    let paths: Vec<&str> = written
        .files
        .iter()
        .map(|file| file.path.as_str())
        .collect();
    for path in [
        "README.md",
        "CHANGELOG.md",
        "data/signals.csv",
        "data/signals.parquet",
        "metadata/datapackage.json",
        "metadata/dictionary.csv",
        "metadata/dictionary.md",
        "metadata/books.csv",
        "metadata/sources.csv",
        "site/style.css",
        "site/it/index.html",
        "site/en/index.html",
        "site/it/districts/AMB-LODI/index.html",
        "site/en/signals/index.html",
    ] {
        assert!(paths.contains(&path), "{path}");
    }
}

#[test]
fn the_data_package_names_every_data_file_with_its_size_and_hash() {
    let place = tempfile::tempdir().unwrap();
    write(&example::content(), place.path()).unwrap();
    let root = place.path().join("release");
    let text = fs::read_to_string(root.join("datapackage.json")).unwrap();
    let package: serde_json::Value = serde_json::from_str(&text).unwrap();
    let resources = package["resources"].as_array().unwrap();
    assert_eq!(resources.len(), 6 + 2);
    let forms = resources
        .iter()
        .filter_map(|resource| resource.get("parquet"));
    for resource in resources.iter().chain(forms) {
        let bytes = fs::read(root.join(resource["path"].as_str().unwrap())).unwrap();
        assert_eq!(resource["bytes"].as_u64(), u64::try_from(bytes.len()).ok());
        let digest = Sha256::digest(&bytes).to_vec();
        let hash = resource["hash"]
            .as_str()
            .unwrap()
            .strip_prefix("sha256:")
            .unwrap();
        let pairs = hash
            .as_bytes()
            .chunks(2)
            .map(|pair| std::str::from_utf8(pair).unwrap());
        let named: Vec<u8> = pairs
            .map(|pair| u8::from_str_radix(pair, 16).unwrap())
            .collect();
        assert_eq!(named, digest);
    }
    let absolute = fs::read_to_string(root.join("metadata/datapackage.json")).unwrap();
    assert!(absolute.contains("https://dati.consorzio.example/antenne/v2026.1.0/data/signals.csv"));
}

#[test]
fn parquet_and_csv_agree_and_the_footer_says_nothing() {
    let place = tempfile::tempdir().unwrap();
    let content = example::content();
    write(&content, place.path()).unwrap();
    let data = place.path().join("release/data");
    let file = fs::File::open(data.join(format!("{REQUESTS}.parquet"))).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    for group in reader.metadata().row_groups() {
        for column in group.columns() {
            assert!(column.statistics().is_none());
            assert!(column.column_index_offset().is_none());
        }
    }
    assert_eq!(
        reader.metadata().file_metadata().created_by(),
        Some("antenne")
    );
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    let n_rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let csv = fs::read_to_string(data.join(format!("{REQUESTS}.csv"))).unwrap();
    assert_eq!(csv.lines().count(), n_rows + 1);
    assert_eq!(
        csv.lines().next(),
        Some("district_code,need_code,quarter,n_requests,status")
    );
    assert!(csv.contains("\nAMB-LODI,A1.05,2025-Q1,,suppressed\n"));
    assert_eq!(
        batches[0].schema().fields(),
        content.tables[0].batch.schema().fields()
    );
}

#[test]
fn a_figure_in_a_row_that_is_not_published_is_refused() {
    let mut content = example::content();
    let table = &mut content.tables[0];
    let n = table.batch.num_rows();
    let mut columns = table.batch.columns().to_vec();
    columns[3] = Arc::new(Int64Array::from(vec![7; n])) as ArrayRef;
    table.batch = RecordBatch::try_new(table.batch.schema(), columns).unwrap();
    let place = tempfile::tempdir().unwrap();
    let mistake = write(&content, place.path()).unwrap_err();
    assert!(matches!(&mistake, Error::HiddenFigure { column, .. } if column == "n_requests"));
    assert!(!place.path().join("release").exists());
}

#[test]
fn a_column_without_a_meaning_is_refused() {
    let mut content = example::content();
    content.tables[1].fields.pop();
    let place = tempfile::tempdir().unwrap();
    assert!(matches!(
        write(&content, place.path()),
        Err(Error::FieldsDiffer { .. })
    ));
}

#[test]
fn a_code_that_would_leave_its_folder_is_refused() {
    let mut content = example::content();
    content.districts[0].code = "../x".to_owned();
    let place = tempfile::tempdir().unwrap();
    assert!(matches!(
        write(&content, place.path()),
        Err(Error::UnsafeCode { .. })
    ));
}

#[test]
fn a_release_is_never_written_over_another() {
    let place = tempfile::tempdir().unwrap();
    write(&example::content(), place.path()).unwrap();
    assert!(matches!(
        write(&example::content(), place.path()),
        Err(Error::FolderNotEmpty { .. })
    ));
}
