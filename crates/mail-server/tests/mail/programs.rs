//! Real programs over TLS and without, where they are installed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use mail_server::Protocol;

use crate::rig::{PASSWORD, Rig, USER};

const MAIL: [&str; 3] = [
    "From: a@there.test\r\nSubject: one\r\n\r\nHello\r\n",
    "From: b@there.test\r\nSubject: two\r\n\r\n.\r\n..dots\r\nFrom the end\r\n",
    "From: c@there.test\r\nSubject: three\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGr\u{fc}\u{df}e\r\n",
];

fn rig() -> Rig {
    let rig = Rig::new();
    MAIL.iter().for_each(|mail| rig.deliver(mail));
    rig
}

/// Whether a program is there; says so where it is not.
fn has(program: &str, package: &str) -> bool {
    let mut asked = Command::new(program);
    asked.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let found = asked.status().is_ok();
    if !found {
        eprintln!("SKIPPED: {program} is not installed; Debian's package {package} has it");
    }
    found
}

/// A program in a place of its own, which may take so long and not longer.
fn command(rig: &Rig, program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.args(["120", program]).current_dir(rig.folder());
    command.env("HOME", rig.folder()).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    command
}

fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("it starts");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (status.code(), text(&stdout), text(&stderr))
}

/// What a program wrote that has to succeed.
fn ok(command: &mut Command) -> String {
    let (status, out, err) = output(command);
    assert_eq!(status, Some(0), "{command:?}:\n{out}{err}");
    out
}

fn certificate(rig: &Rig) -> String {
    rig.certificates.source().certificates.to_str().expect("a path").to_owned()
}

/// How a program gets TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Plain,
    Command,
    AtOnce,
}

const WAYS: [Way; 3] = [Way::Plain, Way::Command, Way::AtOnce];

#[test]
fn curl_reads_and_sends_in_every_way() {
    if !has("curl", "curl") {
        return;
    }
    let rig = rig();
    let (certificate, user) = (certificate(&rig), format!("{USER}:{PASSWORD}"));
    let letter = rig.folder().join("letter");
    fs::write(&letter, format!("From: {USER}\r\nSubject: by curl\r\n\r\nHi\r\n")).expect("written");
    for way in WAYS {
        let curl = |scheme: &str, protocol: Protocol, rest: &str| {
            let mut curl = command(&rig, "curl");
            curl.args(["-sS", "--user", &user, "--cacert", &certificate]);
            if way == Way::Command {
                curl.arg("--ssl-reqd");
            }
            let (s, tls) = if way == Way::AtOnce { ("s", true) } else { ("", false) };
            curl.arg(format!("{scheme}{s}://{}/{rest}", rig.address(protocol, tls)));
            curl
        };
        let listed = ok(&mut curl("pop3", Protocol::Pop3, ""));
        assert!(listed.lines().count() >= 3 && listed.starts_with("1 "), "{way:?}: {listed}");
        let message = ok(&mut curl("pop3", Protocol::Pop3, "2"));
        assert!(message.ends_with(MAIL[1]), "{way:?}: {message}");
        let message = ok(&mut curl("imap", Protocol::Imap, "INBOX;UID=2"));
        assert!(message.ends_with(MAIL[1]), "{way:?}: {message}");
        let mut sends = curl("smtp", Protocol::Submission, "laptop.test");
        sends.args(["--mail-from", USER, "--mail-rcpt", USER, "--upload-file"]).arg(&letter);
        ok(&mut sends);
    }
    // Who trusts nobody is told that it is nobody he trusts.
    let url = format!("pop3s://{}/", rig.address(Protocol::Pop3, true));
    let (status, ..) = output(command(&rig, "curl").args(["-sS", "--user", &user, &url]));
    assert_eq!(status, Some(60));
    let by_curl =
        rig.inbox().iter().filter(|mail| mail.ends_with(b"by curl\r\n\r\nHi\r\n")).count();
    assert_eq!(by_curl, WAYS.len());
    rig.is_at_base();
}

#[test]
fn pythons_modules_read_and_send_in_every_way() {
    if !has("python3", "python3") {
        return;
    }
    let rig = rig();
    let script = rig.folder().join("programs.py");
    fs::write(&script, include_str!("programs.py")).expect("written");
    let mut python = command(&rig, "python3");
    python.arg(script).arg(certificate(&rig)).args([USER, PASSWORD]);
    for protocol in [Protocol::Pop3, Protocol::Imap, Protocol::Submission] {
        python.args([false, true].map(|tls| rig.address(protocol, tls).port().to_string()));
    }
    assert_eq!(ok(&mut python), "all well\n");
    rig.is_at_base();
}

#[test]
fn swaks_sends_over_tls() {
    if !has("swaks", "swaks") {
        return;
    }
    let rig = rig();
    let support = ok(command(&rig, "swaks").arg("--support"));
    if support.contains("TLS support not available") || !support.contains("=> TLS") {
        eprintln!("SKIPPED: swaks has no TLS; Debian's package libnet-ssleay-perl has it");
        return;
    }
    for (flag, tls) in [("--tls", false), ("--tls-on-connect", true)] {
        let mut swaks = command(&rig, "swaks");
        let address = rig.address(Protocol::Submission, tls);
        swaks.args(["--server", "127.0.0.1", "--port", &address.port().to_string(), flag]);
        swaks.args(["--from", USER, "--to", USER, "--header", "Subject: by swaks"]);
        swaks.args(["--auth", "PLAIN", "--auth-user", USER, "--auth-password", PASSWORD]);
        let told = ok(&mut swaks);
        assert!(told.contains("TLSv1.3") || told.contains("TLSv1.2"), "{told}");
        assert!(told.contains("<~  235"), "{told}");
    }
    assert_eq!(rig.inbox().len(), MAIL.len() + 2);
    rig.is_at_base();
}

#[test]
fn fetchmail_fetches_each_message_once_and_then_deletes_them() {
    if !has("fetchmail", "fetchmail") {
        return;
    }
    let rig = rig();
    let certificate = certificate(&rig);
    let got = rig.folder().join("got");
    let fetch = |tls: bool, keep: &str| {
        let port = rig.address(Protocol::Pop3, tls).port();
        let secure = if tls { "ssl" } else { "sslproto TLS1.2+" };
        let file = rig.folder().join("fetchmailrc");
        let text = format!(
            "poll localhost service {port} protocol pop3 uidl username \"{USER}\" password \"{PASSWORD}\" \
             {secure} sslcertck sslcertfile \"{certificate}\" {keep} mda \"cat >> {}\"\n",
            got.display()
        );
        fs::write(&file, text).expect("written");
        private(&file);
        let mut fetchmail = command(&rig, "fetchmail");
        fetchmail.args(["--nodetach", "--nosyslog", "--fetchmailrc"]).arg(&file);
        let (status, out, err) = output(&mut fetchmail);
        // "There was no mail awaiting retrieval."
        assert!(matches!(status, Some(0 | 1)), "{out}{err}");
        status == Some(0)
    };
    assert!(fetch(false, "keep"));
    let all = fs::read_to_string(&got).expect("a file");
    for subject in ["one", "two", "three"] {
        assert_eq!(all.matches(&format!("Subject: {subject}\n")).count(), 1, "{all}");
    }
    assert!(all.contains("\n.\n..dots\n") && all.contains("Gr\u{fc}\u{df}e"), "{all}");
    // Unique ids tell what is known.
    assert!(!fetch(true, "keep"));
    rig.deliver("Subject: four\r\n\r\n");
    assert!(fetch(true, "keep"));
    assert_eq!(fs::read_to_string(&got).expect("a file").matches("Subject: ").count(), 4);
    assert!(fetch(true, "nokeep fetchall"));
    assert!(rig.inbox().is_empty());
    rig.is_at_base();
}

#[test]
fn mutt_sends_and_keeps_what_it_sent() {
    if !has("mutt", "mutt") {
        return;
    }
    let rig = rig();
    let certificate = certificate(&rig);
    let rc = rig.folder().join("muttrc");
    let [smtp, imap] =
        [Protocol::Submission, Protocol::Imap].map(|protocol| rig.address(protocol, false).port());
    let smtps = rig.address(Protocol::Submission, true).port();
    let imaps = rig.address(Protocol::Imap, true).port();
    for (scheme, smtp, imap) in [("", smtp, imap), ("s", smtps, imaps)] {
        let text = format!(
            "set from=\"{USER}\" use_envelope_from=yes\n\
             set ssl_force_tls=yes ssl_starttls=yes ssl_ca_certificates_file=\"{certificate}\"\n\
             set certificate_file=\"{certificate}\"\n\
             set smtp_url=\"smtp{scheme}://{USER}@127.0.0.1:{smtp}/\" smtp_pass=\"{PASSWORD}\"\n\
             set imap_user=\"{USER}\" imap_pass=\"{PASSWORD}\"\n\
             set record=\"imap{scheme}://127.0.0.1:{imap}/Sent Items\" copy=yes\n"
        );
        fs::write(&rc, text).expect("written");
        let letter = rig.folder().join("letter");
        fs::write(&letter, "Hello from mutt\n").expect("written");
        let mut mutt = command(&rig, "mutt");
        mutt.args(["-n", "-F"]).arg(&rc).args(["-s", "by mutt", "--", USER]);
        mutt.stdin(fs::File::open(&letter).expect("a file"));
        ok(&mut mutt);
    }
    let by_mutt = |mails: Vec<Vec<u8>>| {
        let is = |mail: &&Vec<u8>| mail.ends_with(b"\r\n\r\nHello from mutt\r\n");
        mails.iter().filter(is).count()
    };
    assert_eq!(by_mutt(rig.inbox()), 2);
    assert_eq!(by_mutt(rig.folder_of(store::SpecialFolder::SentItems)), 2);
    rig.is_at_base();
}

/// A message without the mark that mbsync gives to what it carries.
fn unmarked(text: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.starts_with("X-TUID: ")).collect()
}

/// A Maildir's messages: what is in each, and its flags.
fn maildir(folder: &Path) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    for part in ["cur", "new"] {
        for file in fs::read_dir(folder.join(part)).expect("a folder") {
            let path = file.expect("a file").path();
            let name = path.file_name().expect("a name").to_str().expect("text").to_owned();
            let flags =
                name.split_once(":2,").map(|(_, flags)| flags.to_owned()).unwrap_or_default();
            all.insert((unmarked(&fs::read_to_string(&path).expect("text")), flags));
        }
    }
    all
}

#[test]
fn mbsync_carries_changes_both_ways_and_both_sides_are_equal() {
    if !has("mbsync", "isync") {
        return;
    }
    let rig = rig();
    let certificate = certificate(&rig);
    for way in [Way::Command, Way::AtOnce] {
        let sync = |name: &str| {
            let place = rig.folder().join(format!("{name}-{way:?}"));
            ["mail", "state"].iter().for_each(|name| {
                fs::create_dir_all(place.join(name)).expect("a folder");
            });
            let port = rig.address(Protocol::Imap, way == Way::AtOnce).port();
            let tls = if way == Way::AtOnce { "IMAPS" } else { "STARTTLS" };
            let text = format!(
                "IMAPStore far\nHost 127.0.0.1\nPort {port}\nUser {USER}\nPass \"{PASSWORD}\"\n\
                 SSLType {tls}\nSystemCertificates no\nCertificateFile \"{certificate}\"\n\n\
                 MaildirStore near\nPath {0}/mail/\nInbox {0}/mail/INBOX\nSubFolders Verbatim\n\n\
                 Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\n\
                 SyncState {0}/state/\n",
                place.display()
            );
            let rc = place.join("mbsyncrc");
            fs::write(&rc, text).expect("written");
            ok(command(&rig, "mbsync").arg("-c").arg(&rc).arg("all"));
            place.join("mail")
        };
        let near = sync("first");
        let before = maildir(&near.join("INBOX"));
        let received: BTreeSet<String> = rig
            .inbox()
            .into_iter()
            .map(|mail| unmarked(&String::from_utf8(mail).expect("text").replace("\r\n", "\n")))
            .collect();
        assert_eq!(before.iter().map(|(text, _)| text.clone()).collect::<BTreeSet<_>>(), received);
        // Here: one is read and flagged, one is gone, one is new; another folder with one.
        let count = received.len();
        let mut files: Vec<_> = ["cur", "new"]
            .iter()
            .flat_map(|part| fs::read_dir(near.join("INBOX").join(part)).expect("a folder"))
            .map(|file| file.expect("a file").path())
            .collect();
        files.sort();
        let flagged = files[0].file_name().expect("a name").to_str().expect("text").to_owned();
        let base = flagged.split(":2,").next().expect("a name").to_owned();
        fs::rename(&files[0], near.join(format!("INBOX/cur/{base}:2,FS"))).expect("flagged");
        fs::remove_file(&files[1]).expect("removed");
        let new = format!("From: here@here.test\nSubject: put here {way:?}\n\nNew\n");
        fs::write(near.join("INBOX/cur/1.new:2,S"), &new).expect("written");
        for part in ["cur", "new", "tmp"] {
            fs::create_dir_all(near.join("Projects").join(part)).expect("a folder");
        }
        fs::write(near.join("Projects/cur/1.there:2,"), &new).expect("written");
        // There: one comes.
        rig.deliver(&format!("Subject: came there {way:?}\r\n\r\nLater\r\n"));
        sync("first");
        sync("first");
        let here = maildir(&near.join("INBOX"));
        assert_eq!(here.len(), count + 1, "{here:?}");
        assert!(here.iter().any(|(_, flags)| flags == "FS"), "{here:?}");
        // What somebody else sees who never was here.
        let fresh = sync("second");
        assert_eq!(maildir(&fresh.join("INBOX")), here);
        assert_eq!(maildir(&fresh.join("Projects")), maildir(&near.join("Projects")));
        assert_eq!(rig.inbox().len(), here.len());
        assert!(here.iter().any(|(text, flags)| *text == new && flags == "S"), "{here:?}");
    }
    rig.is_at_base();
}

/// Programs refuse files with passwords in them that others may read.
fn private(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("private");
}
