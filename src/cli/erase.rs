//! `antenne erase`: takes persons out of everything, and shows that nothing is left.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;

use super::output::{self, Format};
use super::{Error, Exit, Shared, open, report};
use crate::context::Context;
use crate::erase::request::Receipt;
use crate::erase::subjects::Subjects;
use crate::run::erasure::{self, Order};
use crate::run::{self, Plan};
use crate::spec::select::Selection;

/// Arguments of `erase`.
#[derive(Debug, Args)]
pub(super) struct EraseArguments {
    /// Platform that the persons are of.
    #[arg(long, value_name = "PLATFORM", required_unless_present = "resume")]
    platform: Option<String>,
    /// File with one id of the platform, or key of 32 hexadecimal digits, per line; `-` reads
    /// standard input. The file is not copied: delete it yourself afterwards.
    #[arg(long, value_name = "FILE", required_unless_present = "resume")]
    subject_file: Option<PathBuf>,
    /// Namespace of the ids, where the contract of the platform has several kinds of persons.
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// Complete an erasure that was cut off.
    #[arg(long, conflicts_with_all = ["platform", "subject_file", "namespace"])]
    resume: bool,
    /// How the receipt is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Erases the persons of a file, or completes what was cut off.
pub(super) async fn erase(shared: &Shared, arguments: &EraseArguments) -> Result<Exit, Error> {
    let cx = open(shared).await?;
    // What is open is completed first: two orders at once could not be told apart.
    let mut receipt = carry_out(&cx).await?;
    if let (Some(platform), Some(file)) = (&arguments.platform, &arguments.subject_file) {
        let order = Order {
            platform: platform.clone(),
            namespace: arguments.namespace.clone(),
            subjects: Subjects::parse(&subjects(file)?),
        };
        let cx = open(shared).await?;
        erasure::order(&cx, order).await.map_err(Error::run)?;
        receipt = carry_out(&cx).await?;
    }
    match (&receipt, arguments.format) {
        (None, _) => report::say("nothing to complete: no erasure is open"),
        (Some(receipt), Format::Json) => output::json(receipt)?,
        (Some(receipt), Format::Text) => output::print(&text(receipt))?,
    }
    Ok(Exit::Done)
}

/// Carries out what is open; its receipt.
async fn carry_out(cx: &Context) -> Result<Option<Receipt>, Error> {
    if !erasure::is_open(cx).await.map_err(Error::run)? {
        return Ok(None);
    }
    let nothing_else = Plan {
        stages: Vec::new(),
        platforms: Vec::new(),
        aim: run::Aim::News,
        models: Selection::All,
    };
    let done = run::run(cx, &nothing_else).await.map_err(Error::run)?;
    if let Some(why) = done.failures.get("erase") {
        return Err(Error::Failed(why.clone()));
    }
    let stage = done.stages.iter().find(|stage| stage.stage == "erase");
    let receipt = stage.map(|stage| serde_json::from_value(stage.detail.clone()));
    receipt.transpose().map_err(|error| Error::failed(&error))
}

/// Text of the file of subjects; its content appears in no message.
fn subjects(file: &Path) -> Result<String, Error> {
    let failed = |source| Error::Act {
        act: format!("read `{}`", file.display()),
        source,
    };
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
        return Ok(text);
    }
    std::fs::read_to_string(file).map_err(failed)
}

/// The receipt for people.
fn text(receipt: &Receipt) -> String {
    let Receipt {
        number,
        platform,
        n_subjects,
        n_records,
        n_references,
        n_mentions,
        n_pages,
        n_files_deleted,
        n_forms,
        n_files_searched,
        n_bytes_searched,
        ..
    } = receipt;
    let mut lines = vec![
        format!(
            "erased {n_subjects} person(s) of {platform}: {n_records} record(s) left, {n_references} stayed without the name, {n_mentions} text(s) without the id"
        ),
        format!("{n_pages} page(s) written anew, {n_files_deleted} earlier file(s) deleted"),
        format!(
            "searched {n_files_searched} file(s), {n_bytes_searched} bytes, for {n_forms} form(s): nothing is left"
        ),
    ];
    if n_records + n_references + n_mentions == 0 {
        lines.push("no page held these persons; they will not come in either".to_owned());
    }
    if receipt.n_short_ids > 0 {
        lines.push(format!("{} id(s) are too short to be searched for as text; they were searched for by column and by key", receipt.n_short_ids));
    }
    if receipt.n_undeclared_pages > 0 {
        lines.push(format!(
            "{} page(s) of tables that no contract declares were deleted as a whole, and their source tables",
            receipt.n_undeclared_pages
        ));
    }
    if receipt.n_same_text_elsewhere > 0 {
        lines.push(format!(
            "{} file(s) of other platforms hold the same text, which there is an id of theirs",
            receipt.n_same_text_elsewhere
        ));
    }
    lines.push(format!("receipt erasures/{number:04}.json in the lake"));
    format!("{}\n", lines.join("\n"))
}
