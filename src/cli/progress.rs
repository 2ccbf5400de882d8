//! Progress: bars with rows, bytes and time left on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Talk, report};
use crate::context::{Progress, Total};

/// How often a plain line is written while nothing ends.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// Progress for whoever started the command.
pub(super) struct Terminal {
    /// What is going on now.
    current: Mutex<Option<Work>>,
    /// How it is shown.
    manner: Manner,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// A bar that is redrawn.
    Bar,
    /// Lines.
    Lines,
    /// Not at all.
    Silent,
}

/// A piece of work.
struct Work {
    /// Stage and item.
    label: String,
    /// How much there is.
    total: Total,
    /// Rows done.
    n_rows: u64,
    /// Bytes done.
    n_bytes: u64,
    /// When it began.
    began: Instant,
    /// When it was last spoken of.
    said: Instant,
    /// The bar, if there is one.
    bar: Option<ProgressBar>,
}

impl Terminal {
    /// Progress in the manner that suits standard error.
    pub(super) fn new(talk: Talk) -> Self {
        let manner = match talk {
            Talk::Quiet => Manner::Silent,
            Talk::Normal | Talk::Verbose if std::io::stderr().is_terminal() => Manner::Bar,
            Talk::Normal | Talk::Verbose => Manner::Lines,
        };
        Self {
            current: Mutex::new(None),
            manner,
        }
    }
}

impl Progress for Terminal {
    fn begin(&self, stage: &'static str, item: &str, total: Total) {
        let label = format!("{stage:<8} {item}");
        let bar = (self.manner == Manner::Bar).then(|| bar(&label, total));
        let now = Instant::now();
        let work = Work {
            label,
            total,
            n_rows: 0,
            n_bytes: 0,
            began: now,
            said: now,
            bar,
        };
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(work);
    }

    fn advance(&self, n_rows: u64, n_bytes: u64) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(work) = current.as_mut() else { return };
        work.n_rows += n_rows;
        work.n_bytes += n_bytes;
        if let Some(bar) = &work.bar {
            bar.set_position(work.position());
            bar.set_message(format!("{} rows", work.n_rows));
        } else if self.manner == Manner::Lines && work.said.elapsed() > PLAIN_INTERVAL {
            work.said = Instant::now();
            report::say(&format!("{}  {}", work.label, work.so_far()));
        }
    }

    fn end(&self, summary: &str) {
        let work = self
            .current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(work) = work else { return };
        if let Some(bar) = &work.bar {
            bar.finish_and_clear();
        }
        if self.manner != Manner::Silent {
            report::say(&format!("{}  {summary}", work.label));
        }
    }
}

impl Work {
    /// How far it is, in the unit of the total.
    fn position(&self) -> u64 {
        match self.total {
            Total::Bytes(_) => self.n_bytes,
            Total::Rows(_) | Total::Unknown => self.n_rows,
        }
    }

    /// How far it is, in words, with the time left where it can be told.
    fn so_far(&self) -> String {
        let done = format!("{} rows, {} bytes", self.n_rows, self.n_bytes);
        let (Total::Bytes(total) | Total::Rows(total)) = self.total else {
            return done;
        };
        let position = self.position();
        if position == 0 || total <= position {
            return done;
        }
        let elapsed_millis = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let left_secs = elapsed_millis.saturating_mul(total - position) / position / 1000;
        format!("{done}, {left_secs} s left")
    }
}

/// A bar for a piece of work.
fn bar(label: &str, total: Total) -> ProgressBar {
    let (bar, template) = match total {
        Total::Bytes(total) => (
            ProgressBar::new(total),
            "{prefix}  {bar:24} {bytes}/{total_bytes}  {msg}  {eta} left",
        ),
        Total::Rows(total) => (
            ProgressBar::new(total),
            "{prefix}  {bar:24} {pos}/{len}  {eta} left",
        ),
        Total::Unknown => (ProgressBar::new_spinner(), "{prefix}  {spinner} {msg}"),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_prefix(label.to_owned());
    bar
}
