//! An operator makes a mistake in a declaration and is told which, where and what to do.
//!
//! Each test plants mistakes in a copy of the declarations of this repository and looks at what `antenne check` draws.
//! The drawings are snapshots, read in review as an operator would read them.

use std::collections::BTreeMap;

use crate::commons::Commons;

/// The declarations of this repository, to plant mistakes in.
struct Declared {
    /// The copy.
    commons: Commons,
}

impl Declared {
    /// Copies the declarations.
    fn new() -> Self {
        Self {
            commons: Commons::declared(),
        }
    }

    /// Replaces the first place of a text that must be there.
    fn plant(&self, file: &str, right: &str, wrong: &str) -> &Self {
        let text = self.commons.read(file);
        assert!(text.contains(right), "`{file}` does not hold `{right}`");
        self.commons.write(file, text.replacen(right, wrong, 1));
        self
    }

    /// Writes a file.
    fn plant_file(&self, file: &str, text: &str) -> &Self {
        self.commons.write(file, text);
        self
    }

    /// Every file with its bytes.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.commons.files("")
    }

    /// What `antenne check` draws; it ends with 2, prints no data and touches nothing.
    fn drawn(&self) -> String {
        let before = self.files();
        let answer = self.commons.antenne(&["check"]).expect_code(2);
        assert!(answer.bytes.is_empty());
        assert!(self.files() == before, "nothing is written");
        for mistake in answer.said.split("error: ").skip(1) {
            let is_complete = ["-->", "^", "help: "]
                .iter()
                .all(|part| mistake.contains(part));
            assert!(is_complete, "file, caret and help in\n{mistake}");
        }
        answer.said
    }
}

#[test]
fn a_commons_without_mistakes_says_so_and_is_left_alone() {
    let declared = Declared::new();
    let before = declared.files();
    let answer = declared.commons.antenne(&["check"]).expect_code(0);
    assert_eq!(answer.said, "no mistakes\n");
    assert!(declared.files() == before);
}

#[test]
fn an_unknown_key_is_found_in_every_kind_of_file() {
    let declared = Declared::new();
    declared
        .plant(
            "antenne.toml",
            "url = \"lake\"",
            "url = \"lake\"\nurll = \"lake\"",
        )
        .plant(
            "pipelines/sources/bacheca_digitale.toml",
            "warn_after_days = 45",
            "warn_after_days = 45\nfail_after_days = 90",
        )
        .plant(
            "pipelines/sources/bacheca_digitale.toml",
            "numero = { type = \"record\",",
            "numero = { type = \"record\", requird = true,",
        )
        .plant(
            "pipelines/releases/offers_by_district_need_quarter.toml",
            "[axes]",
            "[axes]\nrow = \"district_code\"",
        )
        .plant(
            "reference/tables.toml",
            "file = \"comuni.csv\"",
            "file = \"comuni.csv\"\nsheet = 1",
        )
        .plant(
            "sql/derived/districts.sql",
            "grain =",
            "grane = [\"x\"]\ngrain =",
        );
    insta::assert_snapshot!(declared.drawn());
}

#[test]
fn a_value_of_the_wrong_type_is_explained() {
    let declared = Declared::new();
    declared
        .plant("antenne.toml", "epoch = 1", "epoch = \"one\"")
        .plant(
            "pipelines/sources/bacheca_digitale.toml",
            "max_rejected_pct = 5.0",
            "max_rejected_pct = \"5 %\"",
        )
        .plant(
            "pipelines/sources/bacheca_digitale.toml",
            "numero = { type = \"record\",",
            "numero = { type = \"recrod\",",
        )
        .plant(
            "pipelines/sources/welco.toml",
            "key = [\"codice\"]",
            "key = \"codice\"",
        )
        .plant(
            "pipelines/releases/offers_by_district_need_quarter.toml",
            "measure = \"n_offers\"",
            "measure = true",
        )
        .plant(
            "pipelines/releases/unmet_by_district_need_quarter.toml",
            "zeros = \"protect\"",
            "zeros = \"hide\"",
        );
    insta::assert_snapshot!(declared.drawn());
}

#[test]
fn a_missing_key_is_named_and_marked_where_it_belongs() {
    let declared = Declared::new();
    declared
        .plant("antenne.toml", "contact = \"commons@example.org\"\n", "")
        .plant("pipelines/sources/bacheca_digitale.toml", "format.sheet = { sheet = \"Annunci\", header_row = 5, header_rows = 2, count = \"B2\" }\n", "")
        .plant("pipelines/releases/offers_by_district_need_quarter.toml", "license = \"CC-BY-4.0\"\n", "")
        .plant("sql/derived/districts.sql", "description.it = \"Gli ambiti con i loro residenti, come sono oggi.\"\n", "");
    insta::assert_snapshot!(declared.drawn());
}

#[test]
fn a_file_that_is_not_toml_is_marked_where_it_stops_being_so() {
    let declared = Declared::new();
    declared
        .plant("antenne.toml", "epoch = 1", "epoch = 1\nepoch = 2")
        .plant(
            "pipelines/releases/offers_by_district_need_quarter.toml",
            "license = \"CC-BY-4.0\"",
            "license = CC-BY-4.0",
        );
    insta::assert_snapshot!(declared.drawn());
}

#[test]
fn a_contract_that_makes_no_sense_is_explained() {
    let declared = Declared::new();
    declared
        .plant("pipelines/sources/mi_fido_di_noi.toml", "data = { type = \"date\", format = \"%d/%m/%Y\",", "data = { type = \"date\",")
        .plant("pipelines/sources/mi_fido_di_noi.toml", "key = [\"id_movimento\"]", "key = [\"id\"]")
        .plant("pipelines/sources/mi_fido_di_noi.toml", "voto = { type = \"number\", decimal = \"comma\", min = 1, max = 5 }", "voto = { type = \"number\", decimal = \"comma\", min = 5, max = 1 }")
        .plant("pipelines/sources/mi_fido_di_noi.toml", "key = [\"mese\", \"comune\"]\nfetch.files = { url = \"sample-data/mi_fido_di_noi/soci_attivi.csv\" }\nformat.csv = { delimiter = \";\", encoding = \"windows-1252\" }", "key = [\"mese\", \"comune\"]\nfetch.files = { url = \"sample-data/mi_fido_di_noi/soci_attivi.csv\" }\nformat.csv = { delimiter = \";\", encoding = \"windows-1251x\" }")
        .plant("pipelines/sources/mi_fido_di_noi.toml", "soci_attivi = { type = \"integer\",", "soci_attivi = { type = \"integer\", format = \"%d\",");
    insta::assert_snapshot!(declared.drawn());
}

#[test]
fn a_mapping_that_does_not_fit_its_canonical_table_is_explained() {
    let declared = Declared::new();
    declared
        .plant("sql/conformed/bacheca_digitale__attivita.sql", "persone_attive as n_active_members", "persone_attive as n_active_member")
        .plant("sql/conformed/welco__schede.sql", "into = \"project_reports\"", "into = \"project_report\"")
        .plant("sql/conformed/welco__formazione.sql", "source.welco__formazione", "source.welco__formazioni")
        .plant("sql/conformed/wemi__ente.sql", "into = \"providers\"\n", "")
        .plant_file("sql/conformed/nobody__visits.sql", "/* model\ndescription = { it = \"a\", en = \"b\" }\ninto = \"visits\"\n*/\nselect 1 as n_visits\n");
    insta::assert_snapshot!(declared.drawn());
}

#[test]
fn a_mistake_in_a_statement_is_marked_in_the_statement() {
    let declared = Declared::new();
    declared
        .plant(
            "sql/conformed/welco__progetti.sql",
            "        titolo,",
            "        titola,",
        )
        .plant(
            "sql/derived/_waits.sql",
            "from derived._exchanges",
            "from derived._exchange",
        )
        .plant(
            "sql/derived/districts.sql",
            "sum(residents) as residents,",
            "summ(residents) as residents,",
        )
        .plant(
            "sql/derived/offers_by_district_need_quarter.sql",
            "\nselect\n",
            "\nselekt\n",
        )
        .plant(
            "sql/derived/demand_by_district_need_month.sql",
            "group by",
            "group buy",
        );
    insta::assert_snapshot!(declared.drawn());
}

#[test]
fn a_header_and_an_answer_that_disagree_are_told_apart() {
    let declared = Declared::new();
    declared
        .plant(
            "sql/derived/districts.sql",
            "[columns.kind]",
            "[columns.sort]",
        )
        .plant(
            "sql/derived/districts.sql",
            "grain = [\"district_code\"]",
            "grain = [\"district\"]",
        )
        .plant(
            "sql/derived/districts.sql",
            "\"n_comuni >= 1\"",
            "\"n_comunes >= 1\"",
        );
    insta::assert_snapshot!(declared.drawn());
}

#[test]
fn models_that_read_each_other_in_a_circle_are_told_with_the_whole_circle() {
    let declared = Declared::new();
    declared
        .plant(
            "sql/derived/_complete_quarters.sql",
            "from conformed.exchanges",
            "from derived.coverage_by_platform_district_quarter",
        )
        .plant(
            "sql/conformed/welco__progetti.sql",
            "        titolo,",
            "        titola,",
        );
    let drawn = declared.drawn();
    assert!(
        drawn.contains("titola"),
        "other mistakes are found all the same"
    );
    insta::assert_snapshot!(drawn);
}

#[test]
fn a_release_that_would_not_protect_is_refused_before_any_data_is_read() {
    let declared = Declared::new();
    declared
        .plant(
            "pipelines/releases/offers_by_district_need_quarter.toml",
            "k_persons = 10",
            "k_persons = 2",
        )
        .plant(
            "pipelines/releases/offers_by_district_need_quarter.toml",
            "persons = [\"n_persons\"]",
            "persons = []",
        )
        .plant(
            "pipelines/releases/requests_by_district_need_quarter.toml",
            "k_persons = 10",
            "k_persons = 5",
        )
        .plant(
            "pipelines/releases/requests_by_district_need_quarter.toml",
            "rows = \"district_code\"",
            "rows = \"distict_code\"",
        )
        .plant(
            "pipelines/releases/unmet_by_district_need_quarter.toml",
            "of = \"requests_by_district_need_quarter\"",
            "of = \"request_by_district_need_quarter\"",
        );
    insta::assert_snapshot!(declared.drawn());
}

#[test]
fn inner_steps_and_tables_of_persons_cannot_be_released() {
    let declared = Declared::new();
    declared
        .plant(
            "pipelines/releases/offers_by_district_need_quarter.toml",
            "table = \"derived.offers_by_district_need_quarter\"",
            "table = \"derived._waits\"",
        )
        .plant(
            "pipelines/releases/requests_by_district_need_quarter.toml",
            "table = \"derived.requests_by_district_need_quarter\"",
            "table = \"conformed.exchanges\"",
        )
        .plant(
            "sql/derived/unmet_by_district_need_quarter.sql",
            "[columns.n_persons]\nrole = \"count\"",
            "[columns.n_persons]\nrole = \"identifier\"",
        );
    insta::assert_snapshot!(declared.drawn());
}

#[test]
fn protect_refuses_an_inner_step_even_if_nobody_ran_check() {
    let declared = Declared::new();
    declared.plant(
        "pipelines/releases/offers_by_district_need_quarter.toml",
        "table = \"derived.offers_by_district_need_quarter\"",
        "table = \"derived._waits\"",
    );
    let answer = declared.commons.antenne(&["protect"]).expect_code(3);
    let reason = "`derived._waits` is a step that is not for readers";
    let is_said = answer.said.contains("refused: ") && answer.said.contains(reason);
    assert!(is_said, "{}", answer.said);
}

#[test]
fn mistakes_are_also_given_as_json() {
    let declared = Declared::new();
    declared.plant("antenne.toml", "url = \"lake\"", "urll = \"lake\"");
    let answer = declared.commons.antenne(&["check", "--format", "json"]);
    insta::assert_snapshot!(answer.expect_code(2).text());
}

#[test]
fn a_folder_that_is_no_commons_says_how_to_make_one() {
    let answer = Commons::empty().antenne(&["check"]).expect_code(2);
    insta::assert_snapshot!(answer.said);
}

#[test]
fn a_run_with_a_mistake_stops_before_it_touches_data() {
    let declared = Declared::new();
    declared.plant("antenne.toml", "url = \"lake\"", "urll = \"lake\"");
    let before = declared.files();
    declared.commons.antenne(&["run"]).expect_code(2);
    assert!(declared.files() == before);
}

/// A platform whose servers and tables make no sense.
const NO_SENSE: &str = r#"title = { it = "Vicini", en = "Neighbors" }

[server.postgres]
host = "postgres://antenne@db.example.org"
database = "vicini"
user = "antenne"
tls = "require"
ca = "ca.pem"

[server.sftp]
host = "files.example.org"
user = "antenne"
passphrase = "env:X"

[tables.favori]
fetch.postgres = { table = "favori", query = "select 1", columns = ["id", "id"] }
columns = { id = { type = "record" } }

[tables.esiti]
fetch.sqlite = { path = "https://example.org/x.db", since = { column = "id" } }
format.csv = {}
columns = { id = { type = "record" }, il = { type = "date" } }

[tables.note]
fetch.files = { url = "note.csv" }
columns = { id = { type = "record" } }
"#;

#[test]
fn a_database_or_file_server_that_makes_no_sense_is_explained() {
    let declared = Declared::new();
    declared.plant_file("pipelines/sources/vicini.toml", NO_SENSE);
    insta::assert_snapshot!(declared.drawn());
}

#[test]
fn a_secret_or_a_key_that_is_written_down_is_not_repeated() {
    let declared = Declared::new();
    let wrong = NO_SENSE
        .replace(
            "passphrase = \"env:X\"",
            "host_key = \"any\"\npassword = \"hunter2hunter2\"",
        )
        .replace(
            "tls = \"require\"",
            "password = \"hunter2hunter2\"\ntls = \"none\"",
        );
    declared.plant_file("pipelines/sources/vicini.toml", &wrong);
    let drawn = declared.drawn();
    assert!(!drawn.contains("hunter2"), "{drawn}");
    insta::assert_snapshot!(drawn);
}

#[test]
fn a_threshold_of_detection_that_cannot_be_meant_is_marked() {
    let declared = Declared::new();
    let file = "pipelines/detection.toml";
    declared.plant_file(file, "rise_max_q = 5\nrise_min_ratio = 0.5\n");
    let drawn = declared.drawn();
    for words in [
        "pipelines/detection.toml:1:1",
        "`rise_max_q = 5` is no share or probability",
        "pipelines/detection.toml:2:1",
        "say a number from 1 on",
    ] {
        assert!(drawn.contains(words), "{words} in\n{drawn}");
    }
    declared.plant_file(file, "rise_max_p = 0.01\n");
    let drawn = declared.drawn();
    assert!(
        drawn.contains("rise_max_p") && drawn.contains("`rise_max_q`"),
        "{drawn}"
    );
}
