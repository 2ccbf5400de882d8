//! The invented people behind the requests: a pool of numbers for every place, and traits that
//! follow from the number, so that the same person is the same in every request.

use super::calendar::N_MONTHS;
use super::draw::Draw;
use super::geography::District;
use super::numbers::{percentile, real, scrambled, whole};
use super::scenario::{Audience, Platform};

/// People in the pool per expected request: some ask once, some often.
const PEOPLE_PER_REQUEST: f64 = 0.75;

/// What an office would note about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Profile {
    /// Istat age class.
    pub(crate) age: &'static str,
    /// People in the household, 1 to 6.
    pub(crate) household: usize,
    /// `presente`, `parziale` or `assente`.
    pub(crate) network: &'static str,
    /// `si`, `no` or `non_noto`.
    pub(crate) known: &'static str,
    /// Who brought the person in, a SIUSS code from 1 to 14.
    pub(crate) referral: usize,
}

/// One value by its share in a hundred: the first whose bound lies above the percentile.
fn by_share(percentile: u64, table: &[(u64, &'static str)]) -> &'static str {
    table
        .iter()
        .find(|line| percentile < line.0)
        .map_or("", |line| line.1)
}

/// The traits of a person.
pub(crate) fn profile(person: usize, audience: Audience) -> Profile {
    let seed = scrambled(super::numbers::wide(person) + 1);
    let trait_of = |number: u64| percentile(seed.wrapping_add(number));
    let ages: &[(u64, &'static str)] = match audience {
        Audience::Elders => &[(28, "65-74"), (72, "75-84"), (100, "85+")],
        Audience::Families => &[(34, "18-34"), (95, "35-64"), (100, "65-74")],
        Audience::Adults => &[(30, "18-34"), (85, "35-64"), (100, "65-74")],
    };
    let referrals = [6, 6, 6, 8, 8, 4, 3, 14, 9, 2];
    Profile {
        age: by_share(trait_of(1), ages),
        household: match audience {
            Audience::Elders => [1, 1, 1, 2, 2, 3][pick(seed, 6)],
            Audience::Families => [2, 3, 3, 4, 4, 5, 6][pick(seed, 7)],
            Audience::Adults => [1, 1, 2, 3, 4][pick(seed, 5)],
        },
        network: by_share(
            trait_of(2),
            &[(55, "presente"), (83, "parziale"), (100, "assente")],
        ),
        known: by_share(trait_of(3), &[(34, "si"), (80, "no"), (100, "non_noto")]),
        referral: referrals[pick(seed.wrapping_add(7), referrals.len())],
    }
}

/// An index below `n` that follows from a seed.
fn pick(seed: u64, n: usize) -> usize {
    usize::try_from(scrambled(seed) % super::numbers::wide(n)).unwrap_or(0)
}

/// The pools of one platform: for each district and place, the first number and how many.
#[derive(Debug)]
pub(crate) struct Pools {
    /// First number and size by district, then by place.
    places: Vec<Vec<(usize, usize)>>,
    /// The running shares of the three audiences.
    audiences: [f64; 4],
}

impl Pools {
    /// Pools large enough for a platform's expected requests.
    pub(crate) fn new(platform: &Platform, districts: &[&District], n_exchanges: f64) -> Self {
        let mut n_people = 1;
        let mut places = Vec::new();
        for (index, district) in districts.iter().enumerate() {
            let requests: f64 = (0..platform.needs.len())
                .map(|need| platform.monthly(n_exchanges, (index, need)) * real(N_MONTHS))
                .sum();
            let mut of_district = Vec::new();
            for place in 0..district.places.len() {
                let size = 9 + whole(requests * district.share(place) * PEOPLE_PER_REQUEST);
                of_district.push((n_people, size));
                n_people += size;
            }
            places.push(of_district);
        }
        Self {
            places,
            audiences: audience_shares(platform),
        }
    }

    /// Someone of an audience in a place: early numbers are early members and ask more often.
    pub(crate) fn person(
        &self,
        (district, place): (usize, usize),
        audience: Audience,
        month: usize,
        draw: &mut Draw,
    ) -> usize {
        let (first, size) = self.places[district][place];
        let low = self.audiences[audience as usize];
        let high = self.audiences[audience as usize + 1];
        let joined = 0.35 + 0.65 * real(month + 1) / real(N_MONTHS);
        let position = low + (high - low) * joined * draw.unit().powf(1.25);
        first + whole(position * real(size)).min(size - 1)
    }

    /// The person of a place whom another one usually turns to.
    pub(crate) fn familiar(&self, (district, place): (usize, usize), seed: usize) -> usize {
        let (first, size) = self.places[district][place];
        first + pick(super::numbers::wide(seed), size)
    }

    /// Which audience a number belongs to.
    pub(crate) fn audience(&self, (district, place): (usize, usize), person: usize) -> Audience {
        let (first, size) = self.places[district][place];
        let position = real(person.saturating_sub(first)) / real(size);
        if position < self.audiences[1] {
            Audience::Elders
        } else if position < self.audiences[2] {
            Audience::Families
        } else {
            Audience::Adults
        }
    }
}

/// How much of a platform's demand each audience makes, as running shares from 0 to 1.
fn audience_shares(platform: &Platform) -> [f64; 4] {
    let total: f64 = platform.needs.iter().map(|need| need.weight).sum();
    let of = |audience: Audience| -> f64 {
        let needs = platform
            .needs
            .iter()
            .filter(|need| need.audience == audience);
        needs.map(|need| need.weight).sum::<f64>() / total
    };
    let elders = of(Audience::Elders);
    [0.0, elders, elders + of(Audience::Families), 1.0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_the_same_in_every_request() {
        assert_eq!(profile(77, Audience::Elders), profile(77, Audience::Elders));
    }

    #[test]
    fn elders_are_over_sixty_four() {
        for person in 0..500 {
            assert!(["65-74", "75-84", "85+"].contains(&profile(person, Audience::Elders).age));
        }
    }
}
