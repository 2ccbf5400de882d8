//! What only a service over HTTP has: limits, tokens, cursors, windows.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::Value;

use super::{antenne, book, commons_with, declare, n_commits, rows, service};
use crate::commons::Commons;
use crate::servers::shelf::{Fault, Record, Shelf, january};
use crate::servers::web::{Asked, Reply, Web};

/// Paging by number and a watermark with a lag of two days.
const SINCE: &str = "page.number = { param = \"pagina\", size_param = \"quanti\", size = 10 }\nsince = { param = \"dal\", until = \"al\", field = \"at\", lag = \"2d\" }";

/// Runs one verb, which must end well.
fn done(commons: &Commons, words: &[&str]) -> String {
    commons.antenne(words).expect_code(0).text()
}

/// Fetches and conforms.
fn run(commons: &Commons) {
    done(commons, &["acquire"]);
    done(commons, &["conform"]);
}

/// The state of the table.
fn state(commons: &Commons) -> Value {
    let states = commons.antenne(&["state", "show", "--format", "json"]);
    states.expect_code(0).json()[0].clone()
}

/// The failure that a fetch ends with.
fn failure(commons: &Commons) -> String {
    commons.antenne(&["acquire"]).expect_code(4).said
}

/// A service with one page, answered by a function.
fn one_page(
    answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    more: &str,
) -> (Web, Commons) {
    let web = Web::start(answer);
    let commons = commons_with(&service(&web.url(), more));
    (web, commons)
}

/// A page with one record.
const PAGE: &str = r#"{"items":[{"id":1,"at":"2026-01-01T00:00:00Z","testo":"uno"}],"total":1}"#;

#[test]
fn only_what_is_new_is_asked_for_and_late_corrections_come_in() {
    let shelf = Shelf::start(january(25));
    let commons = commons_with(&service(&shelf.web.url(), SINCE));
    run(&commons);
    assert_eq!(state(&commons)["cursor"], "2026-01-26T10:00:00.000000Z");
    let mut records = january(25);
    // Record 24 is of the 25th, within the lag; record 26 is new; record 3 is corrected but dated
    // back, before the lag, so it is not seen.
    records[23].text = "in ritardo".to_owned();
    records[23].at = "2026-01-25T11:00:00Z".to_owned();
    records[2].text = "troppo tardi".to_owned();
    records.push(Record::new(26, 27, "nuova"));
    shelf.hold(records);
    shelf.web.forget();
    run(&commons);
    let asked = shelf.web.asked();
    assert_eq!(asked[0].query["dal"], "2026-01-24T10:00:00Z");
    assert_eq!(state(&commons)["cursor"], "2026-01-27T10:00:00.000000Z");
    assert_eq!(state(&commons)["increment_pages"], 1);
    let rows = rows(&commons).join("\n");
    assert!(rows.contains("in ritardo") && rows.contains("nuova") && !rows.contains("troppo"));
    assert_eq!(book(&commons)["accepted"], 26);
    assert_eq!(book(&commons)["closed"], true);
}

#[test]
fn a_window_that_brings_the_same_page_again_changes_nothing() {
    let shelf = Shelf::start(january(25));
    let commons = commons_with(&service(&shelf.web.url(), SINCE));
    run(&commons);
    run(&commons);
    let before = (n_commits(&commons), rows(&commons), state(&commons));
    for _ in 0..2 {
        run(&commons);
        assert_eq!(
            (n_commits(&commons), rows(&commons), state(&commons)),
            before
        );
    }
}

#[test]
fn a_backfill_fetches_a_window_and_moves_no_cursor() {
    let shelf = Shelf::start(january(25));
    let commons = commons_with(&service(&shelf.web.url(), SINCE));
    run(&commons);
    let cursor = state(&commons)["cursor"].clone();
    let mut records = january(25);
    records[2].text = "corretta tardi".to_owned();
    records[2].at = "2026-01-04T12:00:00Z".to_owned();
    shelf.hold(records);
    shelf.web.forget();
    let window = [
        "backfill",
        "banco",
        "--from",
        "2026-01-04",
        "--to",
        "2026-01-05",
    ];
    done(&commons, &window);
    done(&commons, &["conform"]);
    let asked = shelf.web.asked();
    assert_eq!(asked[0].query["dal"], "2026-01-04T00:00:00Z");
    assert_eq!(asked[0].query["al"], "2026-01-05T00:00:00Z");
    assert_eq!(state(&commons)["cursor"], cursor);
    assert_eq!(state(&commons)["backfill_pages"], 1);
    assert!(rows(&commons).join("\n").contains("corretta tardi"));
    assert_eq!(book(&commons)["closed"], true);
    let n_before = n_commits(&commons);
    done(&commons, &window);
    assert_eq!(n_commits(&commons), n_before);
}

#[test]
fn a_reset_fetches_the_whole_table_in_the_place_of_its_parts() {
    let shelf = Shelf::start(january(25));
    let commons = commons_with(&service(&shelf.web.url(), SINCE));
    run(&commons);
    shelf.hold(january(27));
    run(&commons);
    assert_eq!(state(&commons)["increment_pages"], 1);
    done(&commons, &["state", "reset", "banco", "--table", "righe"]);
    assert_eq!(state(&commons)["cursor"], Value::Null);
    run(&commons);
    let after = state(&commons);
    assert_eq!(
        (&after["whole_pages"], &after["increment_pages"]),
        (&3.into(), &0.into())
    );
    assert_eq!(book(&commons)["source_count"], 27);
    assert_eq!(book(&commons)["closed"], true);
    let wrong = commons.antenne(&["state", "reset", "banco", "--table", "colonne"]);
    assert!(wrong.expect_code(2).said.contains("has no table `colonne`"));
}

#[test]
fn a_request_that_cannot_be_carried_out_is_refused() {
    let shelf = Shelf::start(january(2));
    let commons = commons_with(&service(&shelf.web.url(), ""));
    let window = [
        "backfill",
        "banco",
        "--from",
        "2026-01-04",
        "--to",
        "2026-01-05",
    ];
    assert!(
        commons
            .antenne(&window)
            .expect_code(2)
            .said
            .contains("has a `since`")
    );
    declare(&commons, &service(&shelf.web.url(), SINCE));
    let empty = [
        "backfill",
        "banco",
        "--from",
        "2026-01-04",
        "--to",
        "2026-01-04",
    ];
    assert!(
        commons
            .antenne(&empty)
            .expect_code(2)
            .said
            .contains("empty")
    );
    let no_moment = ["backfill", "banco", "--from", "ieri", "--to", "oggi"];
    assert!(
        commons
            .antenne(&no_moment)
            .expect_code(4)
            .said
            .contains("no moment")
    );
}

#[test]
fn a_server_that_asks_to_wait_is_waited_for() {
    let shelf = Shelf::start(january(3));
    shelf.fail(Fault::TooMany, 1);
    let commons = commons_with(&service(&shelf.web.url(), ""));
    let began = Instant::now();
    run(&commons);
    assert!(began.elapsed().as_millis() >= 1000);
    assert_eq!(rows(&commons).len(), 3);
}

#[test]
fn a_wait_that_is_too_long_ends_the_fetch_at_once() {
    let answer = |_: &Asked| Reply::status(429, "").with("Retry-After", "86400");
    let (_web, commons) = one_page(answer, "");
    let began = Instant::now();
    let said = failure(&commons);
    assert!(said.contains("asks to wait 86400 s"), "{said}");
    assert!(began.elapsed().as_secs() < 20);
}

#[test]
fn a_request_is_tried_so_often_and_no_more() {
    let (web, commons) = one_page(|_| Reply::status(500, ""), "limits.max_attempts = 3");
    let said = failure(&commons);
    assert!(said.contains("answered 500 after 3 attempt(s)"), "{said}");
    assert_eq!(web.asked().len(), 3);
    let (web, commons) = one_page(|_| Reply::status(403, ""), "");
    let said = failure(&commons);
    assert!(said.contains("do not permit it"), "{said}");
    assert_eq!(web.asked().len(), 1);
}

#[test]
fn an_answer_that_is_too_large_is_refused_with_a_remedy() {
    let (_web, commons) = one_page(
        |_| Reply::ok(vec![b' '; 3 << 20]),
        "limits.max_response_mib = 2",
    );
    let said = failure(&commons);
    assert!(
        said.contains("more than 2 MiB") && said.contains("max_response_mib"),
        "{said}"
    );
}

#[test]
fn a_request_that_is_too_slow_is_given_up() {
    let answer = |_: &Asked| {
        let manner = crate::servers::web::Manner::Late(std::time::Duration::from_secs(2));
        Reply::ok(PAGE).going(manner)
    };
    let limits = "limits.request_timeout = \"100ms\"\nlimits.max_attempts = 2";
    let (_web, commons) = one_page(answer, limits);
    let said = failure(&commons);
    assert!(
        said.contains("took longer than 100ms in 2 attempts"),
        "{said}"
    );
}

#[test]
fn a_server_that_does_not_know_the_parameter_is_noticed() {
    let paged = "page.number = { param = \"page\" }\nformat.json = { records = \"items\" }";
    let (_web, commons) = one_page(|_| Reply::ok(PAGE), paged);
    let said = failure(&commons);
    assert!(said.contains("repeats the one before it"), "{said}");
    let circle = r#"{"items":[{"id":1}],"next":"/righe?x=1"}"#;
    let linked = "page.link.body = \"next\"\nformat.json = { records = \"items\" }";
    let number = AtomicUsize::new(0);
    let (_web, commons) = one_page(
        move |_| {
            let number = number.fetch_add(1, Ordering::Relaxed);
            Reply::ok(circle.replace("\"id\":1", &format!("\"id\":{number}")))
        },
        linked,
    );
    let said = failure(&commons);
    assert!(said.contains("repeats the one before it"), "{said}");
}

#[test]
fn pages_that_never_stand_still_end_the_fetch() {
    let number = AtomicUsize::new(0);
    let answer = move |asked: &Asked| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        match asked.query["da"].as_str() {
            "0" | "1" => Reply::ok(format!("{{\"items\":[{{\"id\":{number}}}]}}")),
            _ => Reply::ok("{\"items\":[]}"),
        }
    };
    let paged = "page.offset = { param = \"da\" }\nformat.json = { records = \"items\" }";
    let (_web, commons) = one_page(answer, paged);
    let said = failure(&commons);
    assert!(said.contains("shifted while they were read"), "{said}");
}

#[test]
fn a_count_that_is_wrong_leaves_the_books_open() {
    let (_web, commons) = one_page(
        |_| Reply::ok(PAGE.replace("\"total\":1", "\"total\":2")),
        "",
    );
    antenne(&commons, &["acquire"], &[]).expect_code(0);
    let answer = antenne(&commons, &["conform"], &[]).expect_code(4);
    assert!(answer.said.contains("do not close"), "{}", answer.said);
    assert_eq!(book(&commons)["closed"], false);
    let (_web, commons) = one_page(|_| Reply::ok(PAGE), "format.json = { records = \"items\" }");
    run(&commons);
    assert_eq!(book(&commons)["closed"], "unverified");
    let (_web, commons) = one_page(
        |_| Reply::ok(PAGE).with("X-Total-Count", "1"),
        "total.header = \"X-Total-Count\"\nformat.json = { records = \"items\" }",
    );
    run(&commons);
    assert_eq!(book(&commons)["closed"], true);
}

#[test]
fn credentials_go_to_their_origin_and_nowhere_else() {
    let other = Web::start(|_| Reply::ok(PAGE));
    let elsewhere = format!("{}/righe", other.url());
    let auth = "auth.bearer = { token = \"env:BANCO_TOKEN\" }";
    let token = [("BANCO_TOKEN".to_owned(), "planted-token".to_owned())];
    let target = elsewhere.clone();
    let (_web, commons) = one_page(
        move |_| Reply::status(302, "").with("Location", target.clone()),
        auth,
    );
    let answer = antenne(&commons, &["acquire"], &token).expect_code(4);
    assert!(
        answer.said.contains("leads to another origin"),
        "{}",
        answer.said
    );
    let linked =
        format!("{auth}\npage.link.body = \"next\"\nformat.json = {{ records = \"items\" }}");
    let page = format!("{{\"items\":[{{\"id\":1}}],\"next\":\"{elsewhere}\"}}");
    let (_web, commons) = one_page(move |_| Reply::ok(page.clone()), &linked);
    let answer = antenne(&commons, &["acquire"], &token).expect_code(4);
    assert!(
        answer.said.contains("leads to another origin"),
        "{}",
        answer.said
    );
    assert!(other.asked().is_empty(), "the other origin was asked");
}

#[test]
fn a_token_is_asked_for_once_and_again_when_it_is_refused() {
    let n_tokens = AtomicUsize::new(0);
    let answer = move |asked: &Asked| {
        if asked.path == "/token" {
            let number = n_tokens.fetch_add(1, Ordering::Relaxed);
            assert!(asked.body.contains("grant_type=client_credentials"));
            assert!(asked.headers["authorization"].starts_with("Basic "));
            return Reply::ok(format!(
                "{{\"access_token\":\"t{number}\",\"expires_in\":3600}}"
            ));
        }
        // The first token is refused from the second page on.
        let is_second = asked.query["pagina"] == "2";
        match asked.headers.get("authorization").map(String::as_str) {
            Some("Bearer t0") if !is_second => {}
            Some("Bearer t1") => {}
            _ => return Reply::status(401, ""),
        }
        let id = &asked.query["pagina"];
        match id.as_str() {
            "1" | "2" => Reply::ok(format!("{{\"items\":[{{\"id\":{id}}}],\"total\":2}}")),
            _ => Reply::ok("{\"items\":[],\"total\":2}"),
        }
    };
    let web = Web::start(answer);
    let auth = format!(
        "auth.oauth2 = {{ token_url = \"{}/token\", client_id = \"banco\", client_secret = \"env:BANCO_TOKEN\" }}\npage.number = {{ param = \"pagina\" }}",
        web.url()
    );
    let commons = commons_with(&service(&web.url(), &auth));
    let token = [("BANCO_TOKEN".to_owned(), "planted-secret".to_owned())];
    antenne(&commons, &["acquire"], &token).expect_code(0);
    let n_asked = web
        .asked()
        .iter()
        .filter(|asked| asked.path == "/token")
        .count();
    assert_eq!(n_asked, 2);
}

#[test]
fn a_missing_secret_stops_only_its_source() {
    let (_web, commons) = one_page(
        |_| Reply::ok(PAGE),
        "auth.bearer = { token = \"env:BANCO_NONE\" }",
    );
    let said = failure(&commons);
    assert!(
        said.contains("`env:BANCO_NONE`") && said.contains("cannot be read"),
        "{said}"
    );
    done(&commons, &["status"]);
}

#[test]
fn a_declaration_that_makes_no_sense_is_marked_where_it_stands() {
    for (declared, line, said) in [
        (
            "page.number = { param = \"pagina\", size = 10 }",
            7,
            "without `size_param`",
        ),
        (
            "since = { param = \"dal\", field = \"at\", lag = \"2 weeks\" }",
            7,
            "no length of time",
        ),
        (
            "since = { param = \"dal\", lag = \"2d\" }",
            7,
            "`field` is missing",
        ),
        ("page.cursor = { param = \"dopo\" }", 7, "`path` is missing"),
        ("limits.max_attempts = 0", 7, "lets no request through"),
        ("verify = \"some\"", 7, "some"),
        (
            "page.link.body = \"next\"\nformat.csv = {}",
            7,
            "no place for a link",
        ),
    ] {
        let commons = commons_with(&service("https://x.example.org", declared));
        let answer = commons
            .antenne(&["check", "--format", "json"])
            .expect_code(2);
        let mistakes = answer.json();
        let mistake = &mistakes[0];
        let message = mistake["message"].as_str().unwrap();
        assert!(message.contains(said), "{declared}: {mistakes}");
        assert_eq!(mistake["line"], line, "{declared}: {mistakes}");
    }
    let no_key = service("https://x.example.org", SINCE);
    let commons = commons_with(&no_key);
    commons.edit(
        "pipelines/sources/banco.toml",
        "key = [\"id\"]\nrevision = \"at\"\n",
        "",
    );
    let answer = commons.antenne(&["check"]).expect_code(2);
    assert!(
        answer.said.contains("has no key to know them by"),
        "{}",
        answer.said
    );
}
