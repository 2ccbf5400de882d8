//! Ages and distances.

use std::sync::Arc;

use arrow::array::{AsArray, StringArray};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};

use super::intervals::{of_numbers, one_or_many};
use super::{Body, Function};

/// Mean radius of the Earth in kilometers (IUGG).
const EARTH_KM: f64 = 6371.0088;

/// Age from which there is one class.
const OLDEST: i64 = 85;

/// The functions of this file.
pub(super) fn functions() -> Vec<Function> {
    vec![
        Function {
            name: "age_class",
            call: "age_class(years) → text",
            it: "Classe quinquennale di età dell'Istat: 0-4, 5-9, … 80-84, 85+.",
            en: "Five-year age class of Istat: 0-4, 5-9, … 80-84, 85+.",
            source: "Istat, popolazione residente per età",
            body: age_class(),
        },
        Function {
            name: "distance_km",
            call: "distance_km(lat_1, lon_1, lat_2, lon_2) → double",
            it: "Distanza in linea d'aria tra due punti, in chilometri.",
            en: "Great-circle distance between two points, in kilometers.",
            source: "haversine formula; radius 6371.0088 km",
            body: of_numbers("distance_km", 4, |x| haversine((x[0], x[1]), (x[2], x[3]))),
        },
    ]
}

/// Kilometers between two points in degrees of latitude and longitude; none off the globe.
fn haversine(one: (f64, f64), other: (f64, f64)) -> Option<f64> {
    let is_on_globe = |(lat, lon): (f64, f64)| lat.abs() <= 90.0 && lon.abs() <= 180.0;
    if !is_on_globe(one) || !is_on_globe(other) {
        return None;
    }
    let half_sine = |from: f64, to: f64| ((to - from).to_radians() / 2.0).sin().powi(2);
    let chord = half_sine(one.0, other.0)
        + one.0.to_radians().cos() * other.0.to_radians().cos() * half_sine(one.1, other.1);
    Some(2.0 * EARTH_KM * chord.sqrt().min(1.0).asin())
}

/// The function that gives the class of an age.
fn age_class() -> Body {
    let run = |arguments: &[ColumnarValue]| -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let years = arrays[0].as_primitive::<Int64Type>();
        let classes: StringArray = years.iter().map(|years| class_of(years?)).collect();
        one_or_many(arguments, Arc::new(classes))
    };
    Body::Scalar(Arc::new(create_udf(
        "age_class",
        vec![DataType::Int64],
        DataType::Utf8,
        Volatility::Immutable,
        Arc::new(run),
    )))
}

/// The class of an age in whole years; none below zero.
fn class_of(years: i64) -> Option<String> {
    let first = years - years.rem_euclid(5);
    match years {
        ..0 => None,
        OLDEST.. => Some(format!("{OLDEST}+")),
        _ => Some(format!("{first}-{}", first + 4)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::answers::rows;
    use crate::stats::golden::assert_close;

    #[tokio::test]
    async fn ages_fall_into_the_classes_of_istat() {
        let found = rows(
            "select age_class(y) from (values (0), (4), (5), (84), (85), (103), (-1), (null)) as ages (y)",
        )
        .await
        .concat();
        assert_eq!(
            found,
            ["0-4", "0-4", "5-9", "80-84", "85+", "85+", "NULL", "NULL"]
        );
    }

    #[test]
    fn distances_follow_the_globe() {
        // A degree of the equator is 2πR/360; a quarter of the globe is πR/2.
        let degree = haversine((0.0, 0.0), (0.0, 1.0)).unwrap();
        assert_close(degree, std::f64::consts::TAU * EARTH_KM / 360.0, 1e-12);
        let quarter = haversine((90.0, 0.0), (0.0, 77.0)).unwrap();
        assert_close(quarter, std::f64::consts::FRAC_PI_2 * EARTH_KM, 1e-12);
        // Domodossola to Verbania, about 33 km as the crow flies.
        let near = haversine((46.1161, 8.2917), (45.9214, 8.5515)).unwrap();
        assert!((29.0..31.0).contains(&near), "{near}");
        assert_eq!(haversine((91.0, 0.0), (0.0, 0.0)), None);
    }
}
