//! What a release says besides its tables: names of districts and needs, and the books.

use std::collections::BTreeMap;

use arrow::array::AsArray;
use arrow::record_batch::RecordBatch;

use super::columns;
use super::content::{BookLine, Closure, District, DistrictKind, Lag, NeedLabel, SourceTerms};
use super::release::Error;
use crate::canon::cells::{count_at, counts, texts};
use crate::context::Context;
use crate::lake::Zone;
use crate::spec::agreement::{AgreedWaiver, Day};
use crate::spec::source::SourceSpec;
use crate::spec::text::Bilingual;

/// Rows of a statement over these tables.
async fn rows(cx: &Context, label: &str, inputs: &[&str], sql: &str) -> Result<RecordBatch, Error> {
    let inputs = inputs.iter().map(|&name| name.to_owned()).collect();
    let opened = cx.open(&inputs).await.map_err(Error::Inputs)?;
    opened.plain_rows(label, sql).await.map_err(Error::Inputs)
}

/// Names of the needs, from the reference list.
pub(super) async fn needs(cx: &Context) -> Result<Vec<NeedLabel>, Error> {
    const TABLE: &str = "reference.needs";
    let sql = "select need_code, label_it, label_en, is_guaranteed from reference.needs order by need_code";
    let found = rows(cx, TABLE, &[TABLE], sql).await?;
    let wrong = |source| Error::Column {
        table: TABLE.to_owned(),
        source,
    };
    let column = |name| texts(&found, name).map_err(wrong);
    let (code, it, en, guaranteed) = (
        column("need_code")?,
        column("label_it")?,
        column("label_en")?,
        column("is_guaranteed")?,
    );
    let listed = (0..found.num_rows()).map(|row| NeedLabel {
        code: code.value(row).to_owned(),
        name: Bilingual {
            it: it.value(row).to_owned(),
            en: en.value(row).to_owned(),
        },
        is_guaranteed: guaranteed.value(row) == "yes",
    });
    Ok(listed.chain([columns::unnamed_need()]).collect())
}

/// Districts of the release with the names of their comuni.
pub(super) async fn districts(
    cx: &Context,
    table: Option<&RecordBatch>,
) -> Result<Vec<District>, Error> {
    let sql = "select districts.district_code, comuni.name from reference.districts as districts \
               inner join reference.comuni as comuni on districts.comune_code = comuni.comune_code \
               where districts.valid_to is null order by districts.district_code, comuni.name";
    let found = rows(
        cx,
        "reference.districts",
        &["reference.districts", "reference.comuni"],
        sql,
    )
    .await?;
    let wrong = |source| Error::Column {
        table: "districts".to_owned(),
        source,
    };
    let (of, comune) = (
        texts(&found, "district_code").map_err(wrong)?,
        texts(&found, "name").map_err(wrong)?,
    );
    let mut names: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for row in 0..found.num_rows() {
        names
            .entry(of.value(row))
            .or_default()
            .push(comune.value(row).to_owned());
    }
    let Some(table) = table else {
        return Ok(Vec::new());
    };
    let (code, name, kind) = (
        texts(table, "district_code").map_err(wrong)?,
        texts(table, "name").map_err(wrong)?,
        texts(table, "kind").map_err(wrong)?,
    );
    Ok((0..table.num_rows())
        .map(|row| District {
            code: code.value(row).to_owned(),
            name: name.value(row).to_owned(),
            kind: match kind.value(row) {
                "real" => DistrictKind::Real,
                "partial" => DistrictKind::Partial,
                _ => DistrictKind::Demonstration,
            },
            comuni: names.get(code.value(row)).cloned().unwrap_or_default(),
        })
        .collect())
}

/// The books, from their table.
pub(super) async fn books(cx: &Context) -> Result<Vec<BookLine>, Error> {
    const TABLE: &str = "books";
    let Some(snapshot) = cx.lake.snapshot(Zone::Conformed, TABLE).await? else {
        return Ok(Vec::new());
    };
    let wrong = |source| Error::Column {
        table: TABLE.to_owned(),
        source,
    };
    let mut lines = Vec::new();
    for batch in cx.lake.read_all(Zone::Conformed, TABLE, &snapshot).await? {
        let (platform, table) = (
            texts(&batch, "platform").map_err(wrong)?,
            texts(&batch, "source_table").map_err(wrong)?,
        );
        let source_count = counts(&batch, "source_count").map_err(wrong)?;
        let count = |name: &str, row: usize| {
            batch
                .column_by_name(name)
                .and_then(|column| column.as_primitive_opt())
                .map_or(0, |column| count_at(column, row))
        };
        for row in 0..batch.num_rows() {
            let mut line = BookLine {
                source: platform.value(row).to_owned(),
                table: table.value(row).to_owned(),
                source_count: arrow::array::Array::is_valid(source_count, row)
                    .then(|| count_at(source_count, row)),
                accepted: count("accepted", row),
                rejected: count("rejected", row),
                duplicate: count("duplicate", row),
                superseded: count("superseded", row),
                erased: count("erased", row),
                closure: Closure::Unverified,
            };
            line.closure = closure(&line);
            lines.push(line);
        }
    }
    lines.sort_by(|left, right| (&left.source, &left.table).cmp(&(&right.source, &right.table)));
    Ok(lines)
}

/// The platforms with their terms, and how far behind the newest of all each one is.
///
/// No clock is read: the same records give the same words whenever they are published.
pub(super) async fn sources(cx: &Context) -> Result<Vec<SourceTerms>, Error> {
    let newest = cx.newest_records().await.map_err(Error::Inputs)?;
    let latest = newest.values().max();
    let declared = cx.commons.sources.iter();
    let listed = declared.map(|(platform, declared)| {
        let own = newest.get(platform);
        let behind = own
            .zip(latest)
            .map(|(own, latest)| (*latest - *own).num_days());
        let allowed = i64::from(declared.spec.freshness.warn_after_days);
        SourceTerms {
            newest_month: own.map_or_else(String::new, |at| at.format("%Y-%m").to_string()),
            lag: if behind.is_some_and(|days| days > allowed) {
                Lag::Late
            } else {
                Lag::None
            },
            ..terms(platform, &declared.spec)
        }
    });
    Ok(listed.collect())
}

/// The terms of a platform as declared.
fn terms(platform: &str, spec: &SourceSpec) -> SourceTerms {
    let agreement = &spec.agreement;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let day = |day: Option<Day>| day.map(|day| day.to_string()).unwrap_or_default();
    let waiver = |waiver: &AgreedWaiver| {
        let end = waiver.until.map(|until| format!(" until {until}"));
        let (rule, end) = (waiver.rule.word(), end.unwrap_or_default());
        format!("{rule}{end}: {}", waiver.reason)
    };
    SourceTerms {
        platform: platform.to_owned(),
        title: spec.title.clone(),
        license: text(&agreement.license),
        legal_basis: text(&agreement.legal_basis),
        contact: text(&agreement.contact),
        retention_days: agreement.retention_days,
        min_k: agreement.min_k,
        signed_on: day(agreement.signed_on),
        expires_on: day(agreement.expires_on),
        waivers: agreement.waivers.iter().map(waiver).collect(),
        ..SourceTerms::default()
    }
}

/// Whether a line adds up.
fn closure(line: &BookLine) -> Closure {
    let accounted = line.accepted + line.rejected + line.duplicate + line.superseded + line.erased;
    match line.source_count {
        None => Closure::Unverified,
        Some(count) if count == accounted => Closure::Closed,
        Some(_) => Closure::Open,
    }
}
