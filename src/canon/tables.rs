//! The canonical tables: what every platform's rows become (a table of data, longer than code).
//!
//! Each column says its type and whether it may be absent. Counts are `Int64` in the lake, since
//! a Delta log knows no unsigned type; keys are 16 bytes.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// Type of a canonical column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text or a listed code.
    Text,
    /// Keyed hash of 16 bytes.
    Key,
    /// Calendar date.
    Date,
    /// Instant, UTC, microseconds.
    Instant,
    /// Whole number.
    Count,
    /// Measured number.
    Number,
    /// Amount with two decimals.
    Amount,
    /// Yes or no.
    Flag,
}

impl Kind {
    /// Arrow type that holds the values.
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Key => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Count => DataType::Int64,
            Self::Number => DataType::Float64,
            Self::Amount => DataType::Decimal128(12, 2),
            Self::Flag => DataType::Boolean,
        }
    }
}

/// Whether a canonical column may be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Always there.
    Always,
    /// May be null; a mapping may leave it out.
    Maybe,
}

/// One canonical column.
#[derive(Debug)]
pub(crate) struct Column {
    /// Name.
    pub(crate) name: &'static str,
    /// Type.
    pub(crate) kind: Kind,
    /// Whether it may be absent.
    pub(crate) need: Need,
    /// Listed values, if the column is a code of ours.
    pub(crate) values: &'static [&'static str],
}

/// One canonical table.
#[derive(Debug)]
pub(crate) struct Table {
    /// Name in the schema `conformed`.
    pub(crate) name: &'static str,
    /// Columns in order.
    pub(crate) columns: &'static [Column],
}

impl Table {
    /// The table called `name`.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.name == name)
    }

    /// Arrow schema, columns in order.
    pub(crate) fn schema(&self) -> SchemaRef {
        let fields = self.columns.iter().map(|column| {
            let nullable = column.need == Need::Maybe;
            Field::new(column.name, column.kind.data_type(), nullable)
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }
}

/// A column that is always there.
const fn always(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        need: Need::Always,
        values: &[],
    }
}

/// A column that may be absent.
const fn maybe(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        need: Need::Maybe,
        values: &[],
    }
}

/// A code column that is always there.
const fn code(name: &'static str, values: &'static [&'static str]) -> Column {
    Column {
        name,
        kind: Kind::Text,
        need: Need::Always,
        values,
    }
}

/// A code column that may be absent.
const fn maybe_code(name: &'static str, values: &'static [&'static str]) -> Column {
    Column {
        name,
        kind: Kind::Text,
        need: Need::Maybe,
        values,
    }
}

/// Every canonical table, in the order of the design.
pub(crate) const TABLES: &[Table] = &[
    Table {
        name: "exchanges",
        columns: &[
            always("exchange_id", Kind::Key),
            always("platform", Kind::Text),
            always("source_table", Kind::Text),
            always("revision", Kind::Count),
            always("recorded_at", Kind::Instant),
            code("kind", &["need", "offer", "exchange", "event"]),
            maybe("person_key", Kind::Key),
            maybe("counterpart_key", Kind::Key),
            maybe("provider_id", Kind::Key),
            maybe("place_id", Kind::Key),
            maybe("project_id", Kind::Key),
            always("comune_code", Kind::Text),
            maybe("sub_area", Kind::Text),
            maybe("counterpart_comune_code", Kind::Text),
            maybe("need_code", Kind::Text),
            always("need_label", Kind::Text),
            maybe("tags", Kind::Text),
            maybe_code(
                "welco_area",
                &[
                    "family_mutual_help",
                    "territorial_hub",
                    "co_housing",
                    "shared_caregiver",
                    "digital_platform",
                    "mobility",
                ],
            ),
            maybe("target_area", Kind::Text),
            maybe_code(
                "life_domain",
                &["housing", "caring", "working", "educating"],
            ),
            maybe("age_class", Kind::Text),
            maybe("household", Kind::Text),
            code("mode", &["individual", "shared", "group"]),
            code("purpose", &["help", "sociality"]),
            code("collaboration", &["passive", "active"]),
            maybe_code("task_complexity", &["simple", "complex"]),
            maybe_code(
                "performer",
                &[
                    "volunteer",
                    "professional",
                    "family_assistant",
                    "peer",
                    "self",
                ],
            ),
            maybe_code(
                "mediation",
                &["none", "platform", "operator", "community_manager"],
            ),
            maybe("mediator_provider_id", Kind::Key),
            maybe("access_channel", Kind::Text),
            maybe("delivery_channel", Kind::Text),
            maybe("assisted_access", Kind::Flag),
            maybe_code(
                "interactivity",
                &[
                    "information",
                    "one_way",
                    "two_way",
                    "transaction",
                    "personalization",
                ],
            ),
            maybe_code("known_to_services", &["yes", "no", "unknown"]),
            maybe("referral_source", Kind::Text),
            maybe_code("support_network", &["present", "partial", "absent"]),
            maybe("conditions_similarity", Kind::Number),
            maybe("interests_convergence", Kind::Number),
            always("requested_on", Kind::Date),
            maybe("matched_on", Kind::Date),
            maybe("started_on", Kind::Date),
            maybe("ended_on", Kind::Date),
            code(
                "state",
                &[
                    "requested",
                    "matched",
                    "active",
                    "completed",
                    "cancelled",
                    "expired",
                    "refused",
                    "given_up_for_cost",
                ],
            ),
            maybe("hours_planned", Kind::Number),
            maybe("hours_delivered", Kind::Number),
            maybe("price_eur", Kind::Amount),
            maybe("public_share_eur", Kind::Amount),
            maybe_code("revenue_model", &["free", "subscription", "fee", "grant"]),
            maybe("feedback_score", Kind::Number),
        ],
    },
    Table {
        name: "exchange_steps",
        columns: &[
            always("exchange_id", Kind::Key),
            always("platform", Kind::Text),
            code(
                "step",
                &["visit", "request", "match", "delivery", "feedback"],
            ),
            always("at", Kind::Instant),
        ],
    },
    Table {
        name: "providers",
        columns: &[
            always("provider_id", Kind::Key),
            always("platform", Kind::Text),
            always("name", Kind::Text),
            maybe("legal_status", Kind::Text),
            maybe("comune_code", Kind::Text),
            maybe("accredited_from", Kind::Date),
            maybe("accredited_to", Kind::Date),
            maybe("n_services", Kind::Count),
            maybe("capacity_per_month", Kind::Count),
        ],
    },
    Table {
        name: "places",
        columns: &[
            always("place_id", Kind::Key),
            always("platform", Kind::Text),
            always("name", Kind::Text),
            always("comune_code", Kind::Text),
            maybe("sub_area", Kind::Text),
            maybe("n_activities", Kind::Count),
            maybe("opening_hours_per_week", Kind::Number),
        ],
    },
    Table {
        name: "projects",
        columns: &[
            always("project_id", Kind::Key),
            always("platform", Kind::Text),
            always("title", Kind::Text),
            maybe("welco_area", Kind::Text),
            maybe("funder", Kind::Text),
            maybe("programme", Kind::Text),
            maybe("comune_code", Kind::Text),
            maybe("starts_on", Kind::Date),
            maybe("ends_on", Kind::Date),
            maybe("grant_eur", Kind::Amount),
            maybe("cofinancing_eur", Kind::Amount),
        ],
    },
    Table {
        name: "project_reports",
        columns: &[
            always("project_id", Kind::Key),
            always("platform", Kind::Text),
            always("half_year", Kind::Text),
            maybe("n_people_reached", Kind::Count),
            maybe("n_people_activated", Kind::Count),
            maybe("n_volunteers", Kind::Count),
            maybe("n_new_services", Kind::Count),
            maybe("hours_total", Kind::Number),
            maybe("cofinancing_eur", Kind::Amount),
            maybe("is_cited_in_plan", Kind::Flag),
        ],
    },
    Table {
        name: "trainings",
        columns: &[
            maybe("project_id", Kind::Key),
            always("platform", Kind::Text),
            always("held_on", Kind::Date),
            always("topic", Kind::Text),
            maybe("party", Kind::Text),
            always("hours", Kind::Number),
            maybe("n_participants", Kind::Count),
        ],
    },
    Table {
        name: "visits",
        columns: &[
            always("platform", Kind::Text),
            always("comune_code", Kind::Text),
            maybe("need_code", Kind::Text),
            always("visited_on", Kind::Date),
            always("n_visits", Kind::Count),
        ],
    },
    Table {
        name: "activity",
        columns: &[
            always("platform", Kind::Text),
            always("comune_code", Kind::Text),
            maybe("sub_area", Kind::Text),
            always("month", Kind::Date),
            always("n_active_members", Kind::Count),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_a_platform_and_no_column_twice() {
        for table in TABLES {
            let mut names: Vec<_> = table.columns.iter().map(|column| column.name).collect();
            assert!(names.contains(&"platform"), "{}", table.name);
            names.sort_unstable();
            let before = names.len();
            names.dedup();
            assert_eq!(before, names.len(), "{}", table.name);
        }
    }

    #[test]
    fn an_unknown_table_is_not_found() {
        assert!(Table::named("exchanges").is_some());
        assert!(Table::named("records").is_none());
    }
}
