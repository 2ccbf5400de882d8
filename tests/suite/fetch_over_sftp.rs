//! An operator takes the files that a platform leaves on its SFTP server.
//!
//! The contract of every transport, over the machine's own `sshd`.

use std::fmt::Write;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::servers::neighbors::{Neighbors, Origin, notes};
use crate::servers::proxy::{self, Verdict};
use crate::servers::sftp::{self, Sftp};

/// Favors as a file: the notes are made long, so that a file takes many packets.
fn export(ids: impl IntoIterator<Item = u32>) -> String {
    let mut text = "id;versione;data;scritto;chi;ore;nota;resto\n".to_owned();
    let rest = "x".repeat(300);
    for id in ids {
        writeln!(
            text,
            "{id};1;2026-02-01;2026-02-01T10:00:00Z;V{};1.5;favore {id:03};{rest}",
            id % 7
        )
        .unwrap();
    }
    text
}

/// Favors from the files of a server.
fn origin_at(sftp: &Sftp, servers: String) -> Origin {
    Origin {
        servers,
        favori: format!(
            "fetch.sftp = {{ path = \"{}\" }}\nformat.csv = {{ delimiter = \";\" }}",
            sftp.pattern("favori-*.csv")
        ),
        esiti: None,
    }
}

/// A server and a platform that takes its files, if the tools are there.
fn platform() -> Option<(Sftp, Neighbors)> {
    let sftp = sftp::start()?;
    let neighbors = with_key(&sftp, "user");
    Some((sftp, neighbors))
}

/// A platform that opens the server with a key.
fn with_key(sftp: &Sftp, key: &str) -> Neighbors {
    let secrets = vec![(sftp::VARIABLE, sftp.key(key))];
    Neighbors::new(&origin_at(sftp, sftp.declared()), secrets)
}

#[test]
fn files_come_in_the_order_of_their_names_and_others_are_left() {
    let Some((sftp, neighbors)) = platform() else {
        return;
    };
    for (name, ids) in [
        ("favori-2.csv", 4..=7),
        ("favori-1.csv", 1..=3),
        ("altro.csv", 8..=9),
    ] {
        sftp.write(name, export(ids));
    }
    fs::create_dir(sftp.path("favori-dir.csv")).unwrap();
    neighbors.pull();
    assert_eq!(neighbors.book("favori"), [7, 7, 0, 0, 0]);
    assert_eq!(neighbors.notes(), notes(1..=7));
    assert_eq!(neighbors.pages().len(), 2);
}

#[test]
fn an_empty_file_has_no_records_and_one_row_is_one_record() {
    let Some((sftp, neighbors)) = platform() else {
        return;
    };
    sftp.write("favori-1.csv", export([]));
    neighbors.pull();
    assert_eq!(neighbors.book("favori"), [0; 5]);
    sftp.write("favori-2.csv", export([1]));
    neighbors.pull();
    assert_eq!(neighbors.book("favori"), [1, 1, 0, 0, 0]);
}

#[test]
fn a_file_that_has_not_changed_is_not_read_and_one_that_is_gone_stays() {
    let Some((sftp, neighbors)) = platform() else {
        return;
    };
    sftp.write("favori-1.csv", export(1..=3));
    sftp.write("favori-2.csv", export(4..=7));
    neighbors.pull();
    let (pages, lake) = (neighbors.pages(), neighbors.lake());
    // Only the bytes of a listing and of the look at each file come.
    let n_bytes = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&n_bytes);
    let port = proxy::through(sftp.port(), move |_, so_far| {
        counted.store(so_far, Ordering::Relaxed);
        Verdict::Pass
    });
    sftp.write("favori-1.csv", export((1..=3).chain(100..=900)));
    sftp.write("favori-1.csv", export(1..=3));
    let host_key = format!("host_key = \"{}\"\n", sftp.fingerprint("host"));
    neighbors.declare(&origin_at(&sftp, Sftp::declared_at(port, &host_key)));
    neighbors.pull();
    assert_eq!((neighbors.pages(), neighbors.lake()), (pages, lake));
    assert!(n_bytes.load(Ordering::Relaxed) < 20_000);
    fs::remove_file(sftp.path("favori-1.csv")).unwrap();
    sftp.write("favori-2.csv", export(4..=8));
    neighbors.pull();
    assert_eq!(neighbors.notes(), notes(1..=8));
}

#[test]
fn a_page_that_is_broken_is_kept_and_its_records_are_rejected_with_a_reason() {
    let Some((sftp, neighbors)) = platform() else {
        return;
    };
    let broken = export(1..=5)
        .replace("2;1;2026-02-01", "2;1;domani")
        .replace("V3;1.5", "V3");
    sftp.write("favori-1.csv", broken);
    neighbors.pull();
    assert_eq!(neighbors.book("favori"), [5, 3, 2, 0, 0]);
}

#[test]
fn a_connection_that_breaks_is_made_again() {
    let Some((sftp, neighbors)) = platform() else {
        return;
    };
    sftp.write("favori-1.csv", export(1..=900));
    let port = proxy::through(sftp.port(), |number, n_bytes| match number {
        0 => Verdict::Cut,
        1 if n_bytes > 60_000 => Verdict::Cut,
        _ => Verdict::Pass,
    });
    let host_key = format!("host_key = \"{}\"\n", sftp.fingerprint("host"));
    neighbors.declare(&origin_at(&sftp, Sftp::declared_at(port, &host_key)));
    neighbors.pull();
    assert_eq!(neighbors.book("favori"), [900, 900, 0, 0, 0]);
}

#[test]
fn a_file_that_never_comes_whole_leaves_nothing_and_the_next_run_has_it() {
    let Some((sftp, neighbors)) = platform() else {
        return;
    };
    sftp.write("favori-1.csv", export(1..=900));
    let port = proxy::through(sftp.port(), |_, n_bytes| {
        if n_bytes > 60_000 {
            Verdict::Cut
        } else {
            Verdict::Pass
        }
    });
    let host_key = format!("host_key = \"{}\"\n", sftp.fingerprint("host"));
    let quick = Sftp::declared_at(port, &host_key) + "attempts = 2\ntimeout = \"5s\"\n";
    neighbors.declare(&origin_at(&sftp, quick));
    let answer = neighbors.acquire().expect_code(4);
    assert!(answer.said.contains("favori-1.csv"), "{}", answer.said);
    assert!(
        neighbors
            .lake()
            .iter()
            .all(|path| !path.contains("pages/vicini"))
    );
    neighbors.declare(&origin_at(&sftp, sftp.declared()));
    neighbors.pull();
    assert_eq!(neighbors.book("favori"), [900, 900, 0, 0, 0]);
}

#[test]
fn a_run_that_is_killed_in_the_midst_of_a_file_is_made_up_for_by_the_next() {
    let Some((sftp, neighbors)) = platform() else {
        return;
    };
    sftp.write("favori-1.csv", export(1..=3));
    sftp.write("favori-2.csv", export(4..=900));
    let (told, tell) = std::sync::mpsc::channel();
    let told = Mutex::new(told);
    let port = proxy::through(sftp.port(), move |_, n_bytes| {
        if n_bytes < 60_000 {
            return Verdict::Pass;
        }
        told.lock().unwrap().send(()).unwrap();
        Verdict::Hang
    });
    let host_key = format!("host_key = \"{}\"\n", sftp.fingerprint("host"));
    neighbors.declare(&origin_at(&sftp, Sftp::declared_at(port, &host_key)));
    let mut child = neighbors.spawn_acquire();
    tell.recv().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    neighbors.declare(&origin_at(&sftp, sftp.declared()));
    neighbors.pull();
    assert_eq!(neighbors.book("favori"), [900, 900, 0, 0, 0]);
}

#[test]
fn a_file_that_changes_while_it_is_read_is_read_once_more() {
    let Some((sftp, neighbors)) = platform() else {
        return;
    };
    sftp.write("favori-1.csv", export(1..=800));
    let path = sftp.path("favori-1.csv");
    let is_changed = AtomicUsize::new(0);
    let port = proxy::through(sftp.port(), move |_, n_bytes| {
        if n_bytes > 60_000 && is_changed.swap(1, Ordering::Relaxed) == 0 {
            fs::write(&path, export(1..=850)).unwrap();
        }
        Verdict::Pass
    });
    let host_key = format!("host_key = \"{}\"\n", sftp.fingerprint("host"));
    neighbors.declare(&origin_at(&sftp, Sftp::declared_at(port, &host_key)));
    neighbors.pull();
    assert_eq!(neighbors.book("favori"), [850, 850, 0, 0, 0]);
}

#[test]
fn a_file_larger_than_what_is_held_in_memory_comes_in_pieces() {
    let Some((sftp, neighbors)) = platform() else {
        return;
    };
    // Beyond 16 MiB; the first connection breaks off in the midst of it.
    sftp.write("favori-1.csv", export(1..=60_000));
    let port = proxy::through(sftp.port(), |number, n_bytes| {
        if number == 0 && n_bytes > 4_000_000 {
            Verdict::Cut
        } else {
            Verdict::Pass
        }
    });
    let host_key = format!("host_key = \"{}\"\n", sftp.fingerprint("host"));
    neighbors.declare(&origin_at(&sftp, Sftp::declared_at(port, &host_key)));
    neighbors.acquire().expect_code(0);
    let counted = neighbors.rows("select n_records from acquired.page_list where platform = 'vicini' and n_records is not null");
    assert_eq!(counted, ["60000"]);
}

#[test]
fn a_server_whose_key_is_not_the_pinned_one_is_told_nothing() {
    let Some((mut sftp, neighbors)) = platform() else {
        return;
    };
    sftp.write("favori-1.csv", export(1..=3));
    let (ours, other) = (sftp.fingerprint("host"), sftp.fingerprint("other_host"));
    let declare = |host_key: &str| {
        let servers = Sftp::declared_at(sftp.port(), host_key);
        neighbors.declare(&origin_at(&sftp, servers));
    };
    declare("");
    let unpinned = neighbors.acquire().expect_code(4).said;
    assert!(
        unpinned.contains(&format!("host_key = \"{ours}\"")),
        "{unpinned}"
    );
    for pinned in [
        sftp.host_key(),
        format!("127.0.0.1 {}", sftp.host_key()),
        ours,
    ] {
        declare(&format!("host_key = \"{pinned}\"\n"));
        neighbors.acquire().expect_code(0);
    }
    sftp.change_host_key();
    let changed = neighbors.acquire().expect_code(4).said;
    assert!(
        changed.contains(&other) && changed.contains("confirm"),
        "{changed}"
    );
}

#[test]
fn a_login_that_is_refused_names_the_account_and_no_secret() {
    let Some((sftp, _)) = platform() else {
        return;
    };
    sftp.write("favori-1.csv", export(1..=3));
    let stranger = with_key(&sftp, "stranger");
    let said = stranger.acquire().expect_code(4).said;
    assert!(said.contains("refuses the login"), "{said}");
    let secrets = vec![(sftp::VARIABLE, "parola-sbagliata".to_owned())];
    let neighbors = Neighbors::new(&origin_at(&sftp, sftp.declared()), secrets.clone());
    let said = neighbors.acquire().expect_code(4).said;
    assert!(
        said.contains("private key") && !said.contains("parola-sbagliata"),
        "{said}"
    );
    let servers = sftp.declared().replace("private_key", "password");
    let neighbors = Neighbors::new(&origin_at(&sftp, servers), secrets);
    let said = neighbors.acquire().expect_code(4).said;
    assert!(
        said.contains("refuses the login") && !said.contains("parola-sbagliata"),
        "{said}"
    );
}

#[test]
fn a_key_of_another_kind_or_with_a_passphrase_opens_the_server_too() {
    let Some((sftp, _)) = platform() else {
        return;
    };
    sftp.write("favori-1.csv", export(1..=3));
    with_key(&sftp, "rsa").acquire().expect_code(0);
    let said = with_key(&sftp, "locked").acquire().expect_code(4).said;
    assert!(said.contains("passphrase"), "{said}");
    let variable = "TEST_SFTP_PASSPHRASE";
    let servers = format!("{}passphrase = \"env:{variable}\"\n", sftp.declared());
    let secrets = vec![
        (sftp::VARIABLE, sftp.key("locked")),
        (variable, sftp::PASSPHRASE.to_owned()),
    ];
    let neighbors = Neighbors::new(&origin_at(&sftp, servers), secrets);
    neighbors.acquire().expect_code(0);
    let lake = neighbors.commons.files("");
    let passphrase = sftp::PASSPHRASE.as_bytes();
    let holds = |bytes: &Vec<u8>| {
        bytes
            .windows(passphrase.len())
            .any(|part| part == passphrase)
    };
    assert!(!lake.values().any(holds), "no secret lies in the commons");
}

#[test]
fn a_server_or_file_that_is_not_there_is_named() {
    let Some((sftp, neighbors)) = platform() else {
        return;
    };
    let said = neighbors.acquire().expect_code(4).said;
    assert!(said.contains("nothing on the server matches"), "{said}");
    let quick = sftp
        .declared()
        .replace(&format!("port = {}", sftp.port()), "port = 1");
    neighbors.declare(&origin_at(&sftp, quick + "attempts = 1\n"));
    let said = neighbors.acquire().expect_code(4).said;
    assert!(said.contains("cannot connect to `127.0.0.1:1`"), "{said}");
    let hanging = proxy::through(sftp.port(), |_, _| Verdict::Hang);
    let host_key = format!("host_key = \"{}\"\n", sftp.fingerprint("host"));
    let hanging = Sftp::declared_at(hanging, &host_key) + "attempts = 1\ntimeout = \"300ms\"\n";
    neighbors.declare(&origin_at(&sftp, hanging));
    let said = neighbors.acquire().expect_code(4).said;
    assert!(said.contains("did not answer"), "{said}");
}
