//! Files of the presets, embedded in the binary (a table of data, longer than code).

/// A preset.
#[derive(Debug)]
pub(super) struct Preset {
    /// Its name.
    pub(super) name: &'static str,
    /// What it reads and fills.
    pub(super) about: &'static str,
    /// Its contract.
    pub(super) source: &'static str,
    /// Its mappings by the table they read.
    pub(super) mappings: &'static [(&'static str, &'static str)],
    /// Its invented records by file name.
    pub(super) sample: &'static [(&'static str, &'static str)],
}

/// A file of a preset.
macro_rules! file {
    ($path:literal) => {
        include_str!(concat!("../../../pipelines/presets/", $path))
    };
}

/// Every preset.
pub(super) const PRESETS: &[Preset] = &[
    Preset {
        name: "hsds",
        about: "Open Referral HSDS 3.x as CSV tables: providers, places",
        source: file!("hsds/source.toml"),
        mappings: &[
            ("organizations", file!("hsds/sql/organizations.sql")),
            ("locations", file!("hsds/sql/locations.sql")),
        ],
        sample: &[
            ("organizations.csv", file!("hsds/sample/organizations.csv")),
            ("services.csv", file!("hsds/sample/services.csv")),
            ("locations.csv", file!("hsds/sample/locations.csv")),
            ("addresses.csv", file!("hsds/sample/addresses.csv")),
            (
                "service_at_location.csv",
                file!("hsds/sample/service_at_location.csv"),
            ),
            (
                "service_capacity.csv",
                file!("hsds/sample/service_capacity.csv"),
            ),
            ("units.csv", file!("hsds/sample/units.csv")),
        ],
    },
    Preset {
        name: "hsds_api",
        about: "Open Referral HSDS 3.x as JSON pages of its API: providers, places",
        source: file!("hsds_api/source.toml"),
        mappings: &[
            ("services", file!("hsds_api/sql/services.sql")),
            (
                "service_at_locations",
                file!("hsds_api/sql/service_at_locations.sql"),
            ),
        ],
        sample: &[
            ("services-1.json", file!("hsds_api/sample/services-1.json")),
            ("services-2.json", file!("hsds_api/sample/services-2.json")),
            (
                "service_at_locations-1.json",
                file!("hsds_api/sample/service_at_locations-1.json"),
            ),
        ],
    },
    Preset {
        name: "threesixtygiving",
        about: "360Giving grants as one CSV table: projects",
        source: file!("threesixtygiving/source.toml"),
        mappings: &[("grants", file!("threesixtygiving/sql/grants.sql"))],
        sample: &[("grants.csv", file!("threesixtygiving/sample/grants.csv"))],
    },
    Preset {
        name: "threesixtygiving_json",
        about: "360Giving grants as a JSON package: projects",
        source: file!("threesixtygiving_json/source.toml"),
        mappings: &[("grants", file!("threesixtygiving_json/sql/grants.sql"))],
        sample: &[(
            "grants.json",
            file!("threesixtygiving_json/sample/grants.json"),
        )],
    },
];
