//! What happens on a platform in a month, before any platform writes it down its own way: who
//! asks or offers what, where, and what becomes of it by the day of the extract.

use super::calendar::{Calendar, EXTRACT, Instant, N_MONTHS};
use super::decoys::{Lateness, lateness};
use super::draw::Draw;
use super::geography::District;
use super::numbers::whole;
use super::people::{Pools, Profile, profile};
use super::planted::{GapKind, gap_of, new_tags, rate_ratio};
use super::scenario::{Audience, Platform};
use super::texts::phrase;

/// Whether somebody asks or offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Somebody asks.
    Demand,
    /// Somebody offers.
    Offer,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// A need of the platform, by its index.
    Known(usize),
    /// The drawer for everything else.
    Other,
    /// A word nobody has used before.
    New(&'static str),
}

/// Where an exchange stands on the day of the extract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Waiting.
    Requested,
    /// Somebody was found.
    Matched,
    /// Under way.
    Active,
    /// Done.
    Completed,
    /// Withdrawn.
    Cancelled,
    /// Nobody was found in time.
    Expired,
    /// Turned down.
    Refused,
    /// Given up because of the price.
    TooExpensive,
}

/// What became of a request, by day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    /// Where it stands.
    pub(crate) state: State,
    /// When somebody was found.
    pub(crate) matched: Option<usize>,
    /// When help began.
    pub(crate) started: Option<usize>,
    /// When it ended, well or not.
    pub(crate) ended: Option<usize>,
}

/// A request or offer, not yet written.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Asked or offered.
    pub(crate) side: Side,
    /// What.
    pub(crate) word: Word,
    /// The district's index on its platform.
    pub(crate) district: usize,
    /// The place's index in its district.
    pub(crate) place: usize,
    /// When.
    pub(crate) requested: Instant,
    /// When the platform wrote it down.
    pub(crate) recorded: Instant,
    /// Who.
    pub(crate) person: usize,
    /// The person's traits.
    pub(crate) profile: Profile,
    /// Who helped, or was helped, and the place they live in.
    pub(crate) counterpart: Option<(usize, usize)>,
    /// What became of it.
    pub(crate) outcome: Outcome,
    /// Whether somebody filed it for the person.
    pub(crate) is_assisted: bool,
    /// Whether the task is a complex one.
    pub(crate) is_complex: bool,
    /// Hours planned, in halves.
    pub(crate) half_hours: usize,
    /// How well it went, 0 to 4, if the person said so.
    pub(crate) feedback: Option<usize>,
    /// Free text.
    pub(crate) text: Option<String>,
    /// A tag.
    pub(crate) tag: Option<&'static str>,
}

/// What is about to be asked or offered.
#[derive(Debug, Clone, Copy)]
struct Wish {
    /// Asked or offered.
    side: Side,
    /// What.
    word: Word,
    /// Where.
    district: usize,
    /// The month, from 0.
    month: usize,
}

/// A platform's life, month by month.
#[derive(Debug)]
pub(crate) struct Life<'a> {
    /// The platform.
    platform: &'static Platform,
    /// Its districts, in the platform's order.
    districts: Vec<&'a District>,
    /// The people.
    pub(crate) pools: Pools,
    /// The days.
    calendar: &'a Calendar,
    /// How many exchanges the whole sample should have.
    n_exchanges: f64,
    /// Its stream of chance.
    pub(crate) draw: Draw,
}

impl<'a> Life<'a> {
    /// The life of a platform in its districts.
    pub(crate) fn new(
        platform: &'static Platform,
        districts: Vec<&'a District>,
        calendar: &'a Calendar,
        (n_exchanges, seed): (f64, u64),
    ) -> Self {
        Self {
            platform,
            pools: Pools::new(platform, &districts, n_exchanges),
            districts,
            calendar,
            n_exchanges,
            draw: Draw::new(seed, platform.stream),
        }
    }

    /// Everything asked and offered in a month and known at the extract, in the order of time.
    pub(crate) fn month(&mut self, month: usize) -> Vec<Request> {
        let mut wishes = Vec::new();
        for district in 0..self.districts.len() {
            for need in 0..self.platform.needs.len() {
                self.wish_for_known((district, need), month, &mut wishes);
            }
            for (plan, mean) in new_tags(self.platform, district, (month, self.n_exchanges)) {
                let wish = Wish {
                    side: Side::Demand,
                    word: Word::New(plan.label),
                    district,
                    month,
                };
                wishes.extend(std::iter::repeat_n(wish, self.draw.poisson(mean)));
            }
        }
        let mut requests: Vec<Request> =
            wishes.into_iter().map(|wish| self.request(wish)).collect();
        requests.retain(|request| request.recorded.day < EXTRACT);
        requests.sort_by_key(|request| (request.requested, request.person));
        requests
    }

    /// The wishes of one known need of one district, about one in a hundred in other words.
    fn wish_for_known(&mut self, cell: (usize, usize), month: usize, wishes: &mut Vec<Wish>) {
        let noise = self.draw.log_normal(1.0, 0.06);
        let normal = self.platform.expected(self.n_exchanges, cell, month) * noise;
        let n_asked = self
            .draw
            .poisson(normal * rate_ratio(self.platform, cell, month));
        for _ in 0..n_asked {
            let word = if self.draw.chance(0.01) {
                Word::Other
            } else {
                Word::Known(cell.1)
            };
            wishes.push(Wish {
                side: Side::Demand,
                word,
                district: cell.0,
                month,
            });
        }
        if self.gap_kind(cell, month) != Some(GapKind::NoOffer) {
            let n_offered = self.draw.poisson(normal * self.platform.offers);
            let word = Word::Known(cell.1);
            let wish = Wish {
                side: Side::Offer,
                word,
                district: cell.0,
                month,
            };
            wishes.extend(std::iter::repeat_n(wish, n_offered));
        }
    }

    /// The kind of gap a cell has in a month.
    fn gap_kind(&self, cell: (usize, usize), month: usize) -> Option<GapKind> {
        gap_of(self.platform, cell, month).map(|gap| gap.kind)
    }

    /// A wish with a person, a day and an end.
    fn request(&mut self, wish: Wish) -> Request {
        let place = self.draw.weighted(&self.districts[wish.district].running);
        let at = (wish.district, place);
        let audience = self.audience(wish);
        let person = self.pools.person(at, audience, wish.month, &mut self.draw);
        let traits = profile(person, self.pools.audience(at, person));
        let requested = self.moment(wish.month);
        let recorded = self.recorded(wish, requested);
        let is_assisted = self.draw.chance(if traits.network == "assente" {
            0.3
        } else {
            0.13
        });
        let outcome = match wish.side {
            Side::Demand => self.outcome(wish, requested.day, (traits, is_assisted)),
            Side::Offer => self.taken(requested.day),
        };
        let counterpart = outcome.matched.map(|_| self.counterpart(at, person));
        let is_done = outcome.state == State::Completed;
        let says = is_done && self.draw.chance(0.45);
        Request {
            side: wish.side,
            word: wish.word,
            district: wish.district,
            place,
            requested,
            recorded,
            person,
            profile: traits,
            counterpart,
            outcome,
            is_assisted,
            is_complex: self.draw.chance(0.25),
            half_hours: self.draw.between(2, 16),
            feedback: says.then(|| 4 - self.draw.geometric(0.55).min(4)),
            text: self
                .draw
                .chance(0.08)
                .then(|| phrase(&mut self.draw).to_owned()),
            tag: self.tag(wish),
        }
    }

    /// Who asks for this: the need's audience, or anybody who offers.
    fn audience(&mut self, wish: Wish) -> Audience {
        match (wish.word, wish.side) {
            (Word::Known(need), Side::Demand) => self.platform.needs[need].audience,
            (Word::New(_) | Word::Other, _) => Audience::Elders,
            (Word::Known(_), Side::Offer) => {
                *self
                    .draw
                    .pick(&[Audience::Elders, Audience::Families, Audience::Adults])
            }
        }
    }

    /// The tag written with a wish: always for a new word, now and then otherwise.
    fn tag(&mut self, wish: Wish) -> Option<&'static str> {
        match wish.word {
            Word::New(label) => Some(label),
            Word::Known(need) => self.draw.chance(0.2).then(|| self.platform.needs[need].tag),
            Word::Other => None,
        }
    }

    /// A moment of the month, in waking hours.
    fn moment(&mut self, month: usize) -> Instant {
        let day = self.calendar.start(month) + self.draw.below(self.calendar.length(month));
        Instant {
            day,
            second: self.draw.between(7 * 3600, 21 * 3600),
        }
    }

    /// When the platform writes it down: mostly within days, now and then weeks later, unless the
    /// district is a late one.
    fn recorded(&mut self, wish: Wish, requested: Instant) -> Instant {
        let late = lateness(self.platform, (wish.district, wish.month));
        if let Some(late) = late {
            return self.recorded_late(late, requested.day);
        }
        let weeks = if self.draw.chance(0.03) {
            self.draw.between(7, 45)
        } else {
            0
        };
        let days = self.draw.geometric(0.45) + weeks;
        let second = if days == 0 {
            requested.second
        } else {
            8 * 3600
        };
        Instant {
            day: requested.day + days,
            second: second + self.draw.below(2 * 3600),
        }
    }

    /// When a late district writes it down.
    fn recorded_late(&mut self, late: Lateness, requested: usize) -> Instant {
        let day = match late {
            Lateness::InMonth(month) => {
                self.calendar.start(month) + self.draw.below(self.calendar.length(month))
            }
            Lateness::Weeks => requested + self.draw.between(21, 70),
        };
        Instant {
            day,
            second: 8 * 3600 + self.draw.below(2 * 3600),
        }
    }

    /// What becomes of a request.
    fn outcome(&mut self, wish: Wish, day: usize, person: (Profile, bool)) -> Outcome {
        let gap = match wish.word {
            Word::Known(need) => gap_of(self.platform, (wish.district, need), wish.month),
            Word::Other | Word::New(_) => None,
        };
        let kind = gap.map(|plan| plan.kind);
        if self.draw.chance(0.04) {
            let ended = day + 1 + self.draw.geometric(0.15);
            return closed(State::Cancelled, ended);
        }
        let unmet = match (gap, kind) {
            (Some(plan), Some(GapKind::Unmet)) => plan.size,
            (Some(_), Some(GapKind::NoOffer)) => 1.0,
            _ => usual_unmet(wish.word, person),
        };
        if self.draw.chance(unmet) {
            let ended = day + 12 + whole(self.draw.log_normal(14.0, 0.5));
            return closed(self.unmet_state(), ended);
        }
        let factor = match (gap, kind) {
            (Some(plan), Some(GapKind::LongWait)) => plan.size,
            _ => 1.0,
        };
        let wait = self.draw.log_normal(6.0 * factor, 0.7);
        self.helped(day + whole(wait))
    }

    /// How a request ends that nobody answers; where nothing has a price nobody gives up for it.
    fn unmet_state(&mut self) -> State {
        let share = self.draw.unit();
        if share < 0.6 {
            State::Expired
        } else if share < 0.85
            || self.platform.offers > 0.0 && self.platform.name != "bacheca_digitale"
        {
            State::Refused
        } else {
            State::TooExpensive
        }
    }

    /// Whether and when an offer is taken.
    fn taken(&mut self, day: usize) -> Outcome {
        if self.draw.chance(0.35) {
            return closed(State::Expired, day + 60);
        }
        let wait = self.draw.log_normal(9.0, 0.8);
        self.helped(day + whole(wait))
    }

    /// Help from the day somebody was found, as far as it has come by the extract.
    fn helped(&mut self, matched: usize) -> Outcome {
        let started = matched + 1 + self.draw.geometric(0.25);
        let ended = started + 1 + whole(self.draw.log_normal(18.0, 0.8));
        let is_broken_off = self.draw.chance(0.04);
        let happened = |day: usize| (day < EXTRACT).then_some(day);
        let state = match (happened(matched), happened(started), happened(ended)) {
            (None, _, _) => State::Requested,
            (Some(_), None, _) => State::Matched,
            (Some(_), Some(_), None) => State::Active,
            (Some(_), Some(_), Some(_)) if is_broken_off => State::Cancelled,
            (Some(_), Some(_), Some(_)) => State::Completed,
        };
        Outcome {
            state,
            matched: happened(matched),
            started: happened(started),
            ended: happened(ended),
        }
    }

    /// The other person, never the same one.
    fn counterpart(&mut self, at: (usize, usize), person: usize) -> (usize, usize) {
        let (other, place) = self.someone(at, person);
        (if other == person { other ^ 1 } else { other }, place)
    }

    /// Someone: often a familiar one, mostly from the same place.
    fn someone(&mut self, (district, place): (usize, usize), person: usize) -> (usize, usize) {
        if self.draw.chance(0.4) {
            return (
                self.pools
                    .familiar((district, place), person * 31 + self.draw.below(2)),
                place,
            );
        }
        let other = if self.draw.chance(0.6) {
            place
        } else {
            self.draw.weighted(&self.districts[district].running)
        };
        let audience = *self
            .draw
            .pick(&[Audience::Elders, Audience::Families, Audience::Adults]);
        (
            self.pools
                .person((district, other), audience, N_MONTHS - 1, &mut self.draw),
            other,
        )
    }
}

/// A request closed without help, unless the extract came first.
fn closed(state: State, ended: usize) -> Outcome {
    let is_open = ended >= EXTRACT;
    Outcome {
        state: if is_open { State::Requested } else { state },
        matched: None,
        started: None,
        ended: (!is_open).then_some(ended),
    }
}

/// The usual share without help: more for those alone, less for those assisted, much for what is new.
fn usual_unmet(word: Word, (traits, is_assisted): (Profile, bool)) -> f64 {
    let normal = match word {
        Word::Known(_) => 0.165,
        Word::Other => 0.25,
        Word::New(_) => 0.4,
    };
    let network = match traits.network {
        "assente" => 1.2,
        "parziale" => 1.05,
        _ => 0.92,
    };
    normal * network * if is_assisted { 0.85 } else { 1.03 }
}
