//! What a wrong configuration is told, and that the example shows all of it.

use std::path::Path;

use super::*;

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, ReadConfigError> {
    let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Config::parse(text, Path::new("gateway.toml"), environment)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[test]
fn the_shortest_file_gets_the_documented_defaults() {
    let config = parse("instance = \"gw-1\"", &[]).unwrap();
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:9600");
    assert_eq!(config.database.pool, 10);
    assert!(config.broker.is_none());
}

#[test]
fn the_example_file_shows_every_default() {
    let example = parse(include_str!("../../gateway.example.toml"), &[]).unwrap();
    let bare = parse("instance = \"gw-1\"", &[]).unwrap();
    assert_eq!(format!("{:?}", example.database), format!("{:?}", bare.database));
    assert_eq!(format!("{:?}", example.ingest), format!("{:?}", bare.ingest));
    assert_eq!(format!("{:?}", example.worker), format!("{:?}", bare.worker));
    assert_eq!(example.http.listen, bare.http.listen);
    let broker = example.broker.unwrap();
    assert_eq!((broker.host.as_str(), broker.port), ("127.0.0.1", 8883));
    assert!(example.store.is_some() && example.audit.is_some());
}

fn fails_with(text: &str, environment: &[(&str, &str)]) -> String {
    chain(&parse(text, environment).unwrap_err())
}

#[test]
fn the_example_file_shows_every_key_and_every_key_is_read() {
    let example: toml::Table =
        include_str!("../../gateway.example.toml").replace("# url_file", "url_file").parse().unwrap();
    for key in KEYS {
        let found = key
            .name
            .split('.')
            .try_fold(toml::Value::Table(example.clone()), |at, step| at.get(step).cloned());
        assert!(found.is_some(), "the example does not show {}", key.name);
    }
    assert!(example.clone().try_into::<Config>().is_ok());
    for section in ["", "database", "broker", "http", "store", "audit", "ingest", "worker"] {
        let mut stray = example.clone();
        match stray.get_mut(section).and_then(toml::Value::as_table_mut) {
            Some(inner) => drop(inner.insert("zz".to_owned(), 1.into())),
            None => drop(stray.insert("zz".to_owned(), 1.into())),
        }
        let said = stray.try_into::<Config>().unwrap_err().to_string();
        let known = said.lines().next().and_then(|line| line.split_once("expected ")).unwrap().1;
        for name in known.split('`').skip(1).step_by(2) {
            let full = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
            let below = format!("{full}.");
            let listed = KEYS.iter().any(|key| key.name == full || key.name.starts_with(&below));
            assert!(listed, "{full} is read and not listed");
        }
    }
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_what_is_allowed() {
    assert_eq!(
        fails_with("instance = \"gw-1\"\n[http]\nlisen = \"127.0.0.1:1\"\n", &[]),
        "use the configuration gateway.toml: [http] lisen (line 3) is no key, did you mean listen?; [http] takes listen"
    );
}

#[test]
fn a_value_of_the_wrong_kind_is_told_with_what_is_accepted() {
    assert_eq!(
        fails_with("instance = \"gw-1\"\n[worker]\nquiet_ms = \"5 s\"\n", &[]),
        "use the configuration gateway.toml: [worker] quiet_ms = \"5 s\" (line 3) is text; accepted is a whole number \
         of milliseconds from 0 to 86400000, without quotes and unit (5 s would be 5000), for example quiet_ms = 2000"
    );
    assert_eq!(
        fails_with("instance = \"gw-1\"\n[database]\npool = 2\n", &[]),
        "use the configuration gateway.toml: [database] pool = 2 (line 3) is out of range; accepted is a whole number \
         of connections from 3 to 1000, for example pool = 10"
    );
    assert_eq!(
        fails_with("instance = \"Gateway 1\"", &[]),
        "use the configuration gateway.toml: instance = \"Gateway 1\" (line 1) does not fit; accepted is 1 to 40 of \
         a-z, 0-9 and '-', beginning with a letter, in quotes, for example instance = \"gw-1\""
    );
}

#[test]
fn what_the_environment_got_wrong_is_told_with_the_variable() {
    assert_eq!(
        fails_with("instance = \"gw-1\"", &[("PRIM_GATEWAY_HTTP_LISEN", "x")]),
        "use the configuration gateway.toml with PRIM_GATEWAY_HTTP_LISEN over it: [http] lisen is no key, did you mean \
         listen?; [http] takes listen"
    );
}

#[test]
fn the_environment_overrides_the_file() {
    let over =
        [("PRIM_GATEWAY_HTTP_LISTEN", "127.0.0.1:7"), ("PRIM_GATEWAY_WORKER_QUIET_MS", "5"), ("HOME", "/")];
    let config = parse("instance = \"gw-1\"", &over).unwrap();
    assert_eq!(config.http.listen.port(), 7);
    assert_eq!(config.worker.quiet_ms, 5);
    let text = chain(&parse("instance = \"gw-1\"", &[("PRIM_GATEWAY_HTTP_LISEN", "x")]).unwrap_err());
    assert!(text.contains("lisen"), "{text}");
}

#[test]
fn a_page_that_others_could_reach_is_refused_with_what_to_do() {
    for listen in ["0.0.0.0:9600", "[::]:9600", "192.168.1.2:9600"] {
        let error = parse("instance = \"gw-1\"", &[("PRIM_GATEWAY_HTTP_LISTEN", listen)]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("http.listen") && text.contains("reverse proxy with authentication"), "{text}");
    }
    assert!(parse("instance = \"gw-1\"\n[http]\nlisten = \"[::1]:0\"", &[]).is_ok());
}

#[test]
fn a_far_database_needs_verified_tls() {
    let config = parse("instance = \"gw-1\"", &[]).unwrap();
    let url = |url: &str| config.database_url(Some(url.to_owned()));
    assert!(url("postgres://me@127.0.0.1/prim").is_ok());
    assert!(url("postgres://me@db.example.org/prim?sslmode=verify-full").is_ok());
    assert!(matches!(url("postgres://me@db.example.org/prim"), Err(ReadConfigError::Unverified { .. })));
    let secret = url("postgres//:hunter2").unwrap_err().to_string();
    assert!(!secret.contains("hunter2"), "{secret}");
    let other = url("mysql://root:hunter2@localhost/prim").unwrap_err().to_string();
    assert!(other.contains("mysql://, and only Postgres") && !other.contains("hunter2"), "{other}");
    assert!(matches!(config.database_url(None), Err(ReadConfigError::NoDatabase)));
}
