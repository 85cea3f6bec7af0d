//! Dialogues as text files: `dialogues/*.txt`.
//!
//! The first line names the role. Then, each in a line: `C: ` is sent, with CRLF; `R: ` is sent as it is, with `\r`, `\t`,
//! `\n`, `\0`, `\\`, `\xHH` and, for long ones, `\*N:C` (N times the character C); what stands together is sent
//! together. `S: ` is the next line that has to come, where `*` stands for anything; `END` the connection's end.
//! `INBOX who N` says how many messages are there now, `HAS who text` that one of them holds a text.

use mail_server::smtp::Role;

use crate::rig::{Client, Rig};

#[test]
fn dialogues_go_as_they_are_written() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/smtp/dialogues");
    let mut paths: Vec<_> =
        std::fs::read_dir(dir).expect(dir).map(|file| file.expect("a file").path()).collect();
    paths.sort();
    assert!(paths.len() >= 9, "{paths:?}");
    // All of them, so that a change shows everything that it changes.
    let failed: Vec<_> = paths
        .into_iter()
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(path).expect("a dialogue");
            std::panic::catch_unwind(|| play(&name, &text)).is_err()
        })
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
}

fn play(name: &str, text: &str) {
    let mut lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let rig = Rig::new();
    let (_, role) = lines.next().expect("a role");
    let mut client = match role {
        "LMTP" => rig.connect(Role::Lmtp),
        "LMTP unix" => rig.connect_unix(),
        "SMTP" => rig.connect(Role::Smtp),
        "SUBMISSION" => rig.connect(Role::Submission),
        other => panic!("{name}: no role {other:?}"),
    };
    let mut unsent = Vec::new();
    for (number, line) in lines {
        let at = format!("{name}:{}", number + 1);
        let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
        match what {
            "C:" => unsent.extend([rest.as_bytes(), b"\r\n"].concat()),
            "R:" => unsent.extend(unescape(rest)),
            _ => {
                client.send(&std::mem::take(&mut unsent));
                expect(&rig, &mut client, &at, what, rest);
            }
        }
    }
    drop(client);
    rig.is_at_base();
}

fn expect(rig: &Rig, client: &mut Client, at: &str, what: &str, rest: &str) {
    match what {
        "S:" => {
            let line = client.line();
            let line = line.unwrap_or_else(|| panic!("{at}: the end instead of {rest:?}"));
            assert!(matches(rest, &line), "{at}: {line:?} instead of {rest:?}");
        }
        "END" => assert_eq!(client.line(), None, "{at}"),
        "INBOX" => {
            let (who, count) = rest.split_once(' ').expect("who and how many");
            assert_eq!(rig.inbox(who).len().to_string(), count, "{at}");
        }
        "HAS" => {
            let (who, text) = rest.split_once(' ').expect("who and what");
            let text = unescape(text);
            let inbox = rig.inbox(who);
            let holds = |message: &Vec<u8>| message.windows(text.len()).any(|w| w == text);
            let shown: Vec<_> = inbox.iter().map(|m| String::from_utf8_lossy(m)).collect();
            assert!(inbox.iter().any(holds), "{at}: {rest:?} in {shown:?}");
        }
        other => panic!("{at}: what is {other:?}?"),
    }
}

fn matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    for (index, part) in parts.iter().enumerate() {
        if index + 1 == parts.len() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty()
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let mut chars = rest[at + 1..].chars();
        match chars.next().expect("something behind \\") {
            'r' => out.push(b'\r'),
            't' => out.push(b'\t'),
            'n' => out.push(b'\n'),
            '0' => out.push(0),
            '\\' => out.push(b'\\'),
            'x' => {
                let digits: String = chars.by_ref().take(2).collect();
                out.push(u8::from_str_radix(&digits, 16).expect("two digits"));
            }
            '*' => {
                let (count, after) = chars.as_str().split_once(':').expect("N:C");
                chars = after.chars();
                let byte = chars.next().expect("a character") as u8;
                out.extend(vec![byte; count.parse().expect("a number")]);
            }
            other => panic!("no escape {other:?}"),
        }
        rest = chars.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
    out
}
