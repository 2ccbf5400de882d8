//! What the agreements with the platforms mean for a stage: which platforms stand behind a table,
//! under which policy it is protected, how old each source is.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use chrono::{DateTime, NaiveDate, Utc};

use super::Context;
use super::tables::Error;
use crate::canon::cells::texts;
use crate::spec::agreement::{Agreement, WaivedRule};
use crate::spec::commons::{Commons, platform_of};
use crate::spec::release::{ProtectPolicy, ReleaseSpec};

impl Commons {
    /// Platforms whose records can be behind a table, from the statements that make it.
    pub(crate) fn platforms_behind(&self, table: &str) -> BTreeSet<&str> {
        let mut platforms = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut open = vec![table.to_owned()];
        while let Some(table) = open.pop() {
            if !seen.insert(table.clone()) {
                continue;
            }
            if let Some(canonical) = table.strip_prefix("conformed.") {
                let mappings = self.conformed.iter();
                let fills = mappings.filter(|one| one.header.into.as_deref() == Some(canonical));
                platforms.extend(fills.filter_map(platform_of));
            }
            let model = self.models.iter().find(|model| model.name == table);
            open.extend(model.into_iter().flat_map(|model| model.inputs.clone()));
        }
        platforms
    }

    /// The policy of a data set on a day: the greatest number of persons that it or a platform
    /// behind it asks for, and only the waivers that an agreement carries that day.
    pub(crate) fn policy_of(&self, spec: &ReleaseSpec, today: NaiveDate) -> ProtectPolicy {
        let agreement = |platform: &str| -> Option<&Agreement> {
            Some(&self.sources.get(platform)?.spec.agreement)
        };
        let mut policy = spec.protect.clone();
        let platforms = self.platforms_behind(&spec.table).into_iter();
        let agreed = platforms.filter_map(|platform| agreement(platform)?.min_k);
        policy.k_persons = agreed.max().unwrap_or_default().max(policy.k_persons);
        policy.waivers.retain(|waiver| {
            agreement(&waiver.platform)
                .is_some_and(|terms| terms.waives(WaivedRule::MinPlatforms, today))
        });
        policy
    }
}

impl Context {
    /// Day on which the run started.
    pub(crate) fn today(&self) -> NaiveDate {
        self.started_at.date_naive()
    }

    /// When the newest exchange of each platform was recorded.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub(crate) async fn newest_records(&self) -> Result<BTreeMap<String, DateTime<Utc>>, Error> {
        const TABLE: &str = "conformed.exchanges";
        let opened = self.open(&BTreeSet::from([TABLE.to_owned()])).await?;
        let sql = "select platform, max(recorded_at) as latest from conformed.exchanges group by platform order by platform";
        let rows = opened.plain_rows(TABLE, sql).await?;
        let latest = rows
            .column_by_name("latest")
            .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
        let (Ok(platform), Some(latest)) = (texts(&rows, "platform"), latest) else {
            return Ok(BTreeMap::new());
        };
        let found = (0..rows.num_rows()).filter(|row| latest.is_valid(*row));
        let found = found.filter_map(|row| {
            let at = DateTime::from_timestamp_micros(latest.value(row))?;
            Some((platform.value(row).to_owned(), at))
        });
        Ok(found.collect())
    }
}
