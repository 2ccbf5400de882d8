//! Taking persons out of the pages of a platform.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Error;
use super::forms::Forms;
use super::request::Request;
use super::rewrite::rewrite;
use super::subjects::{Judge, Marks, Suppressed};
use crate::canon::digits::hexadecimal;
use crate::context::{Context, Total};
use crate::lake::kept::{self, path_of};
use crate::lake::pages::{Holding, Page};

/// What was taken out of pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_field_names,
    reason = "they are counts, and every count of the house is called so"
)]
pub(crate) struct Swept {
    /// Pages written anew.
    pub n_pages: u64,
    /// Records that left.
    pub n_records: u64,
    /// Records of others that stayed without the name.
    pub n_references: u64,
    /// Texts of others in which an id stood.
    pub n_mentions: u64,
    /// Earlier pages that were deleted.
    pub n_deleted: u64,
}

/// Takes those who must not come back out of all pages that were fetched since; by platform.
///
/// # Errors
/// [`Error::Page`] when a page cannot be written without them.
pub(crate) async fn sweep_new(cx: &Context) -> Result<BTreeMap<String, Swept>, Error> {
    let suppressed = super::request::suppressed(&cx.lake).await?;
    let mut done = BTreeMap::new();
    for platform in suppressed.keys() {
        let swept = sweep(cx, platform, &suppressed).await?;
        if swept != Swept::default() {
            done.insert(platform.clone(), swept);
        }
    }
    Ok(done)
}

/// Takes those who must not come back out of the pages of a platform.
async fn sweep(cx: &Context, platform: &str, suppressed: &Suppressed) -> Result<Swept, Error> {
    let rewritten = rewritten(cx, platform, suppressed, None).await?;
    let mut swept = rewritten.swept;
    swept.n_deleted = settle(cx, platform, rewritten).await?;
    Ok(swept)
}

/// The pages of a platform without some persons, kept but not yet current.
#[derive(Debug)]
pub(crate) struct Rewritten {
    /// The list as it was.
    before: Holding,
    /// The list as it will be.
    after: Holding,
    /// What was taken out.
    pub(crate) swept: Swept,
}

/// Writes the pages of a platform anew without those who must not come back.
///
/// With the forms of their ids all pages are searched, else those not searched for them yet.
///
/// # Errors
/// [`Error::Page`] when a page cannot be written without them.
pub(crate) async fn rewritten(
    cx: &Context,
    platform: &str,
    suppressed: &Suppressed,
    forms: Option<&Forms>,
) -> Result<Rewritten, Error> {
    let mut swept = Swept::default();
    let before = cx
        .lake
        .holdings()
        .await?
        .remove(platform)
        .unwrap_or_default();
    let mut after = before.clone();
    let (Some(out), Some(source)) = (suppressed.get(platform), cx.commons.sources.get(platform))
    else {
        return Ok(Rewritten {
            before,
            after,
            swept,
        });
    };
    let marks = Marks {
        keys: &cx.persons,
        platform,
    };
    let total = before.pages.iter().map(|page| page.n_bytes).sum();
    cx.progress.begin("erase", platform, Total::Bytes(total));
    for page in &mut after.pages {
        cx.progress.advance(0, page.n_bytes);
        let is_searched = page.n_searched == out.len() as u64 && forms.is_none();
        let is_searched = is_searched || page.is_expired();
        let Some(spec) = source.spec.tables.get(&page.table).filter(|_| !is_searched) else {
            continue;
        };
        let judge = Judge::new(spec, marks, out, forms);
        sweep_page(cx, (platform, page), &judge, (&spec.format, &mut swept)).await?;
        page.n_searched = out.len() as u64;
    }
    cx.progress
        .end(&format!("{} record(s) left", swept.n_records));
    Ok(Rewritten {
        before,
        after,
        swept,
    })
}

/// Makes rewritten pages current and deletes all others; how many these were.
///
/// # Errors
/// When the lake cannot be written.
pub(crate) async fn settle(
    cx: &Context,
    platform: &str,
    rewritten: Rewritten,
) -> Result<u64, Error> {
    let Rewritten { before, after, .. } = rewritten;
    if after != before {
        let changed = BTreeMap::from([(platform.to_owned(), after.clone())]);
        cx.lake
            .commit_pages_as(&changed, (cx.run, cx.at_millis()), "erase")
            .await?;
    }
    delete_unlisted(cx, platform, &after.pages).await
}

/// Writes one page anew, if it has to be.
async fn sweep_page(
    cx: &Context,
    (platform, page): (&str, &mut Page),
    judge: &Judge<'_>,
    (format, swept): (&crate::spec::format::Format, &mut Swept),
) -> Result<(), Error> {
    let bytes = cx.lake.page(platform, &page.table, &page.sha256).await?;
    let done = rewrite(format, judge, &bytes).map_err(|source| Error::Page {
        platform: platform.to_owned(),
        table: page.table.clone(),
        url: page.url.clone(),
        source: Box::new(source),
    })?;
    let Some(done) = done else {
        return Ok(());
    };
    swept.n_pages += 1;
    swept.n_records += done.n_dropped;
    swept.n_references += done.n_blanked;
    swept.n_mentions += done.n_mentions;
    page.sha256 = hexadecimal(&Sha256::digest(&done.bytes));
    page.n_bytes = done.bytes.len() as u64;
    page.n_erased += done.n_dropped;
    let mut arriving = cx.lake.arriving(platform, &page.table);
    arriving.push(Bytes::from(done.bytes)).await?;
    arriving.keep(&page.sha256).await?;
    Ok(())
}

/// Deletes what lies among the pages of a platform and is not current.
pub(crate) async fn delete_unlisted(
    cx: &Context,
    platform: &str,
    pages: &[Page],
) -> Result<u64, Error> {
    let held = pages.iter().filter(|page| !page.is_expired());
    let listed: BTreeSet<String> = held
        .map(|page| path_of(platform, &page.table, &page.sha256))
        .collect();
    let folder = format!("acquired/{}/{platform}", kept::FOLDER);
    let mut n_deleted = 0;
    for path in cx.lake.objects_below(&folder).await? {
        if !listed.contains(&path) {
            cx.lake.delete(&path).await?;
            n_deleted += 1;
        }
    }
    Ok(n_deleted)
}

/// The ids that belong to the keys of a request, as far as a page still has them.
///
/// # Errors
/// When a page cannot be read.
pub(crate) async fn ids_of_keys(
    cx: &Context,
    request: &Request,
) -> Result<BTreeSet<String>, Error> {
    let platform = request.platform.as_str();
    let mut found = BTreeSet::new();
    let Some(source) = cx.commons.sources.get(platform) else {
        return Ok(found);
    };
    if request.subjects.keys.is_empty() {
        return Ok(found);
    }
    let marks = Marks {
        keys: &cx.persons,
        platform,
    };
    let wanted: BTreeSet<String> = request
        .subjects
        .keys
        .iter()
        .map(|key| marks.of_key(key))
        .collect();
    for page in cx
        .lake
        .current_pages()
        .await?
        .remove(platform)
        .unwrap_or_default()
    {
        let spec = source.spec.tables.get(&page.table);
        let Some(spec) = spec.filter(|_| !page.is_expired()) else {
            continue;
        };
        let bytes = cx.lake.page(platform, &page.table, &page.sha256).await?;
        let judge = Judge::listening(spec, marks, &wanted);
        let read = rewrite(&spec.format, &judge, &bytes);
        read.map_err(|source| Error::Page {
            platform: platform.to_owned(),
            table: page.table.clone(),
            url: page.url.clone(),
            source: Box::new(source),
        })?;
        found.extend(judge.heard());
    }
    Ok(found)
}
