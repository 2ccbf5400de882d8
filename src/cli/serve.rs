//! `antenne serve`: the release pages and read-only SQL over HTTP.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::{Error, Exit, Shared, open, report};
use crate::context::released;
use crate::stages::serve::{DEFAULT_ADDRESS, Limits, Plan, bind};

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArguments {
    /// Address to listen on.
    #[arg(long, default_value_t = DEFAULT_ADDRESS)]
    address: SocketAddr,
    /// Folder of the release; the latest one when absent.
    #[arg(long, value_name = "DIR")]
    release: Option<PathBuf>,
}

/// Serves a release until asked to stop.
pub(super) async fn serve(shared: &Shared, arguments: &ServeArguments) -> Result<Exit, Error> {
    let plan = Plan {
        release: match &arguments.release {
            Some(folder) => folder.clone(),
            None => latest(shared).await?,
        },
        address: arguments.address,
        limits: Limits::default(),
    };
    let server = bind(&plan).await.map_err(|error| Error::failed(&error))?;
    report::say(&format!(
        "serving {} on http://{}",
        plan.release.display(),
        server.address()
    ));
    report::say(
        "pages at /site/it/ and /site/en/, SQL at /sql?q=…&format=json|csv|arrow; stop with Ctrl-C",
    );
    server.run().await.map_err(|error| Error::failed(&error))?;
    Ok(Exit::Done)
}

/// Folder of the latest release.
async fn latest(shared: &Shared) -> Result<PathBuf, Error> {
    let cx = open(shared).await?;
    let noted = released::ledger(&cx)
        .await
        .map_err(|error| Error::failed(&error))?;
    let last = noted.last().ok_or_else(|| Error::Request {
        message: "there is no release to serve yet; run `antenne run` first".to_owned(),
    })?;
    Ok(released::releases_folder(&cx).join(&last.version))
}
