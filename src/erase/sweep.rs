//! Taking persons out of the pages of a platform.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Error;
use super::forms::Forms;
use super::request::Request;
use super::rewrite::rewrite;
use super::subjects::{Judge, Marks, Suppressed, domains};
use crate::canon::digits::sha256;
use crate::context::{Context, Total};
use crate::lake::Zone;
use crate::lake::kept::{self, path_of};
use crate::lake::pages::{Holding, Page};
use crate::spec::source::TableSpec;

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
    /// Pages of tables that no contract declares, which left as a whole.
    #[serde(default)]
    pub n_undeclared: u64,
}

impl Swept {
    /// What left, for people.
    fn text(&self) -> String {
        let n_records = self.n_records;
        match self.n_undeclared {
            0 => format!("{n_records} record(s) left"),
            n_pages => format!(
                "{n_records} record(s) left, {n_pages} page(s) of tables that no contract declares left"
            ),
        }
    }
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
/// With the forms of their ids all pages are searched, and pages of tables that no contract declares
/// leave as a whole: nobody can say where a person stands in them. Without forms those pages are
/// searched that were not yet searched for these persons with this contract.
///
/// # Errors
/// [`Error::Page`] when a page cannot be written without them; [`Error::Platform`] when an erasure
/// is asked for of a platform that is no longer declared.
pub(crate) async fn rewritten(
    cx: &Context,
    platform: &str,
    suppressed: &Suppressed,
    forms: Option<&Forms>,
) -> Result<Rewritten, Error> {
    let mut held = cx.lake.holdings().await?;
    let before = held.remove(platform).unwrap_or_default();
    let mut swept = Swept::default();
    let mut after = before.clone();
    let (Some(out), Some(source)) = (suppressed.get(platform), cx.commons.sources.get(platform))
    else {
        let platform = platform.to_owned();
        return match forms {
            Some(_) => Err(Error::Platform { platform }),
            None => Ok(Rewritten {
                before,
                after,
                swept,
            }),
        };
    };
    let tables = &source.spec.tables;
    if forms.is_some() {
        swept.n_undeclared = without_undeclared(&mut after, tables);
    }
    let marks = Marks {
        keys: &cx.persons,
        platform,
    };
    let domains = domains(&source.spec);
    let total = after.pages.iter().map(|page| page.n_bytes).sum();
    cx.progress.begin("erase", platform, Total::Bytes(total));
    for page in &mut after.pages {
        cx.progress.advance(0, page.n_bytes);
        let Some(spec) = tables.get(&page.table).filter(|_| !page.is_expired()) else {
            continue;
        };
        let print = print(out, &domains, spec);
        let is_searched = page.searched_as == print;
        if is_searched && forms.is_none() {
            continue;
        }
        let judge = Judge::new(spec, marks, out, forms);
        let judge = if is_searched {
            judge
        } else {
            judge.comparing(domains.clone())
        };
        sweep_page(cx, (platform, page), &judge, (&spec.format, &mut swept)).await?;
        page.searched_as = print;
    }
    cx.progress.end(&swept.text());
    Ok(Rewritten {
        before,
        after,
        swept,
    })
}

/// Takes the pages and cursors of tables that no contract declares off the list; how many pages.
fn without_undeclared(holding: &mut Holding, tables: &BTreeMap<String, TableSpec>) -> u64 {
    let n_before = holding.pages.len();
    holding
        .pages
        .retain(|page| tables.contains_key(&page.table));
    holding
        .cursors
        .retain(|table, _| tables.contains_key(table));
    (n_before - holding.pages.len()) as u64
}

/// Fingerprint of what a page is searched with: the persons and the contract of its table.
fn print(out: &BTreeSet<String>, domains: &BTreeSet<String>, spec: &TableSpec) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for mark in out {
        hasher.update(mark.as_bytes());
    }
    hasher.update(format!("{domains:?}{spec:?}").as_bytes());
    let hash = hasher.finalize();
    let first = hash.as_bytes().first_chunk().copied();
    // The list of pages has no place for the highest bit.
    first.map_or(1, |first| u64::from_le_bytes(first) >> 1)
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
    page.sha256 = sha256(&done.bytes);
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

/// Deletes the source tables of a platform that no contract declares; how many files.
///
/// # Errors
/// When the lake cannot be read or written.
pub(crate) async fn delete_undeclared_tables(cx: &Context, platform: &str) -> Result<u64, Error> {
    let sources = cx.commons.sources.iter();
    let declared: Declared<'_> = sources
        .map(|(name, source)| {
            let tables = source.spec.tables.keys().map(String::as_str);
            (name.as_str(), tables.collect())
        })
        .collect();
    let mut n_deleted = 0;
    for name in cx.lake.folders(Zone::Source).await? {
        if is_undeclared(&declared, platform, &name) {
            n_deleted += cx.lake.remove_table(Zone::Source, &name).await?;
        }
    }
    Ok(n_deleted)
}

/// Tables of the declared platforms.
type Declared<'n> = BTreeMap<&'n str, BTreeSet<&'n str>>;

/// Whether a source table is of a platform and no contract declares it.
fn is_undeclared(declared: &Declared<'_>, platform: &str, name: &str) -> bool {
    let table_of = |platform: &str| name.strip_prefix(platform)?.strip_prefix("__");
    // The name of a platform may begin with the name and the joint of another.
    let is_of_another = |(other, tables): (&&str, &BTreeSet<&str>)| {
        table_of(other).is_some_and(|table| other.len() > platform.len() || tables.contains(table))
    };
    table_of(platform).is_some() && !declared.iter().any(is_of_another)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_no_contract_declares_is_told_from_those_of_others() {
        let declared = Declared::from([
            ("p", BTreeSet::from(["t", "b__c"])),
            ("p__b", BTreeSet::from(["d"])),
            ("q", BTreeSet::new()),
        ]);
        let is_gone = |name| is_undeclared(&declared, "p", name);
        assert!(is_gone("p__old"));
        for name in ["p__t", "p__b__c", "p__b__d", "p__b__old", "q__old", "pp__t"] {
            assert!(!is_gone(name), "{name}");
        }
    }

    #[test]
    fn pages_of_a_table_that_no_contract_declares_leave_the_list() {
        let spec = "fetch.files = { url = \"x\" }\nformat.csv = {}\n[columns]";
        let spec: TableSpec = toml::from_str(spec).unwrap();
        let tables = BTreeMap::from([("t".to_owned(), spec.clone())]);
        let cursors = ["t", "old"].map(|table| (table.to_owned(), "7".to_owned()));
        let mut holding = Holding {
            pages: Vec::new(),
            cursors: BTreeMap::from(cursors),
        };
        assert_eq!(without_undeclared(&mut holding, &tables), 0);
        assert_eq!(holding.cursors.into_keys().collect::<Vec<_>>(), ["t"]);
    }

    #[test]
    fn a_page_is_searched_again_when_the_contract_says_something_else() {
        let spec = |columns: &str| -> TableSpec {
            let head = "fetch.files = { url = \"x\" }\nformat.csv = {}\n[columns]\n";
            toml::from_str(&format!("{head}{columns}")).unwrap()
        };
        let out = BTreeSet::from(["id:00".to_owned()]);
        let domains = BTreeSet::from(["person".to_owned()]);
        let before = print(&out, &domains, &spec("a = { type = \"text\" }"));
        assert_eq!(
            before,
            print(&out, &domains, &spec("a = { type = \"text\" }"))
        );
        assert_ne!(
            before,
            print(&out, &domains, &spec("a = { type = \"person\" }"))
        );
        assert!(i64::try_from(before).is_ok());
    }
}
