//! What went wrong with an SFTP server.

use crate::stages::acquire::error::Remedy;

/// What went wrong with an SFTP server.
#[derive(Debug, thiserror::Error)]
pub enum SftpError {
    /// The server's key is not declared, so nobody can tell who answers.
    #[error(
        "the key of `{address}` is not pinned, and nothing was sent to it; it offers `{offered}`: have the platform confirm it, then write `host_key = \"{offered}\"` in `[server.sftp]`"
    )]
    Unpinned {
        /// Server.
        address: String,
        /// Fingerprint of the key it offers.
        offered: String,
    },
    /// The server has another key than the one declared.
    #[error(
        "`{address}` offers the key `{offered}`, which is not the `host_key` of `[server.sftp]`, and nothing was sent to it; have the platform confirm a change before you pin the new key"
    )]
    HostKey {
        /// Server.
        address: String,
        /// Fingerprint of the key it offers.
        offered: String,
    },
    /// The private key cannot be read.
    #[error(
        "the private key of `[server.sftp]` cannot be read: it must be in the format of OpenSSH or PEM, and its `passphrase` the right one"
    )]
    PrivateKey,
    /// The server refuses the login.
    #[error(
        "`{address}` refuses the login of `{user}`; check `user`, `password` and `private_key` of `[server.sftp]`"
    )]
    Login {
        /// Server.
        address: String,
        /// Account.
        user: String,
    },
    /// The server cannot be reached.
    #[error("cannot connect to `{address}`; check `[server.sftp]` of the pipeline")]
    Connect {
        /// Server.
        address: String,
        /// Why not.
        #[source]
        source: Box<russh::Error>,
    },
    /// The server speaks SSH but not SFTP.
    #[error("`{address}` offers no SFTP")]
    NoSftp {
        /// Server.
        address: String,
        /// Why not.
        #[source]
        source: Box<russh_sftp::client::error::Error>,
    },
    /// The server does not answer.
    #[error(
        "`{address}` did not answer within {seconds} s; see to the server, or raise `timeout` of `[server.sftp]`"
    )]
    Timeout {
        /// Server.
        address: String,
        /// Seconds.
        seconds: u64,
    },
    /// A folder cannot be listed.
    #[error("cannot list `{path}` on the server; check `path` of `fetch.sftp`")]
    List {
        /// Folder.
        path: String,
        /// Why not.
        #[source]
        source: Box<russh_sftp::client::error::Error>,
    },
    /// No file matches.
    #[error("nothing on the server matches `{path}`; check `path` of `fetch.sftp`")]
    Nothing {
        /// Path as declared.
        path: String,
    },
    /// A file cannot be read.
    #[error("cannot read `{path}` on the server")]
    Read {
        /// Path of the file.
        path: String,
        /// Why not.
        #[source]
        source: Box<russh_sftp::client::error::Error>,
    },
    /// Reading ended before the end of the file.
    #[error("of `{path}` came {found} bytes, and the server says it has {expected}; run again")]
    Cut {
        /// Path of the file.
        path: String,
        /// Bytes that came.
        found: u64,
        /// Bytes it has.
        expected: u64,
    },
    /// The file changed while it was read.
    #[error(
        "`{path}` changed while it was read; have the platform write it under another name and rename it when it is whole"
    )]
    Changed {
        /// Path of the file.
        path: String,
    },
}

impl SftpError {
    /// How much is worth beginning anew: a file that broke off. A connection or a listing has been
    /// tried enough.
    pub(in crate::stages::acquire) fn remedy(&self) -> Remedy {
        let is_of_file = matches!(
            self,
            Self::Read { .. } | Self::Cut { .. } | Self::Changed { .. } | Self::Timeout { .. }
        );
        if is_of_file && self.is_transient() {
            Remedy::Page
        } else {
            Remedy::None
        }
    }

    /// Whether trying again later may help.
    pub(in crate::stages::acquire) fn is_transient(&self) -> bool {
        match self {
            // Someone must confirm a key, or change the pipeline or the server first.
            Self::Unpinned { .. }
            | Self::HostKey { .. }
            | Self::PrivateKey
            | Self::Login { .. }
            | Self::NoSftp { .. }
            | Self::Nothing { .. } => false,
            // A file or folder that may not be read stays so; broken connections do not.
            Self::List { source, .. } | Self::Read { source, .. } => {
                !matches!(**source, russh_sftp::client::error::Error::Status(_))
            }
            Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::Cut { .. }
            | Self::Changed { .. } => true,
        }
    }
}
