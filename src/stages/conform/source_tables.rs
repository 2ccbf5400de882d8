//! Reads the pages of a platform's tables into the lake: new pages only, or all of them.
//!
//! A table consists of parts (`filed_by`), one scope each. New pages touch the parts their rows
//! are filed in, and only these are read, settled and written:
//!
//! ```text
//! source.prova__richieste
//!   2024-02             untouched
//!   2024-03             read, settled with the new rows, written
//!   history@2024-03     superseded revisions, likewise
//!   tombstones@2024-03  deletions, so that an older revision that comes late stays erased
//! ```
//!
//! Everything is written aside first. It becomes visible in this order, so that a run killed in
//! between is repeated with the same result: refused rows; then each table with the note of what
//! it stands for (see [`super::state`]), in one commit; then the books, which say the note again.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Error;
use super::absence::{Change, headless};
use super::books::{BookLine, Ledger, line_of, write_rejects};
use super::corrections::Corrections;
use super::drift::{self, Judged};
use super::findings::{self, Findings};
use super::intake::{Attempted, Held, Taken, take_pages};
use super::rejects::Dropped;
use super::state::{Account, Known, TableState, Work, hash_of, noted, work};
use super::verdict::{Attempt, Verdict};
use crate::canon::comune::ComuneIndex;
use crate::canon::fingerprint::fingerprint_of;
use crate::canon::pseudonym::PseudonymKey;
use crate::context::{Action, Context, Total};
use crate::lake::pages::Page;
use crate::lake::scope;
use crate::lake::{Scope, Snapshot, Statistics, TableCommit, WrittenScope, Zone};
use crate::spec::corrections::Correction;
use crate::spec::limits::Limits;
use crate::spec::source::{SourceSpec, TableSpec};

/// What was done for one source table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableReport {
    /// Platform.
    pub name: String,
    /// Table of the platform.
    pub table: String,
    /// What was done with it.
    pub action: Action,
    /// Pages that were read.
    pub n_pages_read: u64,
    /// Rows in these pages.
    pub n_rows_in: u64,
    /// Parts the table consists of.
    pub n_parts: u64,
    /// Parts that were written.
    pub n_parts_written: u64,
    /// Bytes of the pages and of the files of the table that were read.
    pub n_bytes_read: u64,
    /// Bytes of the files that were written.
    pub n_bytes_written: u64,
}

/// A table that was read and whose rows wait to become visible.
#[derive(Debug)]
pub(super) struct Pending {
    /// Name in the zone `source`.
    pub(super) name: String,
    /// Its columns and what they were written as.
    taken: Taken,
    /// What it will stand for.
    state: TableState,
    /// Its refused rows, if there are new ones.
    pub(super) rejects: Option<WrittenScope>,
    /// Scopes of refused rows that are no more.
    pub(super) rejects_dropped: Vec<String>,
    /// Pages it stood for already.
    n_known: usize,
    /// Its rows with a mark, if there are new ones.
    pub(super) flags: Option<WrittenScope>,
}

/// What became of a table.
#[derive(Debug)]
pub(super) struct Read {
    /// Its books.
    pub(super) line: BookLine,
    /// What these were made from.
    pub(super) fingerprint: String,
    /// What was found besides its rows.
    pub(super) findings: Findings,
    /// Why its source is stopped; empty if it is not.
    pub(super) reasons: Vec<String>,
    /// Its rows, if there are new ones.
    pub(super) pending: Option<Pending>,
    /// The account.
    pub(super) report: TableReport,
}

/// Reads the tables of one platform.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    /// Context of the run.
    pub(super) cx: &'a Context,
    /// The platform.
    pub(super) platform: &'a str,
    /// Reference list of comuni.
    pub(super) comuni: &'a ComuneIndex,
    /// Hash of that list.
    pub(super) reference: &'a str,
    /// Limits of the platform.
    pub(super) limits: &'a Limits,
    /// Rejects that the operator dropped.
    pub(super) dropped: &'a [Dropped],
}

/// A table, its contract and its pages.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    /// Name in the zone `source`.
    pub(super) name: &'a str,
    /// Table of the platform.
    pub(super) table: &'a str,
    /// Contract as declared.
    pub(super) declared: &'a TableSpec,
    /// Contract with the columns that are kept though they are not declared.
    pub(super) spec: &'a TableSpec,
    /// Corrections of its rows.
    pub(super) corrections: &'a Corrections,
    /// Pages, in the order of their addresses.
    pub(super) pages: &'a [&'a Page],
    /// How many of them the table stands for already.
    pub(super) n_known: usize,
}

impl Job<'_> {
    /// Pages to be read, each with its place among all.
    pub(super) fn new_pages(&self) -> impl Iterator<Item = (usize, &Page)> {
        let pages = self.pages.iter().copied().enumerate();
        pages.skip(self.n_known)
    }
}

impl Reader<'_> {
    /// Reads every table of the platform that is not up to date.
    pub(super) async fn read_tables(
        &self,
        source: &SourceSpec,
        pages: &[Page],
        ledger: &Ledger,
    ) -> Result<Vec<Read>, Error> {
        let mut read = Vec::with_capacity(source.tables.len());
        for (table, spec) in &source.tables {
            let pages: Vec<&Page> = pages.iter().filter(|page| page.table == *table).collect();
            let name = format!("{}__{table}", self.platform);
            let rejects = ledger.rejects_of(&name);
            let reading = self.read_declared((&name, table), spec, &pages, &rejects);
            read.push(Box::pin(reading).await?);
        }
        Ok(read)
    }

    /// Reads what is new of a table; all of it once more if columns came that are to be kept.
    async fn read_declared(
        &self,
        (name, table): (&str, &str),
        declared: &TableSpec,
        pages: &[&Page],
        rejects: &BTreeMap<String, String>,
    ) -> Result<Read, Error> {
        let before = self.cx.lake.snapshot(Zone::Source, name).await?;
        let state = noted(before.as_ref());
        let kept = state.iter().flat_map(|state| state.findings.kept_fields());
        let mut spec = drift::evolved(declared, kept);
        loop {
            let corrections = self.corrections((table, &spec));
            let job = Job {
                name,
                table,
                declared,
                spec: &spec,
                corrections: &corrections,
                pages,
                n_known: 0,
            };
            match self.read_table(job, before.as_ref(), rejects).await? {
                Ok(read) => return Ok(read),
                Err(wider) => spec = wider,
            }
        }
    }

    /// Reads what is new of a table, or gives the wider contract that it must be read by.
    async fn read_table(
        &self,
        job: Job<'_>,
        before: Option<&Snapshot>,
        rejects: &BTreeMap<String, String>,
    ) -> Result<Result<Read, TableSpec>, Error> {
        let contract = self.contract(job);
        let next = |state: &TableState| rejects_scope(job.name, state.n_pages);
        let known = Known {
            contract: &contract,
            pages: job.pages,
            rejects,
        };
        match work(before, &known, next) {
            Work::Nothing(state) => Ok(Ok(Read {
                line: line_of(self.platform, job.table, job.pages, &state.account),
                fingerprint: books_fingerprint(&state, job.pages),
                report: self.report(job, &Taken::nothing(before)),
                findings: state.findings,
                reasons: Vec::new(),
                pending: None,
            })),
            Work::Increment(state) => {
                let job = Job {
                    n_known: state.n_pages,
                    ..job
                };
                self.take(job, before, state, rejects).await
            }
            Work::Rebuild => {
                let n_expired = job.pages.iter().filter(|page| page.is_expired()).count();
                if n_expired > 0 {
                    return Err(Error::Expired {
                        table: job.name.to_owned(),
                        n_pages: n_expired,
                    });
                }
                let empty = TableState::empty(contract);
                self.take(job, before, empty, rejects).await
            }
        }
    }

    /// The corrections of a table and the rejects of it that the operator dropped.
    fn corrections(&self, (table, spec): (&str, &TableSpec)) -> Corrections {
        let is_here = |row: &&Dropped| row.platform == self.platform && row.table == table;
        let dropped = self.dropped.iter().filter(is_here);
        Corrections::new(spec, self.declared_corrections(table), dropped)
    }

    /// The corrections declared for a table.
    fn declared_corrections<'s>(&'s self, table: &'s str) -> impl Iterator<Item = &'s Correction> {
        let declared = self.cx.commons.corrections.get(self.platform);
        declared
            .into_iter()
            .flat_map(move |declared| declared.spec.of_table(table))
    }

    /// Takes the new pages of a table into what it stands for.
    async fn take(
        &self,
        job: Job<'_>,
        before: Option<&Snapshot>,
        mut state: TableState,
        rejects: &BTreeMap<String, String>,
    ) -> Result<Result<Read, TableSpec>, Error> {
        let total = job.new_pages().map(|(_, page)| page.n_bytes).sum();
        let progress = &self.cx.progress;
        progress.begin("conform", job.name, Total::Bytes(total));
        let held = Held(before.filter(|_| job.n_known > 0));
        state.n_pages = job.pages.len();
        state.pages = hash_of(job.pages);
        let mut taken = match take_pages(self, job, held, &state).await? {
            Attempted::Taken(taken) => *taken,
            Attempted::Wider(wider) => {
                progress.end("columns came that are kept; read again with them");
                return Ok(Err(*wider));
            }
        };
        state.account = state.account.after(&taken.books, &taken.moves);
        if job.n_known == 0 {
            taken.dropped = gone(before, &taken.scopes);
        }
        let line = line_of(self.platform, job.table, job.pages, &state.account);
        let Verdict { findings, reasons } = self.judge(job, before, &mut taken, &line).await?;
        state.headless.extend(headless(job.declared, &taken.fields));
        state.findings = findings.clone();
        let rejected = self.write_rejects(job, &mut state, &line, &taken).await?;
        let scope = reject_scope_of(job, &state);
        let flags = findings::write_flags(self.cx, (self.platform, job.table), scope, &findings);
        let flags = flags.await?;
        progress.end(&line.summary());
        let is_gone = |known: &&String| !state.rejects.contains_key(*known);
        Ok(Ok(Read {
            line,
            fingerprint: books_fingerprint(&state, job.pages),
            report: self.report(job, &taken),
            findings,
            reasons,
            pending: Some(Pending {
                name: job.name.to_owned(),
                taken,
                rejects_dropped: rejects.keys().filter(is_gone).cloned().collect(),
                state,
                rejects: rejected,
                n_known: job.n_known,
                flags,
            }),
        }))
    }

    /// Judges what was read of a table before any of it is visible.
    async fn judge(
        &self,
        job: Job<'_>,
        before: Option<&Snapshot>,
        taken: &mut Taken,
        line: &BookLine,
    ) -> Result<Verdict, Error> {
        let kept = drift::kept(job.declared, job.spec);
        for page in &mut taken.fields {
            drift::as_declared(page, &kept);
        }
        let state = noted(before);
        let account = state.as_ref().map(|state| state.account);
        let change = Change {
            before,
            state: state.as_ref(),
            job,
            taken,
            line,
        };
        let absent = change.reasons(self.limits);
        let earlier = state.filter(|_| job.n_known > 0);
        let attempt = Attempt {
            judged: Judged {
                platform: self.platform,
                table: job.table,
                spec: job.declared,
            },
            limits: self.limits,
            before: account.map(Account::tally).unwrap_or_default(),
            now: line.tally(),
            rejects: &taken.rejects,
            absent,
            fields: &taken.fields,
            corrections: job.corrections,
            withheld: drift::by_field(&job.corrections.withheld(), &kept),
        };
        let earlier = earlier.as_ref().map(|state| &state.findings);
        attempt.judge(self.cx, job.pages, earlier).await
    }

    /// Writes the rows refused in the new pages aside, and notes their scope.
    async fn write_rejects(
        &self,
        job: Job<'_>,
        state: &mut TableState,
        line: &BookLine,
        taken: &Taken,
    ) -> Result<Option<WrittenScope>, Error> {
        if taken.rejects.is_empty() {
            return Ok(None);
        }
        let scope = reject_scope_of(job, state);
        state
            .rejects
            .insert(scope.name.clone(), scope.fingerprint.clone());
        let written = write_rejects(self.cx, line, scope, &taken.rejects).await?;
        Ok(Some(written))
    }

    /// The account of a table.
    fn report(&self, job: Job<'_>, taken: &Taken) -> TableReport {
        let is_part = |written: &&WrittenScope| scope::Aside::of(&written.scope.name).is_none();
        let n_parts_written = taken.scopes.iter().filter(is_part).count() as u64;
        let (n_pages_read, action) = match (taken.n_pages_read, job.n_known) {
            (0, _) => (0, Action::Unchanged),
            (n_pages, 0) => (n_pages, Action::Rebuilt),
            (n_pages, _) => (n_pages, Action::Extended),
        };
        TableReport {
            name: self.platform.to_owned(),
            table: job.table.to_owned(),
            action,
            n_pages_read,
            n_rows_in: taken.books.n_rows,
            n_parts: taken.n_parts,
            n_parts_written,
            n_bytes_read: taken.n_bytes_read,
            n_bytes_written: taken.scopes.iter().map(WrittenScope::n_bytes).sum(),
        }
    }

    /// Hash of everything besides the pages that rows depend on.
    fn contract(&self, job: Job<'_>) -> String {
        let corrections: Vec<&Correction> = self.declared_corrections(job.table).collect();
        let settings = &self.cx.commons.settings.secrets;
        // The keys leave no trace: a keyed hash of a constant tells one key from another.
        let trace = |key: &PseudonymKey| key.key("fingerprint", self.platform, settings.epoch, "");
        let keys = [trace(&self.cx.key), trace(self.cx.persons.current())];
        fingerprint_of([
            super::VERSION,
            self.reference,
            &format!("{:?}", job.spec),
            &format!("{corrections:?}"),
            &format!("{keys:?}"),
        ])
    }
}

impl Pending {
    /// Whether all pages of the table were read.
    pub(super) fn is_rebuilt(&self) -> bool {
        self.n_known == 0
    }

    /// Makes the rows visible, together with the note of what they stand for.
    pub(super) async fn commit(self, cx: &Context) -> Result<(), Error> {
        let commit = TableCommit {
            zone: Zone::Source,
            table: &self.name,
            run: cx.run,
            schema: self.taken.schema,
            statistics: &Statistics::default(),
            scopes: self.taken.scopes,
            dropped: self.taken.dropped,
            at_millis: cx.at_millis(),
        };
        let note = serde_json::to_value(&self.state).ok();
        cx.lake.commit_noting(commit, note).await?;
        Ok(())
    }
}

/// Scopes a table consisted of before it was read anew and does not any more.
fn gone(before: Option<&Snapshot>, written: &[WrittenScope]) -> Vec<String> {
    let now: BTreeSet<&str> = written
        .iter()
        .map(|written| written.scope.name.as_str())
        .collect();
    let known = before
        .into_iter()
        .flat_map(|before| before.fingerprints.keys());
    known
        .filter(|known| !now.contains(known.as_str()))
        .cloned()
        .collect()
}

/// The scope of the rows refused in new pages: named after the number of the first of them, so
/// that a run that is repeated takes the place of what it left.
fn rejects_scope(table: &str, n_known: usize) -> String {
    scope::of_part(table, &format!("{n_known:06}"))
}

/// The scope of the rows refused or marked in the new pages.
fn reject_scope_of(job: Job<'_>, state: &TableState) -> Scope {
    Scope {
        name: rejects_scope(job.name, job.n_known),
        fingerprint: fingerprint_of([&state.contract, &state.pages]),
    }
}

/// What the books of a table are made from: its rows, and the counts of its pages.
fn books_fingerprint(state: &TableState, pages: &[&Page]) -> String {
    let counts: Vec<_> = pages
        .iter()
        .map(|page| (page.n_records, page.count_of.word()))
        .collect();
    let account = format!("{:?} {counts:?}", state.account);
    fingerprint_of([&state.contract, &state.pages, &account])
}
