//! Real programs, where they are installed.

use std::io::Write;
use std::process::{Command, Stdio};

use mail_server::smtp::Role;

use crate::rig::{PASSWORD, Rig};

/// Whether a program is there; says so where it is not.
fn has(program: &str) -> bool {
    let mut asked = Command::new(program);
    asked.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    let found = asked.status().is_ok();
    if !found {
        eprintln!("SKIPPED: {program} is not installed; Debian's package of that name has it");
    }
    found
}

fn run(command: &mut Command, input: &str) -> String {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("it starts");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{command:?}: {text}");
    text
}

const MESSAGE: &str =
    "From: ann@here.test\r\nTo: bob@here.test\r\nSubject: by curl\r\n\r\n.dots\r\n..\r\nend\r\n";

#[test]
fn curl_sends_over_smtp_and_submission() {
    if !has("curl") {
        return;
    }
    let rig = Rig::new();
    for role in [Role::Smtp, Role::Submission] {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--upload-file", "-"]);
        curl.args(["--mail-from", "ann@here.test", "--mail-rcpt", "bob@here.test"]);
        if role == Role::Submission {
            curl.args(["--user", &format!("ann@here.test:{PASSWORD}")]);
        }
        run(curl.arg(format!("smtp://{}/laptop.test", rig.address(role))), MESSAGE);
    }
    let inbox = rig.inbox("bob");
    assert_eq!(inbox.len(), 2);
    for message in inbox {
        assert!(message.ends_with(b"Subject: by curl\r\n\r\n.dots\r\n..\r\nend\r\n"));
    }
    rig.is_at_base();
}

#[test]
fn swaks_sends_over_each_way() {
    if !has("swaks") {
        return;
    }
    let rig = Rig::new();
    let swaks = |role: Role| {
        let mut swaks = Command::new("swaks");
        let address = rig.address(role);
        swaks.args(["--server", &address.ip().to_string(), "--port", &address.port().to_string()]);
        swaks.args(["--from", "ann@here.test", "--to", "bob@here.test,cy@here.test"]);
        swaks
    };
    run(swaks(Role::Lmtp).args(["--protocol", "LMTP"]), "");
    run(swaks(Role::Smtp).args(["--pipeline"]), "");
    let password = ["--auth", "LOGIN", "--auth-user", "ann@here.test", "--auth-password", PASSWORD];
    run(swaks(Role::Submission).args(password), "");
    assert_eq!((rig.inbox("bob").len(), rig.inbox("cy").len()), (3, 3));
    rig.is_at_base();
}
