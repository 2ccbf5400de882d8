//! How long is waited: between requests, and before a request is sent again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use tokio::time::{Instant, sleep_until};

use crate::spec::fetch::Limits;
use crate::stages::acquire::transport::Request;

/// The longest wait that this client chooses itself.
const LONGEST: Duration = Duration::from_mins(1);

/// The pace of the requests to one service.
pub(super) struct Pace {
    /// Time between the beginnings of two requests.
    interval: Duration,
    /// When the next request may begin.
    next: Option<Instant>,
    /// Wait before the second attempt.
    first_wait: Duration,
    /// Draws the part of a wait that is left out.
    draw: ChaCha8Rng,
    /// When the run started, for servers that do not say what time it is.
    started_at: DateTime<Utc>,
}

impl Pace {
    /// The pace that the limits allow; what is drawn depends on run and table alone.
    pub(super) fn new(limits: &Limits, request: &Request<'_>) -> Self {
        let name = format!("{}.{} {}", request.platform, request.table, request.run);
        Self {
            interval: Duration::from_mins(1) / limits.per_minute.max(1),
            next: None,
            first_wait: limits.first_wait.duration(),
            draw: ChaCha8Rng::from_seed(*blake3::hash(name.as_bytes()).as_bytes()),
            started_at: request.started_at,
        }
    }

    /// Waits until the next request may begin; an error if that is after the deadline.
    pub(super) async fn wait(&mut self, deadline: Instant) -> Result<(), ()> {
        let now = Instant::now();
        let next = self.next.unwrap_or(now).max(now);
        if next >= deadline {
            return Err(());
        }
        sleep_until(next).await;
        self.next = Some(next + self.interval);
        Ok(())
    }

    /// The wait after the given attempt: doubled each time, between half and all of it.
    pub(super) fn backoff(&mut self, attempt: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1));
        let most = self.first_wait.saturating_mul(doubled).min(LONGEST);
        most.mul_f64(self.draw.random_range(0.5..=1.0))
    }

    /// The wait that the server asks for, as seconds or as a date by the server's own clock.
    pub(super) fn asked_wait(&self, headers: &HeaderMap) -> Option<Duration> {
        let text = |name| headers.get(name)?.to_str().ok();
        let asked = text(RETRY_AFTER)?.trim();
        if let Ok(seconds) = asked.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let moment = |text: &str| DateTime::parse_from_rfc2822(text).ok();
        let now = text(DATE).and_then(moment);
        let now = now.map_or(self.started_at, |now| now.to_utc());
        let until = moment(asked)?.to_utc();
        Some((until - now).to_std().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    /// A pace of ten requests a second.
    fn pace() -> Pace {
        Pace {
            interval: Duration::from_millis(100),
            next: None,
            first_wait: Duration::from_secs(1),
            draw: ChaCha8Rng::seed_from_u64(7),
            started_at: DateTime::from_timestamp(1_780_000_000, 0).unwrap(),
        }
    }

    /// The wait asked for by some header fields.
    fn asked(fields: &[(reqwest::header::HeaderName, &'static str)]) -> Option<Duration> {
        let fields = fields.iter().cloned();
        let headers = fields.map(|(name, value)| (name, HeaderValue::from_static(value)));
        pace().asked_wait(&headers.collect())
    }

    #[test]
    fn a_wait_doubles_and_ends_at_a_minute() {
        let mut pace = pace();
        for (attempt, most) in [(1, 1), (2, 2), (3, 4), (7, 60), (40, 60)] {
            let wait = pace.backoff(attempt);
            let most = Duration::from_secs(most);
            assert!(wait >= most / 2 && wait <= most, "{attempt}: {wait:?}");
        }
    }

    #[test]
    fn the_same_run_waits_the_same() {
        let waits = |mut pace: Pace| (1..9).map(|n| pace.backoff(n)).collect::<Vec<_>>();
        assert_eq!(waits(pace()), waits(pace()));
    }

    #[test]
    fn a_server_asks_for_seconds_or_for_a_date_of_its_own_clock() {
        assert_eq!(asked(&[]), None);
        let seconds = asked(&[(RETRY_AFTER, "120")]);
        assert_eq!(seconds, Some(Duration::from_mins(2)));
        let dated = asked(&[
            (DATE, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (RETRY_AFTER, "Sun, 06 Nov 1994 08:50:07 GMT"),
        ]);
        assert_eq!(dated, Some(Duration::from_secs(30)));
        let past = asked(&[(RETRY_AFTER, "Sun, 06 Nov 1994 08:50:07 GMT")]);
        assert_eq!(past, Some(Duration::ZERO));
        assert_eq!(asked(&[(RETRY_AFTER, "soon")]), None);
    }
}
