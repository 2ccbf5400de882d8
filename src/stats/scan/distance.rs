//! How far apart two areas are.

/// The radius of the earth in kilometers that `SaTScan` uses.
pub(crate) const EARTH_RADIUS_KM: f64 = 6_367.0;

/// The distance of two points on a plane.
pub(crate) fn euclidean(a: (f64, f64), b: (f64, f64)) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1)
}

/// The great-circle distance in kilometers of two points given as longitude and latitude in degrees.
///
/// `2R asin √(sin²(Δφ/2) + cos φ₁ cos φ₂ sin²(Δλ/2))` (the haversine formula).
pub(crate) fn great_circle(a: (f64, f64), b: (f64, f64)) -> f64 {
    let [(lon_a, lat_a), (lon_b, lat_b)] =
        [a, b].map(|(lon, lat)| (lon.to_radians(), lat.to_radians()));
    let across = ((lon_b - lon_a) / 2.0).sin().powi(2);
    let along = ((lat_b - lat_a) / 2.0).sin().powi(2);
    let haversine = along + lat_a.cos() * lat_b.cos() * across;
    2.0 * EARTH_RADIUS_KM * haversine.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::assert_close;

    #[test]
    fn a_quarter_of_the_globe_and_a_right_triangle() {
        let quarter = std::f64::consts::FRAC_PI_2 * EARTH_RADIUS_KM;
        assert_close(great_circle((12.0, 0.0), (12.0, 90.0)), quarter, 1e-12);
        assert_close(great_circle((0.0, 0.0), (-90.0, 0.0)), quarter, 1e-12);
        assert_close(great_circle((170.0, 0.0), (-100.0, 0.0)), quarter, 1e-12);
        assert_close(euclidean((1.0, 2.0), (4.0, 6.0)), 5.0, 1e-15);
    }
}
