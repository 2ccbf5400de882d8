//! What makes no sense in the declaration of a service.

use chrono::format::{Item, StrftimeItems};
use url::{Host, Url};

use super::rest::{Auth, LinkIn, Paging, Rest, Total};
use super::span::Span;
use crate::spec::format::Format;
use crate::spec::source_check::{Finding, finding};

/// Words in the name of a parameter or header field that holds a secret.
const SECRET_NAMES: [&str; 7] = [
    "authorization",
    "api-key",
    "api_key",
    "apikey",
    "token",
    "secret",
    "password",
];

/// One rule.
type Rule = fn(&Rest) -> Option<Finding>;

/// Every rule, in the order of its findings.
const RULES: [Rule; 8] = [
    url_is_web,
    secrets_travel_encrypted,
    query_stands_apart,
    size_has_name,
    parameters_differ,
    since_has_sense,
    format_is_pattern,
    limits_let_through,
];

impl Rest {
    /// What makes no sense in the declaration.
    pub(super) fn check(&self, format: &Format) -> Vec<Finding> {
        let mut findings: Vec<Finding> = RULES.iter().filter_map(|rule| rule(self)).collect();
        findings.extend(format_has_parts(self, format));
        let named = self.query.keys().chain(self.headers.keys());
        findings.extend(named.filter(|name| is_secret(name)).map(|name| {
            let message = format!("`{name}` looks like a secret that is written down");
            let help = "declare it under `auth`, as `env:NAME` or `file:PATH`";
            finding(name, message, help)
        }));
        findings
    }
}

/// The format has what paging and watermark are read from.
fn format_has_parts(rest: &Rest, format: &Format) -> Option<Finding> {
    let is_json = matches!(format, Format::Json(_));
    let has_records = is_json || matches!(format, Format::Csv(_) | Format::Ndjson(_));
    let (needle, lacks) = match (&rest.page, &rest.since, &rest.total) {
        (Some(Paging::Cursor(_)), _, _) if !is_json => ("cursor", "place for a cursor"),
        (Some(Paging::Link(LinkIn::Body(_))), _, _) if !is_json => ("link", "place for a link"),
        (Some(Paging::Number(_)), _, _) if !has_records => ("number", "records to be counted"),
        (Some(Paging::Offset(_)), _, _) if !has_records => ("offset", "records to be counted"),
        (_, Some(_), _) if !has_records => ("since", "records to be looked into"),
        (_, _, Some(Total::Body(_))) if !is_json => ("total", "place for a total"),
        _ => return None,
    };
    let message = format!("pages of the declared format have no {lacks}, which `{needle}` needs");
    let help = "declare `format.json`, or another way of paging";
    Some(finding(needle, message, help))
}

/// Whether a name is that of a secret.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|word| name.contains(word))
}

/// Whether an address is one of the web.
fn web(address: &str) -> Option<Url> {
    let url = Url::parse(address).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// The addresses are of the web and hold no password.
fn url_is_web(rest: &Rest) -> Option<Finding> {
    let token = match &rest.auth {
        Some(Auth::Oauth2(client)) => Some(&client.token_url),
        _ => None,
    };
    [Some(&rest.url), token]
        .into_iter()
        .flatten()
        .find_map(|address| {
            let Some(url) = web(address) else {
                let message = format!("`{address}` is no address of the web");
                return Some(finding(address, message, "use `https://…`"));
            };
            (url.password().is_some() || !url.username().is_empty()).then(|| {
                let help = "declare user and password as `auth.basic`";
                finding(
                    "url",
                    "the address has a user or a password written down".to_owned(),
                    help,
                )
            })
        })
}

/// Secrets go over an encrypted connection, or stay on this machine.
fn secrets_travel_encrypted(rest: &Rest) -> Option<Finding> {
    let auth = rest.auth.as_ref()?;
    let token = match auth {
        Auth::Oauth2(client) => Some(&client.token_url),
        _ => None,
    };
    let is_open = |address: &&String| {
        web(address).is_some_and(|url| url.scheme() == "http" && !is_loopback(&url))
    };
    let open = [Some(&rest.url), token]
        .into_iter()
        .flatten()
        .find(is_open)?;
    let message = format!("`{open}` would send a secret over a connection anyone can read");
    Some(finding(open, message, "use `https://`"))
}

/// Whether an address is of this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Parameters stand in `query`, not in the address.
fn query_stands_apart(rest: &Rest) -> Option<Finding> {
    rest.url.contains(['?', '#']).then(|| {
        let message = "the address holds a query".to_owned();
        let help = "move it to `query = { name = \"value\" }`";
        finding("url", message, help)
    })
}

/// The size of a page and its parameter come together.
fn size_has_name(rest: &Rest) -> Option<Finding> {
    let (name, size) = match rest.page.as_ref()? {
        Paging::Number(by) => (&by.size_param, by.size),
        Paging::Offset(by) => (&by.size_param, by.size),
        Paging::Cursor(by) => (&by.size_param, by.size),
        Paging::Link(_) => return None,
    };
    if size == Some(0) {
        let message = "a page of no records has no end".to_owned();
        return Some(finding("size", message, "make `size` at least 1"));
    }
    match (name, size) {
        (Some(_), None) => Some(finding(
            "size_param",
            "`size_param` stands without `size`".to_owned(),
            "say how many records a page holds, or leave both out",
        )),
        (None, Some(_)) => Some(finding(
            "size",
            "`size` stands without `size_param`".to_owned(),
            "name the parameter that asks for so many records, or leave both out",
        )),
        _ => None,
    }
}

/// No two parts of the declaration set the same parameter.
fn parameters_differ(rest: &Rest) -> Option<Finding> {
    let mut names: Vec<&str> = rest.query.keys().map(String::as_str).collect();
    names.extend(match &rest.page {
        Some(Paging::Number(by)) => Some(by.param.as_str()),
        Some(Paging::Offset(by)) => Some(by.param.as_str()),
        Some(Paging::Cursor(by)) => Some(by.param.as_str()),
        Some(Paging::Link(_)) | None => None,
    });
    names.extend(
        rest.page
            .as_ref()
            .and_then(Paging::size)
            .map(|(name, _)| name),
    );
    if let Some(since) = &rest.since {
        names.push(&since.param);
        names.extend(since.until.as_deref());
    }
    if let Some(Auth::Query(key)) = &rest.auth {
        names.push(&key.name);
    }
    names.sort_unstable();
    let twice = names.windows(2).find(|pair| pair.first() == pair.last())?;
    let name = twice.first()?;
    let message = format!("the parameter `{name}` is set twice");
    Some(finding(name, message, "leave one of them out"))
}

/// What is new can be told, and the cursor has a place to come from.
fn since_has_sense(rest: &Rest) -> Option<Finding> {
    let since = rest.since.as_ref()?;
    if since.field.trim().is_empty() {
        let message = "`since` names no field, so nothing says where the next fetch begins";
        let help = "name the field of a record that the parameter is compared with";
        return Some(finding("field", message.to_owned(), help));
    }
    let is_long = |lag: Span| lag > Span::seconds(366 * 86_400);
    since.lag.filter(|lag| is_long(*lag)).map(|lag| {
        let message = format!("a lag of {lag} reads more than a year again with every run");
        finding("lag", message, "leave `since` out to fetch the whole table")
    })
}

/// The pattern of the watermark is one, and says which day it is.
fn format_is_pattern(rest: &Rest) -> Option<Finding> {
    let format = rest.since.as_ref()?.format.as_ref()?;
    let items: Vec<Item<'_>> = StrftimeItems::new(format).collect();
    let has_time = items
        .iter()
        .any(|item| matches!(item, Item::Numeric(..) | Item::Fixed(_)));
    let is_wrong = items.iter().any(|item| matches!(item, Item::Error)) || !has_time;
    is_wrong.then(|| {
        let message = format!("`{format}` is no pattern of a moment");
        let help = "use directives of strftime, for example `%Y-%m-%dT%H:%M:%SZ`, or `%s`";
        finding(format, message, help)
    })
}

/// The limits let a request through.
fn limits_let_through(rest: &Rest) -> Option<Finding> {
    let limits = &rest.limits;
    let zero = Span::seconds(0);
    let numbers = [
        ("per_minute", limits.per_minute == 0),
        ("max_response_mib", limits.max_response_mib == 0),
        ("max_attempts", limits.max_attempts == 0),
        ("request_timeout", limits.request_timeout == zero),
        (
            "total_timeout",
            limits.total_timeout < limits.request_timeout,
        ),
    ];
    let (name, _) = numbers.into_iter().find(|(_, is_wrong)| *is_wrong)?;
    let message = format!("`{name}` lets no request through");
    let help = "raise it; `total_timeout` is at least `request_timeout`";
    Some(finding(name, message, help))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::format::JsonFormat;

    /// Messages about a service written in TOML.
    fn messages(toml: &str) -> Vec<String> {
        let rest: Rest = toml::from_str(toml).unwrap();
        let found = rest.check(&Format::Json(JsonFormat::default())).into_iter();
        found.map(|finding| finding.message).collect()
    }

    #[test]
    fn a_sound_service_has_no_findings() {
        let sound = r#"
            url = "https://api.example.org/v1/interventi"
            query = { stato = "tutti" }
            auth.query = { name = "key", value = "env:KEY" }
            page.number = { param = "page", size_param = "per_page", size = 100 }
            since = { param = "dal", until = "al", field = "quando", format = "%s", lag = "2d" }
            total.header = "X-Total-Count"
            limits = { per_minute = 60, max_attempts = 3 }
        "#;
        assert_eq!(messages(sound), [""; 0]);
    }

    #[test]
    fn nonsense_is_found_and_no_secret_is_repeated() {
        for (nonsense, said) in [
            ("url = \"ftp://x/y\"", "no address of the web"),
            (
                "url = \"https://u:hunter2@x.example.org/\"",
                "a password written down",
            ),
            ("url = \"https://x.example.org/?a=b\"", "holds a query"),
            (
                "url = \"http://x.example.org/\"\nauth.bearer = { token = \"env:T\" }",
                "anyone can read",
            ),
            (
                "url = \"https://x.example.org/\"\nquery = { api_key = \"hunter2\" }",
                "looks like a secret",
            ),
            (
                "url = \"https://x.example.org/\"\npage.offset = { param = \"o\", size = 10 }",
                "without `size_param`",
            ),
            (
                "url = \"https://x.example.org/\"\nquery = { page = \"1\" }\npage.number = { param = \"page\" }",
                "set twice",
            ),
            (
                "url = \"https://x.example.org/\"\nsince = { param = \"a\", field = \"\" }",
                "names no field",
            ),
            (
                "url = \"https://x.example.org/\"\nsince = { param = \"a\", field = \"b\", format = \"%Q\" }",
                "no pattern",
            ),
            (
                "url = \"https://x.example.org/\"\nlimits = { max_attempts = 0 }",
                "lets no request through",
            ),
        ] {
            let found = messages(nonsense);
            assert_eq!(found.len(), 1, "{nonsense}: {found:?}");
            assert!(found[0].contains(said), "{found:?}");
            assert!(!found[0].contains("hunter2"));
        }
    }
}
