//! The Frictionless Data Package (version 2) that describes a release to programs.
//!
//! It carries no time of creation: the same content gives the same bytes, and the version says
//! which release it is. See <https://datapackage.org/standard/data-package/>.
//!
//! The standard resolves paths from the folder of the description and forbids `..`, and the data do
//! not lie under `metadata/`. So there are two copies: `datapackage.json` at the root of the release,
//! with relative paths, which validates from a folder; and `metadata/datapackage.json`, with whole
//! addresses, for those who meet the description alone.

use arrow::datatypes::{DataType, Schema};
use serde_json::{Map, Value, json};

use super::content::{FieldText, ReleaseContent, ReleaseTable, SourceTerms};
use super::texts::{TITLE_EN, TITLE_IT, address};
use super::{Error, FileEntry, Resource};

/// Lists of a release that are no tables of data.
pub(crate) struct Lists {
    /// The books.
    pub(crate) books: FileEntry,
    /// The platforms and their terms.
    pub(crate) sources: FileEntry,
}

/// The whole description as JSON text; `base` stands before the path of every file.
pub(crate) fn json(
    content: &ReleaseContent,
    resources: &[Resource],
    lists: &Lists,
    base: &str,
) -> Result<String, Error> {
    let mut listed = Vec::new();
    for (table, resource) in content.tables.iter().zip(resources) {
        listed.push(table_resource(table, resource, base));
    }
    listed.push(books_resource(&lists.books, base));
    listed.push(sources_resource(&lists.sources, base));
    let attributed = content.attributions.iter();
    let attributed = attributed.map(|text| json!({ "title": text }));
    let sources = content.sources.iter().map(source);
    let sources: Vec<Value> = sources.chain(attributed).collect();
    let package = json!({
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": "antenne",
        "id": address(content),
        "version": content.version.trim_start_matches('v'),
        "title": TITLE_IT,
        "description": format!("{TITLE_IT} / {TITLE_EN}."),
        "homepage": address(content),
        "keywords": ["welfare", "bisogni sociali", "servizi sociali", "piani di zona"],
        "licenses": super::texts::licenses(content).into_iter().map(license).collect::<Vec<_>>(),
        "sources": sources,
        "contributors": [contributor(content)],
        "resources": listed,
    });
    let mut text = serde_json::to_string_pretty(&package).map_err(Error::EncodePackage)?;
    text.push('\n');
    Ok(text)
}

/// Who publishes; the contact is given where the standard has a field for it.
fn contributor(content: &ReleaseContent) -> Value {
    let publisher = &content.publisher;
    let mut entry =
        json!({ "title": publisher.name, "path": publisher.url, "roles": ["publisher"] });
    if publisher.contact.contains('@') {
        entry["email"] = json!(publisher.contact);
    }
    entry
}

/// A license by its SPDX name, with its address where we know it.
fn license(name: &str) -> Value {
    let path = match name {
        "CC-BY-4.0" => "https://creativecommons.org/licenses/by/4.0/",
        "CC0-1.0" => "https://creativecommons.org/publicdomain/zero/1.0/",
        _ => return json!({ "name": name }),
    };
    json!({ "name": name, "path": path })
}

/// A table as CSV, with its schema.
fn table_resource(table: &ReleaseTable, resource: &Resource, base: &str) -> Value {
    json!({
        "name": table.name,
        "path": format!("{base}{}", resource.csv.path),
        "type": "table",
        "title": table.title.it,
        "description": format!("{} / {}", table.description.it, table.description.en),
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": resource.csv.n_bytes,
        "hash": format!("sha256:{}", resource.csv.sha256),
        "licenses": [license(&table.license)],
        "schema": table_schema(table),
        "parquet": parquet_form(resource, base),
    })
}

/// The same rows as Parquet: another form of the same resource, under a property of our own,
/// because checkers of the standard cannot count the bytes of a table that is not text.
fn parquet_form(resource: &Resource, base: &str) -> Value {
    json!({
        "path": format!("{base}{}", resource.parquet.path),
        "mediatype": "application/vnd.apache.parquet",
        "bytes": resource.parquet.n_bytes,
        "hash": format!("sha256:{}", resource.parquet.sha256),
    })
}

/// A platform; what was agreed stands under a property of our own.
fn source(terms: &SourceTerms) -> Value {
    let mut agreement = Map::new();
    let texts = [
        ("license", &terms.license),
        ("legal_basis", &terms.legal_basis),
        ("contact", &terms.contact),
        ("signed_on", &terms.signed_on),
        ("expires_on", &terms.expires_on),
    ];
    for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        agreement.insert(name.to_owned(), json!(text));
    }
    if let Some(min_k) = terms.min_k {
        agreement.insert("min_k".to_owned(), json!(min_k));
    }
    if let Some(days) = terms.retention_days {
        agreement.insert("retention_days".to_owned(), json!(days));
    }
    if !terms.waivers.is_empty() {
        agreement.insert("waivers".to_owned(), json!(terms.waivers));
    }
    let mut entry = json!({ "title": terms.title.it, "agreement": agreement });
    if terms.contact.contains('@') {
        entry["email"] = json!(terms.contact);
    }
    entry
}

/// The platforms and their terms.
fn sources_resource(sources: &FileEntry, base: &str) -> Value {
    json!({
        "name": "sources",
        "path": format!("{base}{}", sources.path),
        "title": "Le fonti e i loro accordi",
        "description": "Per ogni piattaforma: licenza, base giuridica, contatto, accordo, mese dell’ultimo dato. / Sources: license, legal basis, contact, agreement and month of the newest record of each platform.",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": sources.n_bytes,
        "hash": format!("sha256:{}", sources.sha256),
    })
}

/// The books of the run.
fn books_resource(books: &FileEntry, base: &str) -> Value {
    json!({
        "name": "books",
        "path": format!("{base}{}", books.path),
        "title": "Libri delle fonti",
        "description": "Per ogni tabella di ogni fonte: accolte, respinte, doppie, superate, cancellate. / Books: where each record of each source table went.",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": books.n_bytes,
        "hash": format!("sha256:{}", books.sha256),
    })
}

/// The Table Schema of a table.
fn table_schema(table: &ReleaseTable) -> Value {
    let schema = table.batch.schema();
    let fields: Vec<Value> = table
        .fields
        .iter()
        .map(|field| field_schema(field, table, &schema))
        .collect();
    json!({
        "$schema": "https://datapackage.org/profiles/2.0/tableschema.json",
        "fields": fields,
        "primaryKey": table.grain,
        "missingValues": [""],
    })
}

/// One field of a Table Schema.
fn field_schema(field: &FieldText, table: &ReleaseTable, schema: &Schema) -> Value {
    let kind = schema
        .field_with_name(&field.name)
        .map_or(&DataType::Utf8, |found| found.data_type());
    let mut entry = Map::new();
    entry.insert("name".to_owned(), json!(field.name));
    entry.insert("type".to_owned(), json!(field_type(kind)));
    entry.insert("title".to_owned(), json!(field.text.it));
    entry.insert("description".to_owned(), json!(field.text.en));
    if !field.unit.is_empty() {
        entry.insert("unit".to_owned(), json!(field.unit));
    }
    if table.grain.contains(&field.name) {
        entry.insert("constraints".to_owned(), json!({ "required": true }));
    }
    Value::Object(entry)
}

/// The type of a field in the words of the standard.
fn field_type(kind: &DataType) -> &'static str {
    match kind {
        DataType::Boolean => "boolean",
        DataType::Date32 => "date",
        number if number.is_integer() => "integer",
        number if number.is_floating() => "number",
        _ => "string",
    }
}
