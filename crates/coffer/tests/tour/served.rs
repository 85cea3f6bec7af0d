//! Servers: the demo, the throw-away one, and commands through a running one.

use std::io::Read;

use mapi_session::{Http, Profile, Session};

use crate::program::{Place, end, json, start};

/// Ports for a server with fixed ones: free a moment ago.
fn free_ports() -> [String; 2] {
    let listeners = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().to_string())
}

#[test]
fn the_demo_starts_twice_on_the_same_data_and_answers_over_http() {
    let place = Place::new();
    let [listen, metrics] = free_ports();
    let arguments = ["serve", "--demo", "--listen", &listen, "--metrics-listen", &metrics];
    let mut first = start(&place, &arguments);
    let password = first.value("password");
    let url = format!("http://{listen}");
    first.value("    ");
    let inbox = place.ok_with_input(
        &["ls", "--url", &url, "--user", "demo@example.test", "--password-stdin", "Inbox"],
        &format!("{password}\n"),
    );
    assert!(inbox.contains("Welcome to Coffer"), "{inbox}");
    let wrong = place
        .command(&["ls", "--url", &url, "--user", "demo@example.test"])
        .env("COFFER_PASSWORD", "wrong")
        .output()
        .unwrap();
    assert_eq!(wrong.status.code(), Some(1));

    // Through the control socket, since the server holds the directory.
    let list = json(&place.ok(&["user", "list", "--json"]));
    assert_eq!(list[0]["address"], "demo@example.test");
    let local = place.ok(&["ls", "--mailbox", "demo@example.test", "Inbox/Spring fair"]);
    assert!(local.contains("Re: Budget"), "{local}");

    // A port in use: a clear word, and the directory of the other is safe.
    let other = Place::new();
    let refused = other.fails(&arguments);
    assert!(refused.contains("in use"), "{refused}");

    assert_eq!(end(first), 0);
    let mut second = start(&place, &arguments);
    second.value("    ");
    let again = place.ok(&["ls", "--mailbox", "demo@example.test", "--json", "Inbox"]);
    assert_eq!(json(&again).as_array().map(Vec::len), Some(4), "no doubles after a second start");
    assert_eq!(end(second), 0);
}

#[test]
fn an_ephemeral_server_says_where_it_is_and_leaves_nothing() {
    let place = Place::new();
    let mut running = start(&place, &["serve", "--ephemeral", "--users", "2"]);
    let ready = json(&running.line());
    for field in ["pid", "data", "user", "password", "legacy_dn", "mapi_url", "metrics_url"] {
        assert!(!ready[field].is_null(), "{field} in {ready}");
    }
    assert_eq!(ready["accounts"].as_array().map(Vec::len), Some(2));
    let data = std::path::PathBuf::from(ready["data"].as_str().unwrap());
    assert!(data.is_dir());

    let url = ready["mapi_url"].as_str().unwrap();
    let tree = place.ok_with_input(
        &["ls", "--url", url, "--user", "user2@example.test", "--password-stdin"],
        &format!("{}\n", ready["password"].as_str().unwrap()),
    );
    assert!(tree.contains("Inbox"), "{tree}");

    let metrics = get(ready["metrics_url"].as_str().unwrap());
    assert!(metrics.contains("coffer_"), "{metrics}");
    assert_eq!(end(running), 0);
    assert!(!data.exists(), "nothing is left behind");
}

#[test]
fn top_tells_who_holds_what_and_says_when_there_is_no_server() {
    let place = Place::new();
    let alone = place.fails(&["top"]);
    assert!(alone.contains("there is no data directory"), "{alone}");
    place.ok(&["user", "add", "me@example.test", "--generate"]);
    let alone = place.fails(&["top", "--json"]);
    assert!(alone.contains("no server holds the data directory"), "{alone}");

    let limits = ["--limit", "sessions-per-user=3", "--limit", "folders=77"];
    let mut running = start(&place, &[&["serve", "--ephemeral"], &limits[..]].concat());
    let ready = json(&running.line());
    let data = std::path::PathBuf::from(ready["data"].as_str().unwrap());
    let user = ready["user"].as_str().unwrap();
    let url = ready["mapi_url"].as_str().unwrap();
    let http = Http::new(url, user, ready["password"].as_str().unwrap()).unwrap();
    let session = Session::logon(Profile::new(http.application("Tour/1"))).unwrap();
    let opened = session.open_default_msg_store().unwrap();

    let (status, text) = place.run_at(&data, &["top", "--json", "--sort", "requests"]);
    assert_eq!(status, 0, "{text}");
    let top = json(&text);
    assert_eq!(top["users"][0]["user"], user, "{top}");
    assert_eq!(top["users"][0]["kinds"]["logon"], 1, "{top}");
    assert_eq!(top["clients"][0]["client"], "Tour/1", "{top}");
    assert_eq!(top["sessions"][0]["user"], user, "{top}");
    assert!(top["sessions"][0]["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{top}");
    assert!(top["sessions"][0]["rops"].as_u64().unwrap() >= 1, "{top}");
    assert_eq!(top["connections"][0]["user"], user, "{top}");
    let limit = |name: &str| {
        let rows = top["limits"].as_array().unwrap();
        rows.iter().find(|row| row["limit"] == name).unwrap()["value"].as_u64()
    };
    assert_eq!((limit("sessions-per-user"), limit("folders")), (Some(3), Some(77)));
    let bounds = top["bounds"].as_array().unwrap();
    assert!(bounds.iter().all(|row| row["used"].as_u64() <= row["bound"].as_u64()), "{top}");
    assert!(bounds.iter().any(|row| row["what"] == "views"), "{top}");
    let (_, other) = place.run_at(&data, &["top", "--json", "--user", "no@example.test"]);
    assert_eq!(json(&other)["sessions"].as_array().map(Vec::len), Some(0));
    // Not on a terminal: once, as a table.
    let (status, table) = place.run_at(&data, &["top"]);
    assert_eq!(status, 0);
    assert!(table.contains("USER") && table.contains("Tour/1"), "{table}");
    drop((opened, session));
    assert_eq!(end(running), 0);

    let unknown = place.fails(&["serve", "--ephemeral", "--limit", "foldrs=3"]);
    assert!(unknown.contains("sessions-per-user"), "the names are told: {unknown}");
}

/// A plain GET.
fn get(url: &str) -> String {
    use std::io::Write;
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn mail_comes_in_over_lmtp_and_submission() {
    use std::io::{BufRead, BufReader, Write};

    let place = Place::new();
    let mut running = start(
        &place,
        &["serve", "--ephemeral", "--lmtp", "127.0.0.1:0", "--submission", "127.0.0.1:0"],
    );
    let ready = json(&running.line());
    let (user, password) = (ready["user"].as_str().unwrap(), ready["password"].as_str().unwrap());
    let talk = |server: &str, lines: &[&str]| {
        let stream = std::net::TcpStream::connect(ready["mail"][server].as_str().unwrap()).unwrap();
        let mut answers = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
        let mut answer = || answers.find(|line| line.as_bytes()[3] != b'-').unwrap();
        assert!(answer().starts_with("220 "));
        for line in lines {
            (&stream).write_all(format!("{line}\r\n").as_bytes()).unwrap();
            let answer = answer();
            assert!(answer.as_bytes()[0] < b'4', "{line}: {answer}");
        }
    };
    let (from, to) = (format!("MAIL FROM:<{user}>"), format!("RCPT TO:<{user}>"));
    let message = "Subject: by LMTP\r\n\r\nText\r\n.";
    talk("lmtp", &["LHLO mta", &from, &to, "DATA", message, "QUIT"]);
    let plain = format!("\0{user}\0{password}");
    let auth =
        format!("AUTH PLAIN {}", base64::Engine::encode(&base64::prelude::BASE64_STANDARD, plain));
    let message = "Subject: by submission\r\n\r\nText\r\n.";
    talk("submission", &["EHLO pc", &auth, &from, &to, "DATA", message, "QUIT"]);
    let inbox = place.ok_with_input(
        &[
            "ls",
            "--url",
            ready["mapi_url"].as_str().unwrap(),
            "--user",
            user,
            "--password-stdin",
            "Inbox",
        ],
        &format!("{password}\n"),
    );
    assert!(inbox.contains("by LMTP") && inbox.contains("by submission"), "{inbox}");
    assert_eq!(end(running), 0);
}
