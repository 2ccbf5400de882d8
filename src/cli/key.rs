//! `antenne key`: begins an epoch of person keys, or destroys the key of an earlier one.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{Error, Exit, Shared, report};
use crate::canon::digits::hexadecimal;
use crate::spec::commons::Commons;

/// Arguments of `key`.
#[derive(Debug, Args)]
pub(super) struct KeyArguments {
    /// What to do.
    #[command(subcommand)]
    act: Act,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
enum Act {
    /// Begins a new epoch: a new key for persons; the next run writes all pages still held under it.
    Rotate(RotateArguments),
    /// Destroys the key of an earlier epoch: its pseudonyms can then be linked by nobody.
    Destroy(DestroyArguments),
}

/// Arguments of `key rotate`.
#[derive(Debug, Args)]
struct RotateArguments {
    /// File for the new key, below the commons directory; beside the pseudonym key when absent.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

/// Arguments of `key destroy`.
#[derive(Debug, Args)]
struct DestroyArguments {
    /// Epoch whose key is destroyed.
    #[arg(long, value_name = "NUMBER")]
    epoch: u32,
}

/// Rotates or destroys.
pub(super) fn key(shared: &Shared, arguments: &KeyArguments) -> Result<Exit, Error> {
    match &arguments.act {
        Act::Rotate(arguments) => rotate(&shared.commons, arguments),
        Act::Destroy(arguments) => destroy(&shared.commons, arguments.epoch),
    }
}

/// What is wrong with the request.
fn wrong(message: impl Into<String>) -> Error {
    Error::Request {
        message: message.into(),
    }
}

/// Begins a new epoch.
fn rotate(root: &Path, arguments: &RotateArguments) -> Result<Exit, Error> {
    let commons = Commons::load(root).map_err(Error::commons)?;
    let secrets = &commons.settings.secrets;
    let epoch = secrets.epoch + 1;
    let beside = secrets.pseudonym_key.strip_prefix("file:").map(Path::new);
    let beside = beside.map(|key| key.with_file_name(format!("persons-{epoch}.key")));
    let path = arguments.to.clone().or(beside).ok_or_else(|| {
        wrong("the pseudonym key is not in a file; say with `--to` where the new key goes")
    })?;
    if path.is_absolute() {
        return Err(wrong("name a file below the commons directory"));
    }
    let settings = root.join("antenne.toml");
    let failed = |act: &str, path: &Path| {
        let act = format!("{act} `{}`", path.display());
        move |source| Error::Act { act, source }
    };
    let before = fs::read_to_string(&settings).map_err(failed("read", &settings))?;
    let after = with_epoch(&before, epoch, &path).ok_or_else(|| {
        wrong("`antenne.toml` has no table `[secrets]` that can be edited; write it as one")
    })?;
    let target = root.join(&path);
    write_key(&target)?;
    fs::write(&settings, &after).map_err(failed("write", &settings))?;
    let is_read = Commons::load(root).is_ok_and(|commons| commons.settings.secrets.epoch == epoch);
    if !is_read {
        fs::write(&settings, before).map_err(failed("write", &settings))?;
        fs::remove_file(&target).map_err(failed("remove", &target))?;
        return Err(wrong(
            "`antenne.toml` cannot be edited; nothing was changed",
        ));
    }
    report::say(&format!(
        "epoch {epoch} begins; its key is `{}`: keep a copy where the old one has its own",
        path.display()
    ));
    report::say("next: antenne run, which writes all pages still held under it");
    Ok(Exit::Done)
}

/// Writes a new random key that only its owner can read.
pub(super) fn write_key(path: &Path) -> Result<(), Error> {
    let failed = |source| Error::Act {
        act: format!("write `{}`", path.display()),
        source,
    };
    let mut key = [0_u8; 32];
    getrandom::fill(&mut key)
        .map_err(|error| Error::Failed(format!("cannot make a random key: {error}")))?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    writeln!(file, "{}", hexadecimal(&key)).map_err(failed)?;
    file.sync_all().map_err(failed)
}

/// The settings with a new epoch and its key; `None` without a table of secrets.
fn with_epoch(settings: &str, epoch: u32, key: &Path) -> Option<String> {
    const SECRETS: &str = "[secrets]";
    const KEYS: &str = "[secrets.person_keys]";
    let mut lines: Vec<String> = settings.lines().map(str::to_owned).collect();
    let start = lines.iter().position(|line| line.trim() == SECRETS)?;
    let end = lines
        .iter()
        .skip(start + 1)
        .position(|line| line.trim().starts_with('['));
    let end = end.map_or(lines.len(), |end| start + 1 + end);
    let is_epoch = |line: &String| {
        let name = line.split('=').next().unwrap_or_default();
        name.trim() == "epoch"
    };
    let known = (start..end).find(|place| lines.get(*place).is_some_and(is_epoch));
    let line = format!("epoch = {epoch}");
    match known.and_then(|place| lines.get_mut(place)) {
        Some(known) => *known = line,
        None => lines.insert(start + 1, line),
    }
    let line = format!("{epoch} = \"file:{}\"", key.display());
    match lines.iter().position(|line| line.trim() == KEYS) {
        Some(place) => lines.insert(place + 1, line),
        None => lines.extend([String::new(), KEYS.to_owned(), line]),
    }
    Some(format!("{}\n", lines.join("\n")))
}

/// Destroys the key of an epoch.
fn destroy(root: &Path, epoch: u32) -> Result<Exit, Error> {
    let commons = Commons::load(root).map_err(Error::commons)?;
    let secrets = &commons.settings.secrets;
    if epoch == secrets.epoch {
        return Err(wrong(format!(
            "epoch {epoch} is the current one; begin another with `antenne key rotate` first"
        )));
    }
    let Some(reference) = secrets.person_keys.get(&epoch.to_string()) else {
        return Err(wrong(format!(
            "epoch {epoch} has no key of its own in `secrets.person_keys`; its persons are under `secrets.pseudonym_key`, which records need"
        )));
    };
    let Some(path) = reference.as_str().strip_prefix("file:") else {
        return Err(wrong(format!(
            "the key of epoch {epoch} is not in a file; destroy it where it is kept"
        )));
    };
    let path = root.join(path);
    let failed = |source| Error::Act {
        act: format!("destroy `{}`", path.display()),
        source,
    };
    if !path.exists() {
        report::say(&format!("the key of epoch {epoch} was destroyed before"));
        return Ok(Exit::Done);
    }
    let length = usize::try_from(fs::metadata(&path).map_err(failed)?.len()).unwrap_or_default();
    let mut file = File::options().write(true).open(&path).map_err(failed)?;
    file.write_all(&vec![b'0'; length]).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    fs::remove_file(&path).map_err(failed)?;
    report::say(&format!(
        "the key of epoch {epoch} is destroyed; destroy its copies too. Rows of pages that have expired keep its pseudonyms, which nobody can link any more"
    ));
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_written_into_the_settings_and_nothing_else_changes() {
        let before = "[lake]\nurl = \"lake\"\n\n[secrets]\n# the key\npseudonym_key = \"file:k\"\nepoch = 1\n\n[reference]\n";
        let once = with_epoch(before, 2, Path::new("s/p-2.key")).unwrap();
        assert_eq!(
            once,
            "[lake]\nurl = \"lake\"\n\n[secrets]\n# the key\npseudonym_key = \"file:k\"\nepoch = 2\n\n[reference]\n\n[secrets.person_keys]\n2 = \"file:s/p-2.key\"\n"
        );
        let twice = with_epoch(&once, 3, Path::new("s/p-3.key")).unwrap();
        assert!(
            twice.ends_with(
                "[secrets.person_keys]\n3 = \"file:s/p-3.key\"\n2 = \"file:s/p-2.key\"\n"
            )
        );
        assert!(twice.contains("epoch = 3\n"));
        assert_eq!(with_epoch("[lake]\n", 2, Path::new("k")), None);
        assert!(
            with_epoch("[secrets]\npseudonym_key = \"env:K\"\n", 2, Path::new("k"))
                .unwrap()
                .contains("[secrets]\nepoch = 2\n")
        );
    }
}
