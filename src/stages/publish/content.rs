//! What a release says, as one plain value: tables already protected, names, books, changes.
//!
//! Everything that `write_release` writes is a function of a `ReleaseContent`, so that
//! the same content always gives the same bytes. The pages read the tables below by name; a table
//! that is absent leaves out the section that would show it.
//!
//! | table | read by the pages for |
//! |---|---|
//! | `requests_by_district_need_quarter` | counts and trends (`n_requests`) |
//! | `unmet_by_district_need_quarter` | unmet rates (`n_unmet` over the published `n_requests`) |
//! | `offers_by_district_need_quarter` | offers in the latest quarter (`n_offers`) |
//! | `signals` | cards and sentences |
//! | `coverage_by_platform_district_quarter` | who reports from where |
//! | `districts` | the profile of each district |
//!
//! Figures of a signal are requests; for the aspect `unmet_share` and `no_offer` they are requests
//! left unmet, for `long_wait` days. `district_code` is `TOTAL` for a signal about all districts.

use arrow::array::RecordBatch;
use chrono::NaiveDate;

use crate::spec::text::Bilingual;

/// Name of the table of requests.
pub(crate) const REQUESTS: &str = "requests_by_district_need_quarter";
/// Name of the table of unmet requests.
pub(crate) const UNMET: &str = "unmet_by_district_need_quarter";
/// Name of the table of offers.
pub(crate) const OFFERS: &str = "offers_by_district_need_quarter";
/// Name of the table of signals.
pub(crate) const SIGNALS: &str = "signals";
/// Name of the table of coverage.
pub(crate) const COVERAGE: &str = "coverage_by_platform_district_quarter";
/// Name of the table of district profiles.
pub(crate) const DISTRICTS: &str = "districts";
/// The code of a margin, on either axis.
pub(crate) const TOTAL: &str = "TOTAL";

/// Everything one release says.
#[derive(Debug, Clone)]
pub(crate) struct ReleaseContent {
    /// Version with its leading `v`, as in `v2026.1.0`.
    pub(crate) version: String,
    /// Last day the data speak of.
    pub(crate) data_until: NaiveDate,
    /// Who publishes.
    pub(crate) publisher: Publisher,
    /// Where all releases are found, without a final slash.
    pub(crate) base_url: String,
    /// The tables, in the order in which they are listed to readers.
    pub(crate) tables: Vec<ReleaseTable>,
    /// The districts, in the order in which they are listed to readers.
    pub(crate) districts: Vec<District>,
    /// Names of the needs, in the order in which they are listed to readers.
    pub(crate) needs: Vec<NeedLabel>,
    /// The books of the run behind the release.
    pub(crate) books: Vec<BookLine>,
    /// The platforms behind the release and the terms under which they gave their records.
    pub(crate) sources: Vec<SourceTerms>,
    /// Sentences that the licenses of the sources ask for.
    pub(crate) attributions: Vec<String>,
    /// What changed since the release before.
    pub(crate) changes: Vec<Bilingual>,
    /// Whether the data are invented.
    pub(crate) origin: Origin,
}

/// Whether the records behind a release are real.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Sample data: every page says so.
    Invented,
    /// Records of real platforms.
    Real,
}

/// Who publishes a release.
#[derive(Debug, Clone)]
pub(crate) struct Publisher {
    /// Name of the body.
    pub(crate) name: String,
    /// E-mail or page where it answers.
    pub(crate) contact: String,
    /// Its own page.
    pub(crate) url: String,
}

/// One table of a release, safe to print as it is.
#[derive(Debug, Clone)]
pub(crate) struct ReleaseTable {
    /// Name of its files.
    pub(crate) name: String,
    /// Name for readers.
    pub(crate) title: Bilingual,
    /// What it holds, in a sentence or two.
    pub(crate) description: Bilingual,
    /// SPDX name of the license.
    pub(crate) license: String,
    /// The columns, in the order of the batch.
    pub(crate) fields: Vec<FieldText>,
    /// Columns that together name one row.
    pub(crate) grain: Vec<String>,
    /// How the persons behind the table are protected.
    pub(crate) protection: Bilingual,
    /// The rows, in the order in which they are written.
    pub(crate) batch: RecordBatch,
}

/// What one column means.
#[derive(Debug, Clone)]
pub(crate) struct FieldText {
    /// Name of the column.
    pub(crate) name: String,
    /// Its role: key, count, measure, flag or text.
    pub(crate) role: String,
    /// Its unit, empty if it has none.
    pub(crate) unit: String,
    /// Its meaning.
    pub(crate) text: Bilingual,
}

/// One district, as named on the pages; its figures are in the table `districts`.
#[derive(Debug, Clone)]
pub(crate) struct District {
    /// Code used in every table; safe as a folder name.
    pub(crate) code: String,
    /// Its name.
    pub(crate) name: String,
    /// How real its borders are.
    pub(crate) kind: DistrictKind,
    /// Names of its comuni.
    pub(crate) comuni: Vec<String>,
}

/// How real the borders of a district are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DistrictKind {
    /// A real ambito, with all its comuni.
    Real,
    /// A real ambito of which only some comuni are known here.
    Partial,
    /// Neighboring comuni put together to demonstrate; named so everywhere.
    Demonstration,
}

/// The name of a need in both languages.
#[derive(Debug, Clone)]
pub(crate) struct NeedLabel {
    /// Code used in every table.
    pub(crate) code: String,
    /// Its name.
    pub(crate) name: Bilingual,
    /// Whether the law guarantees a level of service for it (LEPS).
    pub(crate) is_guaranteed: bool,
}

/// The books of one source table: where each of its records went.
#[derive(Debug, Clone)]
pub(crate) struct BookLine {
    /// The platform.
    pub(crate) source: String,
    /// The table of the platform.
    pub(crate) table: String,
    /// Records the source says it holds; none if it could not be asked.
    pub(crate) source_count: Option<u64>,
    /// Records taken in.
    pub(crate) accepted: u64,
    /// Records refused with a reason.
    pub(crate) rejected: u64,
    /// Records already seen.
    pub(crate) duplicate: u64,
    /// Records replaced by a later revision.
    pub(crate) superseded: u64,
    /// Records deleted on request.
    pub(crate) erased: u64,
    /// Whether the line adds up.
    pub(crate) closure: Closure,
}

/// A platform and the terms under which it gave its records.
#[derive(Debug, Clone, Default)]
pub(crate) struct SourceTerms {
    /// The platform.
    pub(crate) platform: String,
    /// Its name for readers.
    pub(crate) title: Bilingual,
    /// License or agreement of the records; empty if none is declared.
    pub(crate) license: String,
    /// Legal basis of the processing; empty if none is declared.
    pub(crate) legal_basis: String,
    /// Whom to write to; empty if nobody is declared.
    pub(crate) contact: String,
    /// Days for which pages are kept as fetched; none is without limit.
    pub(crate) retention_days: Option<u32>,
    /// Persons that must stand behind each count, as agreed.
    pub(crate) min_k: Option<u64>,
    /// Day the agreement was signed; empty if it does not say.
    pub(crate) signed_on: String,
    /// Last day of the agreement; empty if it has none.
    pub(crate) expires_on: String,
    /// Rules waived, each with its reason and its end.
    pub(crate) waivers: Vec<String>,
    /// Month of its newest record, `YYYY-MM`; empty if its records carry no date.
    pub(crate) newest_month: String,
    /// Whether its newest record is so much older than the newest of all that figures of the last
    /// period may be incomplete.
    pub(crate) lag: Lag,
}

/// Whether a platform is behind the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Lag {
    /// It is not, or its records carry no date.
    #[default]
    None,
    /// By more days than its declaration allows.
    Late,
}

/// Whether the books of a source table add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closure {
    /// The source count equals the sum of the outcomes.
    Closed,
    /// It does not.
    Open,
    /// The source count could not be had.
    Unverified,
}

impl Closure {
    /// The word written in the published books.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Unverified => "unverified",
        }
    }
}

impl ReleaseContent {
    /// The district of that code.
    pub(crate) fn district(&self, code: &str) -> Option<&District> {
        self.districts.iter().find(|district| district.code == code)
    }

    /// The need of that code.
    pub(crate) fn need(&self, code: &str) -> Option<&NeedLabel> {
        self.needs.iter().find(|need| need.code == code)
    }
}
