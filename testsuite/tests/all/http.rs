//! What only happens with a socket in between.

use mapi_session::{Error, Http, Limits, MapiProp, Profile, Session};
use std::time::Duration;

use testsuite::rig::{ME, PASSWORD, Rig};

fn refused(service: Http) -> Error {
    Session::logon(Profile::new(service)).expect_err("the server refuses")
}

#[test]
fn a_wrong_password_is_told_with_the_name() -> testsuite::Result {
    let rig = Rig::http()?;
    for (user, password) in [(ME, "wrong"), ("nobody@example.test", PASSWORD), (ME, "")] {
        let error = refused(Http::new(&rig.url(), user, password)?);
        assert!(matches!(&error, Error::Credentials { user: told } if told == user), "{error}");
    }
    assert_eq!(rig.live(), 0);
    Ok(())
}

#[test]
fn https_is_refused_with_what_to_do() {
    let error = Http::new("https://127.0.0.1:1", ME, PASSWORD).expect_err("not spoken yet");
    assert!(error.to_string().contains("https is not spoken yet"), "{error}");
}

#[test]
fn a_port_where_nobody_listens_is_told() -> testsuite::Result {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    drop(listener);
    let error = refused(Http::new(&url, ME, PASSWORD)?);
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    Ok(())
}

/// Not a MAPI server: whatever it says, it is told and does not hang.
#[test]
fn another_kind_of_server_is_told() -> testsuite::Result {
    use std::io::{Read, Write};
    for answer in [
        "220 mail.test ESMTP\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "",
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let server = std::thread::spawn(move || -> std::io::Result<()> {
            let (mut stream, _) = listener.accept()?;
            let mut request = [0; 4096];
            let _ = stream.read(&mut request)?;
            stream.write_all(answer.as_bytes())
        });
        let limits = Limits { silence: Duration::from_secs(10), ..Limits::default() };
        let error = refused(Http::new(&url, ME, PASSWORD)?.limits(limits));
        assert!(
            matches!(error, Error::Protocol(_) | Error::ConnectionLost { .. }),
            "{answer:?}: {error}"
        );
        server.join().map_err(|_| "the server panicked")??;
    }
    Ok(())
}

/// A server that ends under a session: the next request says that the session is over, and everything is
/// dropped without a word.
#[test]
fn a_server_that_ends_takes_the_session_along() -> testsuite::Result {
    let rig = Rig::http()?;
    let session = rig.session(ME)?;
    let store = session.open_default_msg_store()?;
    let inbox = store.inbox()?;
    drop(rig);
    let error = inbox.property(mapi::tags::DISPLAY_NAME).expect_err("nobody listens any more");
    assert!(matches!(error, Error::Unreachable { .. } | Error::ConnectionLost { .. }), "{error}");
    drop((inbox, store, session));
    Ok(())
}

/// The server ends the session by itself (here as it does with one that was silent too long): the client
/// is told to log on again.
#[test]
fn a_session_that_expired_is_told() -> testsuite::Result {
    let rig = Rig::http()?;
    let session = rig.session(ME)?;
    let store = session.open_default_msg_store()?;
    rig.end_all_sessions();
    let error = store.inbox().expect_err("the session ended");
    assert!(matches!(error, Error::SessionLost { .. }), "{error}");
    assert!(error.ends_session());
    assert!(error.to_string().contains("log on again"));
    // From then on there is no session.
    assert!(matches!(store.inbox(), Err(Error::Closed("the session"))));
    drop((store, session));
    assert!(rig.session(ME)?.open_default_msg_store().is_ok());
    Ok(())
}

/// The endpoint can be given whole, with the mailbox in it.
#[test]
fn the_whole_endpoint_is_a_url_too() -> testsuite::Result {
    let rig = Rig::http()?;
    for end in ["/", "/mapi/emsmdb", "/mapi/emsmdb/?MailboxId=whatever"] {
        let service = Http::new(&format!("{}{end}", rig.url()), ME, PASSWORD)?;
        let session = Session::logon(Profile::new(service.application("Tests/1.0.0.0")))?;
        assert!(session.open_default_msg_store()?.inbox().is_ok());
    }
    Ok(())
}
