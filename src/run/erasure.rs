//! Carrying out a request to erase, now or in a later run.
//!
//! A request is first left in the lake and then carried out as a run of its own. A run that finds
//! one open completes it before anything else; until there is a receipt, nothing is released.

use std::collections::{BTreeMap, BTreeSet};

use crate::context::Context;
use crate::erase::forms::{Forms, is_distinctive};
use crate::erase::proof::prove;
use crate::erase::request::{self, RECEIPT, Receipt, Request};
use crate::erase::subjects::{Marks, Subjects, Suppressed, domains};
use crate::erase::sweep::{Swept, delete_undeclared_tables, ids_of_keys, rewritten, settle};
use crate::lake::Zone;
use crate::lake::objects::Made;
use crate::spec::select::Selection;
use crate::stages::conform::SCRATCH_FOLDER;
use crate::stages::{conform, derive, detect, protect};

use super::{Error, RUNS};

/// Whom to erase.
#[derive(Debug, Clone)]
pub struct Order {
    /// Platform.
    pub platform: String,
    /// Namespace of the ids, where the platform has several.
    pub namespace: Option<String>,
    /// Persons.
    pub subjects: Subjects,
}

/// Leaves an order in the lake, for the next run to carry out; the number of the receipt to come.
///
/// # Errors
/// [`Error::Erase`] when the order names nobody, or a platform or namespace that is not declared,
/// or when another order is still open.
pub async fn order(cx: &Context, order: Order) -> Result<u64, Error> {
    let request = checked(cx, order).await.map_err(Error::erase)?;
    let made = request::leave(&cx.lake, &cx.key, &request).await;
    match made.map_err(Error::erase)? {
        Made::New => Ok(request.number),
        Made::Known => Err(Error::ErasureOpen),
    }
}

/// The request behind an order.
async fn checked(cx: &Context, order: Order) -> Result<Request, crate::erase::Error> {
    use crate::erase::Error as Wrong;
    let Order {
        platform,
        namespace,
        subjects,
    } = order;
    let Some(source) = cx.commons.sources.get(&platform) else {
        return Err(Wrong::Platform { platform });
    };
    if subjects.ids.is_empty() {
        return Err(Wrong::Nobody);
    }
    let mut meant = domains(&source.spec);
    let name = |domain: &String| domain.strip_prefix("person:").unwrap_or(domain).to_owned();
    let namespaces: Vec<String> = meant.iter().map(name).collect();
    if let Some(namespace) = &namespace {
        meant.retain(|domain| name(domain) == *namespace);
    }
    if meant.len() != 1 {
        return Err(Wrong::Ambiguous {
            platform,
            namespaces,
        });
    }
    Ok(Request {
        domains: meant,
        subjects,
        found: None,
        swept: None,
        before: rows(cx, &platform).await?,
        number: request::last_receipt(&cx.lake).await? + 1,
        platform,
    })
}

/// Rows of the tables that a platform's persons can be in.
async fn rows(cx: &Context, platform: &str) -> Result<BTreeMap<String, u64>, crate::erase::Error> {
    let mut rows = BTreeMap::new();
    for zone in [Zone::Source, Zone::Conformed, Zone::Derived, Zone::Detected] {
        for name in cx.lake.tables(zone).await? {
            let is_other = zone == Zone::Source && !name.starts_with(&format!("{platform}__"));
            let snapshot = cx.lake.snapshot(zone, &name).await?;
            if let Some(snapshot) = snapshot.filter(|_| !is_other) {
                rows.insert(format!("{}.{name}", zone.name()), snapshot.n_rows());
            }
        }
    }
    Ok(rows)
}

/// Whether an order is open.
///
/// # Errors
/// When the lake cannot be read.
pub async fn is_open(cx: &Context) -> Result<bool, Error> {
    request::is_open(&cx.lake).await.map_err(Error::erase)
}

/// The receipt of a number.
///
/// # Errors
/// When the lake cannot be read.
pub async fn receipt(cx: &Context, number: u64) -> Result<Option<Receipt>, Error> {
    request::receipt(&cx.lake, number)
        .await
        .map_err(Error::erase)
}

/// Carries out the open order and gives its receipt.
///
/// # Errors
/// Whatever stands in the way; the order stays open then.
pub(super) async fn complete(cx: &Context) -> Result<Option<Receipt>, Error> {
    let open = request::open_request(&cx.lake, &cx.key).await;
    let Some(mut request) = open.map_err(Error::erase)? else {
        return Ok(None);
    };
    if let Some(given) = receipt(cx, request.number).await? {
        request::close(&cx.lake).await.map_err(Error::erase)?;
        return Ok(Some(given));
    }
    if request.found.is_none() {
        let found = ids_of_keys(cx, &request).await.map_err(Error::erase)?;
        request.found = Some(found);
        let noted = request::note(&cx.lake, &cx.key, &request).await;
        noted.map_err(Error::erase)?;
    }
    let suppressed = suppress(cx, &request).await.map_err(Error::erase)?;
    let keys = keys(cx, &request);
    let ids = request.ids();
    let forms = Forms::new(&ids, &keys).map_err(Error::erase)?;
    let swept = swept(cx, &mut request, &suppressed, &forms).await;
    let swept = swept.map_err(Error::erase)?;
    let n_undeclared = delete_undeclared_tables(cx, &request.platform).await;
    let n_undeclared = n_undeclared.map_err(Error::erase)?;
    rebuild(cx, &request.platform).await?;
    let n_deleted = n_undeclared + clean(cx, &forms).await.map_err(Error::erase)?;
    let keys = Forms::new(&BTreeSet::new(), &keys).map_err(Error::erase)?;
    let proof = prove(&cx.lake, &request.platform, &forms, &keys).await;
    let proof = proof.map_err(Error::erase)?;
    if !proof.left.is_empty() {
        return Err(Error::erase(crate::erase::Error::Left {
            places: proof.left,
        }));
    }
    let mut receipt = Receipt {
        n_files_deleted: n_deleted + swept.n_deleted,
        n_forms: forms.len() as u64,
        n_short_ids: ids.iter().filter(|id| !is_distinctive(id)).count() as u64,
        n_files_searched: proof.n_files,
        n_bytes_searched: proof.n_bytes,
        n_same_text_elsewhere: proof.n_elsewhere,
        ..of(cx, &request, swept)
    };
    receipt.rows_after = rows(cx, &request.platform).await.map_err(Error::erase)?;
    request::give(&cx.lake, &mut receipt)
        .await
        .map_err(Error::erase)?;
    request::close(&cx.lake).await.map_err(Error::erase)?;
    Ok(Some(receipt))
}

/// Takes the persons out of the pages; what was taken out, also by a run that was cut off since.
async fn swept(
    cx: &Context,
    request: &mut Request,
    suppressed: &Suppressed,
    forms: &Forms,
) -> Result<Swept, crate::erase::Error> {
    let rewritten = rewritten(cx, &request.platform, suppressed, Some(forms)).await?;
    let mut swept = match request.swept {
        // The list of pages had become the new one already.
        Some(known) if rewritten.swept == Swept::default() => known,
        Some(_) | None => rewritten.swept,
    };
    request.swept = Some(swept);
    request::note(&cx.lake, &cx.key, request).await?;
    swept.n_deleted = settle(cx, &request.platform, rewritten).await?;
    Ok(swept)
}

/// A receipt of what was swept.
fn of(cx: &Context, request: &Request, swept: Swept) -> Receipt {
    Receipt {
        format: RECEIPT.to_owned(),
        number: request.number,
        completed_at: cx.started_at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        platform: request.platform.clone(),
        n_subjects: request.subjects.n_subjects(),
        n_records: swept.n_records,
        n_references: swept.n_references,
        n_mentions: swept.n_mentions,
        n_pages: swept.n_pages,
        n_files_deleted: 0,
        n_forms: 0,
        n_short_ids: 0,
        n_files_searched: 0,
        n_bytes_searched: 0,
        n_same_text_elsewhere: 0,
        n_undeclared_pages: swept.n_undeclared,
        rows_before: request.before.clone(),
        rows_after: BTreeMap::new(),
        previous: String::new(),
    }
}

/// Adds the persons of a request to those who must not come back.
async fn suppress(cx: &Context, request: &Request) -> Result<Suppressed, crate::erase::Error> {
    let marks = Marks {
        keys: &cx.persons,
        platform: &request.platform,
    };
    let mut all = request::suppressed(&cx.lake).await?;
    let out = all.entry(request.platform.clone()).or_default();
    for domain in &request.domains {
        out.extend(request.ids().iter().map(|id| marks.of_id(domain, id)));
    }
    out.extend(request.subjects.keys.iter().map(|key| marks.of_key(key)));
    request::suppress(&cx.lake, &all).await?;
    Ok(all)
}

/// Every pseudonym of the persons of a request.
fn keys(cx: &Context, request: &Request) -> BTreeSet<[u8; 16]> {
    let marks = Marks {
        keys: &cx.persons,
        platform: &request.platform,
    };
    let mut keys = BTreeSet::new();
    for domain in &request.domains {
        let ids = request.ids();
        keys.extend(ids.iter().flat_map(|id| marks.pseudonyms(domain, id)));
    }
    let digits = request.subjects.keys.iter();
    keys.extend(digits.filter_map(|key| Some(u128::from_str_radix(key, 16).ok()?.to_be_bytes())));
    keys
}

/// Makes anew what was made from the pages, as far as it had been made.
async fn rebuild(cx: &Context, platform: &str) -> Result<(), Error> {
    let platforms = [platform.to_owned()];
    let done = conform::conform(cx, &platforms)
        .await
        .map_err(Error::Conform)?;
    if let Some(error) = done.failed.into_values().next() {
        return Err(Error::Conform(error));
    }
    if is_made(cx, Zone::Derived).await? {
        derive::derive(cx, &Selection::All)
            .await
            .map_err(Error::Derive)?;
    }
    if is_made(cx, Zone::Detected).await? {
        detect::detect(cx).await.map_err(Error::Detect)?;
    }
    if is_made(cx, Zone::Protected).await? {
        match protect::protect(cx).await.map_err(Error::Protect) {
            Err(error) if !error.is_refusal() => return Err(error),
            // What is refused is not released, and the tables of before hold no person.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

/// Whether any table of a zone was ever made.
async fn is_made(cx: &Context, zone: Zone) -> Result<bool, Error> {
    let tables = cx.lake.tables(zone).await.map_err(Error::Lake)?;
    Ok(!tables.is_empty())
}

/// Deletes every earlier version and all that killed runs left; takes ids out of run reports.
async fn clean(cx: &Context, forms: &Forms) -> Result<u64, crate::erase::Error> {
    let mut n_deleted = 0;
    for zone in Zone::ALL {
        for name in cx.lake.folders(zone).await? {
            n_deleted += cx.lake.vacuum(zone, &name).await?;
        }
    }
    for path in cx.lake.objects_below(SCRATCH_FOLDER).await? {
        cx.lake.delete(&path).await?;
        n_deleted += 1;
    }
    for path in cx.lake.objects_below(RUNS).await? {
        let bytes = cx.lake.bytes_of(&path).await?.unwrap_or_default();
        if let Some(new) = forms.scrubbed_bytes(&bytes) {
            cx.lake.write(&path, new.into()).await?;
        }
    }
    Ok(n_deleted)
}
