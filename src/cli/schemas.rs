//! `antenne schemas`: JSON Schemas of what people write and of what antenne reports.

use std::path::PathBuf;

use clap::Args;
use schemars::Schema;

use super::{Error, Exit, output};
use crate::erase::request::Receipt;
use crate::run::RunReport;
use crate::run::backtest;
use crate::run::explain::Explanation;
use crate::run::state::TableState;
use crate::run::status::Status;
use crate::sample::Score;
use crate::sample::panel::PanelScore;
use crate::spec::corrections::CorrectionsSpec;
use crate::spec::detection::Thresholds;
use crate::spec::model::ModelHeader;
use crate::spec::reference::ReferenceSpec;
use crate::spec::release::ReleaseSpec;
use crate::spec::settings::Settings;
use crate::spec::source::SourceSpec;

/// Arguments of `schemas`.
#[derive(Debug, Args)]
pub(super) struct SchemasArguments {
    /// Folder to write one file per schema into; without it their names are printed.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Every schema by file name.
fn schemas_by_name() -> [(&'static str, Schema); 15] {
    [
        ("antenne.schema.json", schemars::schema_for!(Settings)),
        ("source.schema.json", schemars::schema_for!(SourceSpec)),
        (
            "corrections.schema.json",
            schemars::schema_for!(CorrectionsSpec),
        ),
        ("detection.schema.json", schemars::schema_for!(Thresholds)),
        ("release.schema.json", schemars::schema_for!(ReleaseSpec)),
        (
            "reference.schema.json",
            schemars::schema_for!(ReferenceSpec),
        ),
        (
            "model-header.schema.json",
            schemars::schema_for!(ModelHeader),
        ),
        ("run-report.schema.json", schemars::schema_for!(RunReport)),
        (
            "erasure-receipt.schema.json",
            schemars::schema_for!(Receipt),
        ),
        ("status.schema.json", schemars::schema_for!(Status)),
        ("state.schema.json", schemars::schema_for!(Vec<TableState>)),
        ("sample-score.schema.json", schemars::schema_for!(Score)),
        (
            "panel-score.schema.json",
            schemars::schema_for!(Vec<PanelScore>),
        ),
        (
            "backtest.schema.json",
            schemars::schema_for!(backtest::Report),
        ),
        (
            "explanation.schema.json",
            schemars::schema_for!(Explanation),
        ),
    ]
}

/// Every schema as text by file name, as committed in `docs/schemas`.
pub fn schema_texts() -> Vec<(&'static str, String)> {
    let text =
        |schema: &Schema| serde_json::to_string_pretty(schema.as_value()).unwrap_or_default();
    schemas_by_name()
        .iter()
        .map(|(name, schema)| (*name, format!("{}\n", text(schema))))
        .collect()
}

/// Writes or lists the schemas.
pub(super) fn schemas(arguments: &SchemasArguments) -> Result<Exit, Error> {
    let Some(folder) = &arguments.out else {
        let names: Vec<&str> = schema_texts().iter().map(|(name, _)| *name).collect();
        output::print(&format!("{}\n", names.join("\n")))?;
        return Ok(Exit::Done);
    };
    let failed = |source| Error::Act {
        act: format!("write into `{}`", folder.display()),
        source,
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    for (name, text) in schema_texts() {
        std::fs::write(folder.join(name), text).map_err(failed)?;
    }
    Ok(Exit::Done)
}
