//! The machine dies in the middle of a run: the lake can be read, and the next run ends with what
//! an undisturbed one would have made.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::commons::{Commons, files_below};
use crate::lake::{self, Table};

/// How often the process is killed.
const N_KILLS: usize = 50;

/// Commons in which it is killed, each as often as the others.
const N_COMMONS: usize = 10;

/// Threads that kill.
const N_THREADS: usize = 2;

/// Seed of the moments.
const SEED: u64 = 20_261_001;

/// How much later than the file the kill may come, in millionths of a second.
const LONGEST_MICROS: u64 = 40_000;

/// What an undisturbed run leaves.
struct Undisturbed {
    /// Tables of the lake.
    tables: BTreeMap<String, Table>,
    /// Files of the releases.
    releases: BTreeMap<String, Vec<u8>>,
    /// The ledger of releases.
    ledger: String,
    /// Files it writes, in all.
    n_files: usize,
}

/// When to kill: after so many files, and then a little later.
#[derive(Debug, Clone, Copy)]
struct Moment {
    /// Files written by then.
    n_files: usize,
    /// What is waited still.
    later: Duration,
}

/// What one kill met.
#[derive(Debug, Clone, Copy)]
struct Kill {
    /// Whether the process was still running.
    is_hit: bool,
    /// Tables with a commit at that moment.
    n_tables: usize,
}

#[test]
fn a_run_killed_at_any_moment_and_again_is_completed_by_the_next_one() {
    let origin = origin();
    let undisturbed = undisturbed(&origin);
    let next = AtomicUsize::new(0);
    let kills: Vec<Kill> = thread::scope(|scope| {
        let work = || kill_until_done(&origin, &undisturbed, &next);
        let threads: Vec<_> = (0..N_THREADS).map(|_| scope.spawn(work)).collect();
        let ended = threads.into_iter().map(|thread| thread.join().unwrap());
        ended.flatten().collect()
    });
    let hits = kills.iter().filter(|kill| kill.is_hit);
    let mut n_tables: Vec<usize> = hits.map(|kill| kill.n_tables).collect();
    n_tables.sort_unstable();
    let n_hits = n_tables.len();
    let all = undisturbed.tables.len();
    // Written past the test's own capture, so that whoever runs the suite sees it.
    writeln!(
        std::io::stderr(),
        "{n_hits} of {N_KILLS} kills hit a running process; of {all} tables there were {n_tables:?}"
    )
    .unwrap();
    assert_eq!(kills.len(), N_KILLS);
    assert!(n_hits * 10 >= N_KILLS * 9, "only {n_hits} kills hit");
}

/// A small commons. The two platforms that send workbooks are left out: to read those takes long
/// and writes nothing.
fn origin() -> Commons {
    let origin = Commons::with_exchanges(1500);
    for platform in ["bacheca_digitale", "welco"] {
        for folder in ["pipelines/sources", "sql/conformed"] {
            let files = files_below(&origin.path(folder));
            let its = files.iter().filter(|(name, _)| name.starts_with(platform));
            its.for_each(|(_, path)| fs::remove_file(path).unwrap());
        }
    }
    origin
}

/// Runs twice undisturbed, which must end alike.
fn undisturbed(origin: &Commons) -> Undisturbed {
    let [first, second] = [origin.twin(), origin.twin()];
    for twin in [&first, &second] {
        twin.antenne(&["run"]).expect_code(0);
    }
    let tables = lake::tables(&first.path("lake"));
    let again = lake::tables(&second.path("lake"));
    assert_eq!(lake::differences(&tables, &again), [""; 0]);
    Undisturbed {
        tables,
        releases: first.files("releases"),
        ledger: first.read("lake/releases.json"),
        n_files: n_files(&first),
    }
}

/// Files of the lake and of the releases, half-written ones too.
fn n_files(commons: &Commons) -> usize {
    let written = |folder| files_below(&commons.path(folder)).len();
    written("lake") + written("releases")
}

/// Takes one commons after the other until none is left.
fn kill_until_done(origin: &Commons, undisturbed: &Undisturbed, next: &AtomicUsize) -> Vec<Kill> {
    let mut kills = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= N_COMMONS {
            return kills;
        }
        // One moment of every fifth of the journey: each run gets further than the one before.
        let numbers = (number..N_KILLS).step_by(N_COMMONS);
        let moments: Vec<Moment> = numbers
            .map(|number| moment(number, undisturbed.n_files))
            .collect();
        kills.extend(kill_and_recover(origin, undisturbed, &moments));
    }
}

/// A moment drawn from one of so many equal parts of the journey. Progress is told by files and
/// not by the clock, because a busy machine would shift all moments to the beginning.
fn moment(number: usize, n_files: usize) -> Moment {
    let mut drawn = Drawn(SEED.wrapping_add(number as u64));
    let part = n_files.div_ceil(N_KILLS) as u64;
    let within = usize::try_from(drawn.next() % part).unwrap();
    Moment {
        n_files: (number * n_files / N_KILLS + within).min(n_files - 1),
        later: Duration::from_micros(drawn.next() % LONGEST_MICROS),
    }
}

/// Numbers drawn by splitmix64 (Steele, Lea and Flood 2014).
struct Drawn(u64);

impl Drawn {
    /// The next number.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Kills one run after the other in the same commons, looks at the lake after each, and lets the
/// last one end.
fn kill_and_recover(origin: &Commons, undisturbed: &Undisturbed, moments: &[Moment]) -> Vec<Kill> {
    let commons = origin.twin();
    let kills = moments.iter().map(|at| kill_and_look(&commons, *at));
    let kills = kills.collect();
    commons.antenne(&["run"]).expect_code(0);
    let tables = lake::tables(&commons.path("lake"));
    let differences = lake::differences(&undisturbed.tables, &tables);
    assert!(
        differences.is_empty(),
        "killed at {moments:?}: {differences:?}"
    );
    let releases = commons.files("releases");
    let is_same = releases == undisturbed.releases;
    assert!(is_same, "killed at {moments:?}: {:?}", releases.keys());
    let ledger = commons.read("lake/releases.json");
    assert_eq!(ledger, undisturbed.ledger, "killed at {moments:?}");
    kills
}

/// Kills a run and reads whatever it left.
fn kill_and_look(commons: &Commons, at: Moment) -> Kill {
    let status = kill(commons, at);
    let found = lake::tables(&commons.path("lake"));
    // Reads every row of every table.
    let n_tables = found.values().map(lake::sorted_rows).count();
    assert_readable(commons, at);
    Kill {
        is_hit: status.code().is_none(),
        n_tables,
    }
}

/// Starts a run and kills it at a moment.
fn kill(commons: &Commons, at: Moment) -> ExitStatus {
    let mut run = commons.command(&["run"]);
    let silent = run.stdout(Stdio::null()).stderr(Stdio::null());
    let mut run = silent.spawn().unwrap();
    while n_files(commons) < at.n_files && run.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(3));
    }
    thread::sleep(at.later);
    // A process that has already ended cannot be killed, and need not be.
    let _ended = run.kill();
    run.wait().unwrap()
}

/// The operator can ask for what is there, and is told plainly of what is not there yet.
fn assert_readable(commons: &Commons, at: Moment) {
    let sql = "select count(*) as n from conformed.exchanges";
    let answer = commons.antenne(&["query", "--private", sql]);
    let is_absent = answer.code == 2 && answer.said.contains("not found");
    let is_readable = answer.code == 0 || is_absent;
    assert!(is_readable, "killed at {at:?}: {}", answer.said);
    commons.antenne(&["status"]).expect_code(0);
}
