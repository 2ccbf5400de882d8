//! The machine dies in the middle of a run: the lake can be read, and the next run ends with what
//! an undisturbed one would have made.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::commons::Commons;
use crate::lake::{self, Table};

/// How often the process is killed.
const N_KILLS: usize = 50;

/// Threads that kill.
const N_THREADS: usize = 2;

/// Seed of the moments.
const SEED: u64 = 20_261_001;

/// What an undisturbed run leaves.
struct Undisturbed {
    /// How long it takes.
    duration: Duration,
    /// Tables of the lake.
    tables: BTreeMap<String, Table>,
    /// Files of the releases.
    releases: BTreeMap<String, Vec<u8>>,
    /// The ledger of releases.
    ledger: String,
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
fn a_run_killed_at_any_moment_is_completed_by_the_next_one() {
    let origin = Commons::with_exchanges(1500);
    let undisturbed = undisturbed(&origin);
    let next = AtomicUsize::new(0);
    let kills: Vec<Kill> = thread::scope(|scope| {
        let threads: Vec<_> = (0..N_THREADS)
            .map(|_| scope.spawn(|| kill_until_done(&origin, &undisturbed, &next)))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    let n_hits = kills.iter().filter(|kill| kill.is_hit).count();
    let mut n_tables: Vec<usize> = kills
        .iter()
        .filter(|kill| kill.is_hit)
        .map(|kill| kill.n_tables)
        .collect();
    n_tables.sort_unstable();
    writeln!(
        std::io::stderr(),
        "{n_hits} of {N_KILLS} kills hit a running process, an undisturbed run takes {:.1} s; tables of {} there at each: {n_tables:?}",
        undisturbed.duration.as_secs_f64(),
        undisturbed.tables.len()
    )
    .unwrap();
    assert_eq!(kills.len(), N_KILLS);
    assert!(
        n_hits * 5 >= N_KILLS * 3,
        "only {n_hits} of {N_KILLS} kills hit a running process"
    );
}

/// Runs undisturbed, as many at a time as there will be when they are killed.
fn undisturbed(origin: &Commons) -> Undisturbed {
    let clock = Instant::now();
    let twins: Vec<Commons> = thread::scope(|scope| {
        let run = || {
            let twin = origin.twin();
            twin.antenne(&["run"]).expect_code(0);
            twin
        };
        let threads: Vec<_> = (0..N_THREADS).map(|_| scope.spawn(run)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let duration = clock.elapsed();
    let first = twins.first().unwrap();
    let tables = lake::tables(&first.path("lake"));
    for twin in &twins {
        assert_eq!(
            lake::differences(&tables, &lake::tables(&twin.path("lake"))),
            [""; 0]
        );
    }
    Undisturbed {
        duration,
        tables,
        releases: first.files("releases"),
        ledger: first.read("lake/releases.json"),
    }
}

/// Takes one moment after the other until none is left.
fn kill_until_done(origin: &Commons, undisturbed: &Undisturbed, next: &AtomicUsize) -> Vec<Kill> {
    let mut kills = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= N_KILLS {
            return kills;
        }
        kills.push(kill_and_recover(
            origin,
            undisturbed,
            moment(number, undisturbed.duration),
        ));
    }
}

/// A moment drawn from one of so many equal parts of the duration.
fn moment(number: usize, duration: Duration) -> Duration {
    let number = u32::try_from(number).unwrap();
    let within = f64::from(drawn(u64::from(number))) / f64::from(u32::MAX);
    duration.mul_f64((f64::from(number) + within) / f64::from(u32::try_from(N_KILLS).unwrap()))
}

/// A number drawn by splitmix64 (Steele, Lea and Flood 2014), its upper half.
fn drawn(number: u64) -> u32 {
    let mut state = SEED.wrapping_add((number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    u32::try_from((state ^ (state >> 31)) >> 32).unwrap()
}

/// Kills a run after a while, looks at the lake, and runs again.
fn kill_and_recover(origin: &Commons, undisturbed: &Undisturbed, after: Duration) -> Kill {
    let commons = origin.twin();
    let status = kill(&commons, after);
    let n_tables = lake::tables(&commons.path("lake"))
        .values()
        .map(lake::sorted_rows)
        .count();
    is_readable(&commons, after);
    commons.antenne(&["run"]).expect_code(0);
    let tables = lake::tables(&commons.path("lake"));
    let differences = lake::differences(&undisturbed.tables, &tables);
    assert!(
        differences.is_empty(),
        "killed after {after:?}: {differences:?}"
    );
    let releases = commons.files("releases");
    assert!(
        releases == undisturbed.releases,
        "killed after {after:?}: the releases differ: {:?}",
        releases.keys()
    );
    assert_eq!(
        commons.read("lake/releases.json"),
        undisturbed.ledger,
        "killed after {after:?}"
    );
    Kill {
        is_hit: status.code().is_none(),
        n_tables,
    }
}

/// Starts a run and kills it after a while.
fn kill(commons: &Commons, after: Duration) -> ExitStatus {
    let mut run = commons.command(&["run"]);
    let mut run = run
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    thread::sleep(after);
    // A process that has already ended cannot be killed, and need not be.
    let _ended = run.kill();
    run.wait().unwrap()
}

/// The operator can ask for what is there, and is told plainly of what is not there yet.
fn is_readable(commons: &Commons, after: Duration) {
    let words = [
        "query",
        "--private",
        "select count(*) as n from conformed.exchanges",
        "--format",
        "csv",
    ];
    let answer = commons.antenne(&words);
    let is_absent = answer.code == 2
        && answer.said.contains("conformed.exchanges")
        && answer.said.contains("not found");
    assert!(
        answer.code == 0 || is_absent,
        "killed after {after:?}: {}",
        answer.said
    );
    commons.antenne(&["status"]).expect_code(0);
}
