//! One pass over the pages of a table: what is fetched, what is kept, what becomes current.
//!
//! A pass over a whole table replaces pages by their address. A pass over a part of it, since the
//! cursor or in a window, adds its pages: they stand after all earlier ones, so that of two equal
//! revisions the one read later wins. A part that brings the same pages as the last time, or no
//! record, adds nothing.

use std::time::Duration;

use super::count::{Claim, Count, Counted};
use super::error::Remedy;
use super::keep::{Kept, keep};
use super::transport::{self, Arrived, Earlier, Ended, Request, Shared, Transport, Window};
use super::{Error, MAX_PASSES, SourceReport};
use crate::context::{Context, Total};
use crate::lake::pages::{Holding, Page, Role};
use crate::spec::fetch::Servers;
use crate::spec::format::CountOf;
use crate::spec::source::TableSpec;

/// How often a page is asked for once more, at most.
const MAX_AGAIN: u32 = 4;

/// Wait before a page or a pass is begun anew; it doubles each time.
const AGAIN_WAIT: Duration = Duration::from_millis(250);

/// Waits before beginning anew for the given time.
pub(super) async fn again_wait(n_times: u32) {
    let doubled = 2_u32.saturating_pow(n_times.saturating_sub(1));
    tokio::time::sleep(AGAIN_WAIT.saturating_mul(doubled)).await;
}

/// A pass over the pages of one table.
pub(super) struct Pass<'a> {
    /// Context of the run.
    pub(super) cx: &'a Context,
    /// Platform.
    pub(super) platform: &'a str,
    /// Table of the platform.
    pub(super) table: &'a str,
    /// What is declared of the table.
    pub(super) spec: &'a TableSpec,
    /// The servers that are declared of the platform.
    pub(super) servers: &'a Servers,
    /// The window asked for by a backfill.
    pub(super) window: Option<&'a Window>,
}

/// What one pass brought.
struct Brought {
    /// Pages that came, changed or not, in the order they came.
    pages: Vec<Page>,
    /// What is known of the count of each, as long as it is new.
    counted: Vec<Option<Counted>>,
    /// How it ended.
    ended: Ended,
    /// Pages that were fetched.
    n_fetched: u64,
    /// Bytes that were fetched.
    n_bytes: u64,
}

impl Pass<'_> {
    /// Fetches the table, begun anew where its pages shifted or broke off.
    pub(super) async fn fetch(
        &self,
        shared: &mut Shared,
        holding: &mut Holding,
        report: &mut SourceReport,
    ) -> Result<(), Error> {
        let (mine, others): (Vec<Page>, Vec<Page>) = std::mem::take(&mut holding.pages)
            .into_iter()
            .partition(|page| page.table == self.table);
        let cursor = holding.cursors.get(self.table).cloned();
        let request = Request {
            platform: self.platform,
            table: self.table,
            spec: self.spec,
            servers: self.servers,
            root: &self.cx.commons.root,
            secrets: &self.cx.secrets,
            known: &mine,
            cursor: cursor.as_deref(),
            window: self.window,
            run: self.cx.run,
            part: next_part(&mine),
            started_at: self.cx.started_at,
        };
        let mut n_passes = 1;
        let brought = loop {
            match self.pages(&request, shared).await {
                Err(error) if is_worth(&error, n_passes) => {
                    tracing::warn!(
                        platform = self.platform,
                        table = self.table,
                        "begun anew: {error}"
                    );
                    again_wait(n_passes).await;
                    n_passes += 1;
                }
                ended => break ended?,
            }
        };
        report.n_fetched += brought.n_fetched;
        report.n_unchanged += brought.pages.len() as u64 - brought.n_fetched;
        report.n_bytes += brought.n_bytes;
        if let (Some(cursor), None) = (&brought.ended.cursor, self.window) {
            holding
                .cursors
                .insert(self.table.to_owned(), cursor.clone());
        }
        holding.pages = others;
        holding.pages.extend(self.current(mine, brought));
        Ok(())
    }

    /// Every page of one pass.
    async fn pages(&self, request: &Request<'_>, shared: &mut Shared) -> Result<Brought, Error> {
        let mut transport = transport::open(request, shared).await?;
        let total = transport.n_bytes().map_or(Total::Unknown, Total::Bytes);
        let name = format!("{}.{}", self.platform, self.table);
        self.cx.progress.begin("acquire", &name, total);
        let taken = self.take_all(request, transport.as_mut()).await;
        let said = match &taken {
            Ok(brought) => format!("{} page(s) fetched", brought.n_fetched),
            Err(_) => "not fetched".to_owned(),
        };
        self.cx.progress.end(&said);
        taken
    }

    /// Takes pages until there are none.
    async fn take_all(
        &self,
        request: &Request<'_>,
        transport: &mut dyn Transport,
    ) -> Result<Brought, Error> {
        let (mut pages, mut counts) = (Vec::new(), Vec::new());
        let (mut n_fetched, mut n_bytes) = (0, 0);
        while let Some(arrived) = transport.next().await? {
            let known = request
                .known
                .iter()
                .find(|page| page.url == arrived.address);
            let (page, counted) = self.take(request, transport, arrived, known).await?;
            n_fetched += u64::from(counted.is_some());
            n_bytes += counted.as_ref().map_or(0, |_| page.n_bytes);
            self.cx
                .progress
                .advance(page.n_records.unwrap_or_default(), page.n_bytes);
            pages.push(page);
            counts.push(counted);
        }
        Ok(Brought {
            pages,
            counted: counts,
            ended: transport.end(),
            n_fetched,
            n_bytes,
        })
    }

    /// Takes one page, asked for once more where it broke off; also its count, if it was fetched.
    async fn take(
        &self,
        request: &Request<'_>,
        transport: &mut dyn Transport,
        mut arrived: Arrived,
        known: Option<&Page>,
    ) -> Result<(Page, Option<Counted>), Error> {
        let mut n_times = 1;
        loop {
            let Arrived {
                address,
                tag,
                body,
                claim,
            } = arrived;
            match keep(&self.cx.lake, request, body).await {
                Ok(Some(mut kept)) => {
                    kept.counted.claim = claim.or(kept.counted.claim);
                    let mut page = self.page((address, tag), &kept);
                    // Bytes that were here before came when they came.
                    let same = known.filter(|known| known.sha256 == page.sha256);
                    page.run = same.map_or(page.run, |same| same.run);
                    return Ok((page, Some(kept.counted)));
                }
                Ok(None) => {
                    let known = known.cloned().ok_or(Error::Unknown { url: address })?;
                    return Ok((Page { tag, ..known }, None));
                }
                Err(error) if error.remedy() == Remedy::Page && n_times < MAX_AGAIN => {
                    again_wait(n_times).await;
                    n_times += 1;
                    arrived = transport.again().await?.ok_or(error)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The entry of a page.
    fn page(&self, (url, tag): (String, String), kept: &Kept) -> Page {
        let (n_records, count_of, note) = match kept.counted.best() {
            Count::Verified(n_records) => (Some(n_records), CountOf::Page, None),
            Count::WholeTable(n_records) => (Some(n_records), CountOf::Table, None),
            Count::Unverified { why } => (None, CountOf::Page, Some(why)),
        };
        let note = note.or_else(|| contradiction(&kept.counted));
        Page {
            table: self.table.to_owned(),
            url,
            tag,
            sha256: kept.sha256.clone(),
            n_bytes: kept.n_bytes,
            n_records,
            count_of,
            note,
            n_erased: 0,
            searched_as: 0,
            expired: None,
            role: Role::Whole,
            from: None,
            to: None,
            part: 0,
            run: self.cx.run,
        }
    }

    /// The pages of the table that are current after a pass.
    fn current(&self, mine: Vec<Page>, brought: Brought) -> Vec<Page> {
        let Some((from, to)) = brought.ended.part.clone() else {
            return replaced(mine, brought);
        };
        let role = match self.window {
            Some(_) => Role::Backfill,
            None => Role::Increment,
        };
        if is_nothing_new(&mine, &brought, role) {
            return mine;
        }
        let part = next_part(&mine);
        let mut pages = apportioned(brought);
        for page in &mut pages {
            page.role = role;
            page.part = part;
            page.from.clone_from(&from);
            page.to.clone_from(&to);
        }
        [mine, pages].concat()
    }
}

/// Number of the next part of a table: the same whatever runs failed or were killed before.
fn next_part(mine: &[Page]) -> u64 {
    let last = mine.iter().map(|page| page.part).max();
    last.unwrap_or_default() + 1
}

/// Whether a failed pass is begun anew.
fn is_worth(error: &Error, n_passes: u32) -> bool {
    let remedy = error.remedy();
    matches!(remedy, Remedy::Table | Remedy::Page) && n_passes < MAX_PASSES
}

/// What is odd about the counts of a page: the platform says one thing, the bytes another.
fn contradiction(counted: &Counted) -> Option<String> {
    let Some(Claim::Page(claimed)) = counted.claim else {
        return None;
    };
    let seen = counted.seen().filter(|seen| *seen != claimed)?;
    Some(format!(
        "the platform counts {claimed} records, the page holds {seen}; the books cannot close"
    ))
}

/// Pages of a whole table: each takes the place of the one at its address.
fn replaced(mine: Vec<Page>, brought: Brought) -> Vec<Page> {
    let stays = |page: &Page| {
        brought.ended.earlier == Earlier::Stay
            && !brought.pages.iter().any(|new| new.url == page.url)
    };
    let mut pages: Vec<Page> = mine.into_iter().filter(|page| stays(page)).collect();
    pages.extend(brought.pages);
    pages
}

/// Whether a part holds no record, or only pages that the last such part brought too.
fn is_nothing_new(mine: &[Page], brought: &Brought, role: Role) -> bool {
    let is_empty = brought.counted.iter().all(|counted| {
        counted.as_ref().is_some_and(|counted| {
            let claimed = match counted.claim {
                Some(Claim::Page(claimed) | Claim::Table(claimed)) => claimed,
                None => 0,
            };
            counted.seen() == Some(0) && claimed == 0
        })
    });
    let of_role = || mine.iter().filter(|page| page.role == role);
    let last_part = of_role().map(|page| page.part).max();
    let last = of_role().filter(|page| Some(page.part) == last_part);
    let is_same = last
        .map(|page| &page.sha256)
        .eq(brought.pages.iter().map(|page| &page.sha256));
    is_empty || is_same
}

/// The pages of a part, with a claim about all of them made one about each: what is seen in a
/// page is its share, and what the claim has more or less is laid to the last page.
fn apportioned(brought: Brought) -> Vec<Page> {
    let claims = brought.counted.iter().map(|counted| match counted {
        Some(Counted {
            claim: Some(Claim::Table(claimed)),
            ..
        }) => Some(*claimed),
        _ => None,
    });
    let claims: Vec<Option<u64>> = claims.collect();
    let seen = brought
        .counted
        .iter()
        .map(|counted| counted.as_ref()?.seen());
    let seen: Vec<Option<u64>> = seen.collect();
    let mut pages = brought.pages;
    let Some(claimed) = claims.first().copied().flatten() else {
        return pages;
    };
    let sum: Option<u64> = seen.iter().copied().sum();
    let is_agreed = claims.iter().all(|claim| *claim == Some(claimed));
    for (page, seen) in pages.iter_mut().zip(&seen) {
        page.count_of = CountOf::Page;
        page.n_records = *seen;
    }
    match (sum, pages.last_mut()) {
        (Some(sum), Some(last)) if is_agreed && sum != claimed => {
            let others = sum - last.n_records.unwrap_or_default();
            last.n_records = claimed.checked_sub(others);
            last.note = Some(format!(
                "the platform counts {claimed} records in these pages, which hold {sum}; the books cannot close"
            ));
        }
        (Some(_), _) if is_agreed => {}
        (_, _) => {
            for page in &mut pages {
                page.n_records = None;
                page.note =
                    Some("the platform's count cannot be compared with the pages".to_owned());
            }
        }
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What came, with the platform's count of all and the records seen in each page.
    fn brought(claimed: Option<u64>, seen: &[u64]) -> Brought {
        let page = |number: usize| Page {
            table: "t".to_owned(),
            url: format!("u#{number}"),
            tag: String::new(),
            sha256: format!("{number} {}", seen[number]),
            n_bytes: 1,
            n_records: claimed,
            count_of: CountOf::Table,
            note: None,
            n_erased: 0,
            searched_as: 0,
            expired: None,
            role: Role::Increment,
            from: None,
            to: None,
            part: 3,
            run: 1,
        };
        let counted = |seen: &u64| {
            Some(Counted {
                claim: claimed.map(Claim::Table),
                own: Ok(*seen),
                members: None,
            })
        };
        Brought {
            pages: (0..seen.len()).map(page).collect(),
            counted: seen.iter().map(counted).collect(),
            ended: Ended {
                cursor: None,
                earlier: Earlier::Stay,
                part: Some((None, None)),
            },
            n_fetched: seen.len() as u64,
            n_bytes: 0,
        }
    }

    /// Records of the pages after their claim was laid to them.
    fn records(claimed: Option<u64>, seen: &[u64]) -> Vec<Option<u64>> {
        let pages = apportioned(brought(claimed, seen));
        pages.iter().map(|page| page.n_records).collect()
    }

    #[test]
    fn a_count_of_all_pages_is_laid_to_each_and_its_difference_to_the_last() {
        assert_eq!(records(Some(5), &[3, 2]), [Some(3), Some(2)]);
        assert_eq!(records(Some(6), &[3, 2]), [Some(3), Some(3)]);
        assert_eq!(records(Some(2), &[3, 2]), [Some(3), None]);
        assert_eq!(records(None, &[3, 2]), [None, None]);
    }

    #[test]
    fn a_part_without_records_or_with_the_same_pages_is_nothing_new() {
        let first = brought(None, &[3, 2]);
        assert!(!is_nothing_new(&[], &first, Role::Increment));
        assert!(is_nothing_new(
            &first.pages,
            &brought(None, &[3, 2]),
            Role::Increment
        ));
        assert!(!is_nothing_new(
            &first.pages,
            &brought(None, &[3, 1]),
            Role::Increment
        ));
        assert!(!is_nothing_new(
            &first.pages,
            &brought(None, &[3, 2]),
            Role::Backfill
        ));
        assert!(is_nothing_new(
            &first.pages,
            &brought(Some(0), &[0]),
            Role::Increment
        ));
        assert!(!is_nothing_new(
            &first.pages,
            &brought(Some(1), &[0]),
            Role::Increment
        ));
    }
}
