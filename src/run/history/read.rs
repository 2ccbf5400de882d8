//! Reads the history from the models.

use std::collections::{BTreeMap, BTreeSet};

use super::{Arrival, History, Named, Series, calendar};
use crate::canon::cells::{CellError, count_at, counts, flags, months, texts};
use crate::context::Context;
use crate::context::tables::{self, Opened};
use crate::stats::real;

/// The model with exposure and coverage.
const PANEL: &str = "derived._panel_by_district_need_month";
/// The model that says when requests came in.
const REPORTS: &str = "derived._reports_by_district_need_month";
/// Names of the districts.
const DISTRICTS: &str = "reference.districts";
/// Names of the needs.
const NEEDS: &str = "reference.needs";
/// Which districts border on which.
const NEIGHBORS: &str = "reference.district_neighbors";

/// Why the history could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A table is missing or cannot be read.
    #[error("cannot read the series; run `antenne derive` first")]
    Open(#[source] tables::Error),
    /// A table does not have the column that is needed.
    #[error("`{table}` does not fit")]
    Column {
        /// The table.
        table: &'static str,
        /// What is missing.
        #[source]
        source: CellError,
    },
}

/// The error of a column of a table.
fn wrong(table: &'static str) -> impl Fn(CellError) -> Error + Copy {
    move |source| Error::Column { table, source }
}

/// Codes with their places.
type Places = BTreeMap<String, usize>;

impl History {
    /// Reads the series of all needs that are judged.
    ///
    /// # Errors
    /// When a model is missing or does not fit.
    pub(crate) async fn read(cx: &Context) -> Result<Self, Error> {
        let mut tables: BTreeSet<String> =
            [PANEL, REPORTS, DISTRICTS, NEEDS].map(str::to_owned).into();
        // A commons of one district has no borders.
        let neighbors = NEIGHBORS.trim_start_matches("reference.");
        let has_borders = cx.commons.reference.tables.contains_key(neighbors);
        tables.extend(has_borders.then(|| NEIGHBORS.to_owned()));
        let opened = cx.open(&tables).await.map_err(Error::Open)?;
        let mut history = Self::default();
        let (districts, needs) = history.read_panel(&opened).await?;
        history.read_arrivals(&opened, (&districts, &needs)).await?;
        let sql = "select district_code as code, max(district_name) as name \
                   from reference.districts group by district_code order by 1";
        name(
            &mut history.districts,
            &named(&opened, DISTRICTS, sql).await?,
        );
        let sql = "select need_code as code, label_it as name from reference.needs order by 1";
        name(&mut history.needs, &named(&opened, NEEDS, sql).await?);
        history.borders = vec![Vec::new(); history.districts.len()];
        if has_borders {
            history.read_borders(&opened, &districts).await?;
        }
        Ok(history)
    }

    /// Reads months, districts, needs, exposure and coverage; answers the places of the codes.
    async fn read_panel(&mut self, opened: &Opened) -> Result<(Places, Places), Error> {
        let sql = format!(
            "select district_code, need_code, month, n_active_members, is_covered from {PANEL} \
             where district_code <> 'OUTSIDE' and need_code <> 'NEW' order by 2, 1, 3"
        );
        let rows = opened.plain_rows(PANEL, &sql).await.map_err(Error::Open)?;
        let district = texts(&rows, "district_code").map_err(wrong(PANEL))?;
        let need = texts(&rows, "need_code").map_err(wrong(PANEL))?;
        let month = months(&rows, "month").map_err(wrong(PANEL))?;
        let members = counts(&rows, "n_active_members").map_err(wrong(PANEL))?;
        let covered = flags(&rows, "is_covered").map_err(wrong(PANEL))?;
        let ends = month.iter().min().zip(month.iter().max());
        self.months = ends.map_or_else(Vec::new, |(first, last)| calendar::between(first, last));
        let (districts, needs) = (places(district.iter()), places(need.iter()));
        self.districts = unnamed(&districts);
        self.needs = unnamed(&needs);
        let n_cells = districts.len() * self.months.len();
        let empty = Series {
            exposure: vec![0.0; n_cells],
            covered: vec![false; n_cells],
            arrivals: Vec::new(),
        };
        self.series = vec![empty; needs.len()];
        for (row, text) in month.iter().enumerate() {
            let place = districts.get(district.value(row));
            let place = place.zip(self.months.binary_search(text).ok());
            let series = needs.get(need.value(row));
            let series = series.and_then(|need| self.series.get_mut(*need));
            if let (Some((district, month)), Some(series)) = (place, series) {
                let at = district * self.months.len() + month;
                series.exposure[at] = real(count_at(members, row));
                series.covered[at] = covered.value(row);
            }
        }
        Ok((districts, needs))
    }

    /// Reads when requests came in.
    async fn read_arrivals(
        &mut self,
        opened: &Opened,
        (districts, needs): (&Places, &Places),
    ) -> Result<(), Error> {
        let sql = format!(
            "select district_code, need_code, month, reported_month, n_requests from {REPORTS} \
             order by 2, 1, 3, 4"
        );
        let rows = opened.plain_rows(REPORTS, &sql).await;
        let rows = rows.map_err(Error::Open)?;
        let district = texts(&rows, "district_code").map_err(wrong(REPORTS))?;
        let need = texts(&rows, "need_code").map_err(wrong(REPORTS))?;
        let month = months(&rows, "month").map_err(wrong(REPORTS))?;
        let known = months(&rows, "reported_month").map_err(wrong(REPORTS))?;
        let requests = counts(&rows, "n_requests").map_err(wrong(REPORTS))?;
        for (row, (month, known)) in month.iter().zip(&known).enumerate() {
            let place = districts.get(district.value(row));
            let place = place.zip(self.months.binary_search(month).ok());
            let series = needs.get(need.value(row));
            let series = series.and_then(|need| self.series.get_mut(*need));
            if let (Some((district, month)), Some(series)) = (place, series) {
                // After the last month: not known at the end of any month of the history.
                let known = self.months.binary_search(known).unwrap_or(usize::MAX);
                series.arrivals.push(Arrival {
                    district: *district,
                    month,
                    known,
                    n: count_at(requests, row),
                });
            }
        }
        Ok(())
    }

    /// Reads which districts border on which.
    async fn read_borders(&mut self, opened: &Opened, districts: &Places) -> Result<(), Error> {
        let sql = format!("select district_code, neighbor_code from {NEIGHBORS} order by 1, 2");
        let rows = opened.plain_rows(NEIGHBORS, &sql).await;
        let rows = rows.map_err(Error::Open)?;
        let one = texts(&rows, "district_code").map_err(wrong(NEIGHBORS))?;
        let other = texts(&rows, "neighbor_code").map_err(wrong(NEIGHBORS))?;
        for (one, other) in one.iter().zip(other) {
            let place = |code: Option<&str>| code.and_then(|code| districts.get(code));
            let list = place(one).and_then(|one| self.borders.get_mut(*one));
            if let (Some(list), Some(other)) = (list, place(other)) {
                list.push(*other);
            }
        }
        Ok(())
    }
}

/// The places of codes in order.
fn places<'a>(codes: impl Iterator<Item = Option<&'a str>>) -> Places {
    let codes: BTreeSet<&str> = codes.flatten().collect();
    let placed = codes.into_iter().enumerate();
    placed.map(|(at, code)| (code.to_owned(), at)).collect()
}

/// Codes that are still their own names.
fn unnamed(places: &Places) -> Vec<Named> {
    let of = |code: &String| Named {
        code: code.clone(),
        name: code.clone(),
    };
    places.keys().map(of).collect()
}

/// Names by code.
async fn named(
    opened: &Opened,
    table: &'static str,
    sql: &str,
) -> Result<BTreeMap<String, String>, Error> {
    let rows = opened.plain_rows(table, sql).await.map_err(Error::Open)?;
    let codes = texts(&rows, "code").map_err(wrong(table))?;
    let names = texts(&rows, "name").map_err(wrong(table))?;
    let pairs = codes.iter().zip(names);
    let pairs = pairs.filter_map(|(code, name)| Some((code?.to_owned(), name?.to_owned())));
    Ok(pairs.collect())
}

/// Gives the names to those that have one.
fn name(list: &mut [Named], names: &BTreeMap<String, String>) {
    for one in list {
        if let Some(name) = names.get(&one.code) {
            one.name.clone_from(name);
        }
    }
}
