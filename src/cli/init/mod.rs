//! `antenne init`: a small new commons that runs.
//!
//! It holds one platform (a ledger of exchanges among members, as CSV), every model, the reference
//! tables and a key of its own. The records are invented; the first thing to do is to replace them.

use std::path::{Path, PathBuf};

use clap::Args;

use super::key::write_key;
use super::{Error, Exit, Shared, report};
use crate::sample::{self, SamplePlan};

mod files;

/// Arguments of `init`.
#[derive(Debug, Args)]
pub(super) struct InitArguments {
    /// Folder to make; must not exist or be empty.
    dir: PathBuf,
}

/// Exchanges in the sample a new commons starts with.
const N_EXCHANGES: u64 = 6_000;

/// The platform a new commons starts with.
const PLATFORM: &str = "mi_fido_di_noi";

/// Writes a new commons.
pub(super) fn init(_shared: &Shared, arguments: &InitArguments) -> Result<Exit, Error> {
    let root = &arguments.dir;
    let is_used = root
        .read_dir()
        .is_ok_and(|mut entries| entries.next().is_some());
    if is_used {
        return Err(Error::Request {
            message: format!("`{}` is not empty; name a new folder", root.display()),
        });
    }
    for (path, text) in files::FILES {
        write(&root.join(path), text)?;
    }
    write_key(&root.join("secrets/pseudonym.key"))?;
    write_key(&root.join("secrets/persons-1.key"))?;
    write(&root.join(".gitignore"), "/lake\n/releases\n/secrets\n")?;
    write_sample(root)?;
    report::say(&format!("wrote a commons to `{}`", root.display()));
    report::say(&format!("next: antenne run --commons {}", root.display()));
    Ok(Exit::Done)
}

/// Writes one file and the folders above it.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |source| Error::Act {
        act: format!("write `{}`", path.display()),
        source,
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}

/// Writes the invented records of the one platform.
fn write_sample(root: &Path) -> Result<(), Error> {
    let aside = root.join("sample.tmp");
    let failed = |act: &str, path: &Path| {
        let act = format!("{act} `{}`", path.display());
        move |source| Error::Act { act, source }
    };
    let plan = SamplePlan {
        n_exchanges: N_EXCHANGES,
        seed: 1,
        reference: root.join("reference"),
        out: aside.clone(),
    };
    sample::generate(&plan, &|_n_rows| {}).map_err(|error| Error::failed(&error))?;
    let target = root.join("sample-data").join(PLATFORM);
    std::fs::create_dir_all(root.join("sample-data")).map_err(failed("make", &target))?;
    std::fs::rename(aside.join(PLATFORM), &target).map_err(failed("move into place", &target))?;
    std::fs::remove_dir_all(&aside).map_err(failed("remove", &aside))
}
