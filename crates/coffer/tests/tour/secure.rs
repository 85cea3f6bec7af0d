//! TLS as who starts a server sees it: a certificate of its own, another one while it runs, what is refused.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use mail_server::tls::Certificates;

use crate::program::{Place, Running, end, json, start};

/// What curl got, trusting one certificate alone; None where it does not trust what is shown.
fn curl(certificate: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--include", "--max-time", "60", "--cacert"])
        .arg(certificate)
        .args(arguments)
        .output()
        .unwrap();
    match output.status.code() {
        Some(0) => Some(String::from_utf8(output.stdout).unwrap()),
        // "The peer's SSL certificate or SSH fingerprint was not OK."
        Some(60) => None,
        _ => panic!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr)),
    }
}

fn has_curl() -> bool {
    let found = Command::new("curl").arg("--version").output().is_ok();
    if !found {
        eprintln!("SKIPPED: curl is not installed; Debian's package of that name has it");
    }
    found
}

fn hang_up(running: &Running) {
    let pid = i32::try_from(running.child.id()).unwrap();
    // SAFETY: the child was started here and has not been waited for, so the id is its own.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGHUP) }, 0);
}

#[test]
fn https_is_served_with_a_certificate_that_can_be_changed_meanwhile() {
    if !has_curl() {
        return;
    }
    let place = Place::new();
    let any = "127.0.0.1:0";
    let mut running = start(&place, &["serve", "--ephemeral", "--https", any, "--imaps", any]);
    let ready = json(&running.line());
    let ours = Path::new(ready["tls"]["certificate"].as_str().unwrap());
    let key = ours.with_file_name("key.pem");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let https = ready["https_url"].as_str().unwrap();
    let url = format!("{}/mapi/emsmdb/", https.replace("127.0.0.1", "localhost"));
    let login =
        format!("{}:{}", ready["user"].as_str().unwrap(), ready["password"].as_str().unwrap());
    let connect = |certificate: &Path| {
        curl(certificate, &["--user", &login, "-X", "POST", "-H", "X-RequestType: PING", &url])
    };
    let answer = connect(ours).expect("the certificate is the server's");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(
        answer.to_lowercase().contains("strict-transport-security: max-age=31536000"),
        "{answer}"
    );
    // Plain HTTP is no TLS, and without credentials nobody gets in.
    let refused = curl(ours, &["-X", "POST", &url]).expect("trusted");
    assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");

    // A mail program that does not trust it gets nothing.
    let imaps = ready["mail"]["imaps"].as_str().unwrap();
    let imaps = format!("imaps://{}/", imaps.replace("127.0.0.1", "localhost"));
    let other = place.path("other");
    let (other, _) = Certificates::self_signed(&other, &["localhost".into()]).unwrap();
    let theirs = other.source();
    assert!(curl(&theirs.certificates, &["--user", &login, &imaps]).is_none());
    let list = curl(ours, &["--user", &login, &imaps]).expect("trusted");
    assert!(list.contains("INBOX"), "{list}");

    let old = place.path("old.pem");
    std::fs::copy(ours, &old).unwrap();
    // Half of the change: the old one is shown further on.
    std::fs::copy(&theirs.certificates, ours).unwrap();
    hang_up(&running);
    assert!(connect(&old).is_some());
    std::fs::copy(&theirs.key, &key).unwrap();
    hang_up(&running);
    let changed = (0..600).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        connect(&theirs.certificates).is_some()
    });
    assert!(changed, "SIGHUP brings another certificate");
    assert!(connect(&old).is_none());
    assert_eq!(end(running), 0);
}

#[test]
fn the_certificate_of_a_directory_is_kept_and_its_fingerprint_is_printed() {
    let place = Place::new();
    let serve = || {
        let arguments = ["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"];
        let imap = ["--imap", "127.0.0.1:0", "--host-name", "mail.here.test"];
        let mut running = start(&place, &[&["serve"][..], &arguments, &imap].concat());
        let shown = running.value("SHA-256");
        assert_eq!(end(running), 0);
        shown
    };
    let (first, again) = (serve(), serve());
    assert!(first.contains(" (made now, kept in "), "{first}");
    assert!(again.contains(" (of its own making, in "), "{again}");
    assert_eq!(first[..95], again[..95]);
    assert_eq!(first[..95].matches(':').count(), 31);
}

#[test]
fn nothing_listens_beyond_loopback_without_tls() {
    let place = Place::new();
    // An address of documentation (RFC 5737): nothing could be bound anyway.
    for option in ["--listen", "--metrics-listen"] {
        let refused = place.fails(&["serve", option, "192.0.2.1:0"]);
        assert!(refused.contains("192.0.2.1:0 is not on loopback"), "{refused}");
        assert!(refused.contains("--https"), "{refused}");
    }
    let refused = place.fails(&["serve", "--tls-cert", "nowhere.pem", "--tls-key", "nowhere.pem"]);
    assert!(refused.contains("cannot read nowhere.pem"), "{refused}");
    let refused = place.fails(&["serve", "--tls-cert", "nowhere.pem"]);
    assert!(refused.contains("--tls-key"), "{refused}");
}
