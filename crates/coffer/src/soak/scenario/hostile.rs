//! Clients that are wrong, rude or gone: refused logons, dropped connections, noise.

use std::io::{Read, Write};
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use crate::soak::ground::Visit;
use crate::soak::target::basic;
use crate::soak::wire::Wire;

/// Every way to be refused, and then the right password.
pub fn failed_logon(visit: &Visit<'_>) -> Result<()> {
    let address = visit.ground.target.address()?;
    let mut wire = Wire::connect(&address)?;
    let (scheme, expected): (String, &[u16]) = match visit.number % 4 {
        0 => (basic(&address.user, "a wrong password"), &[401]),
        1 => (basic("nobody@nowhere.test", "a password"), &[401]),
        2 => (basic("", ""), &[401]),
        _ => ("Authorization: Bearer nonsense".into(), &[401]),
    };
    visit.watch.note("a refused logon");
    wire.authorization = scheme;
    let status = wire.request("Connect", &wire.connect_body())?.status;
    ensure!(expected.contains(&status), "a wrong logon was answered with status {status}");
    // The same connection, the right password.
    wire.authorization = address.authorization.clone();
    visit.watch.note("the right password");
    ensure!(
        wire.request("Connect", &wire.connect_body())?.is_success(),
        "the right password failed"
    );
    ensure!(wire.request("Disconnect", &[0; 4])?.is_success(), "a Disconnect failed");
    Ok(())
}

/// Goes away in each state of the protocol.
pub fn dropped(visit: &Visit<'_>) -> Result<()> {
    let address = visit.ground.target.address()?;
    let mut wire = Wire::connect(&address)?;
    let state = visit.number % 9;
    let connect = wire.head("Connect", wire.connect_body().len());
    let body = wire.connect_body();
    match state {
        // Silent from the start, inside the head, before the body, inside it, before the answer.
        0 => {}
        1 => wire.send(&connect[..connect.len() / 2])?,
        2 => wire.send(&connect)?,
        3 => wire.send(&[&connect[..], &body[..body.len() / 2]].concat())?,
        4 => wire.send(&[&connect[..], &body[..]].concat())?,
        state => {
            ensure!(wire.request("Connect", &body)?.is_success(), "a Connect failed");
            let execute = wire.head("Execute", 100);
            match state {
                5 => {}
                6 => wire.send(&[&execute[..], &[0; 50]].concat())?,
                7 => wire.begin("NotificationWait", &[0; 8])?,
                _ => {
                    // Pending: the server has said that it works on it.
                    wire.begin("NotificationWait", &[0; 8])?;
                    let mut first = [0; 12];
                    wire.stream.read_exact(&mut first)?;
                    ensure!(first.starts_with(b"HTTP/1.1 200"), "a NotificationWait was refused");
                }
            }
        }
    }
    Ok(())
}

/// Sends what is no request.
pub fn garbage(visit: &Visit<'_>) -> Result<()> {
    let address = visit.ground.target.address()?;
    let mut wire = Wire::connect(&address)?;
    wire.stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let noise = noise(visit.number, 4000);
    match visit.number % 8 {
        0 => rude(&mut wire, &noise)?,
        1 => {
            // A head without an end.
            let mut endless = b"POST /mapi/emsmdb/ HTTP/1.1\r\nX: ".to_vec();
            endless.resize(200_000, b'x');
            rude(&mut wire, &endless)?;
        }
        2 => {
            let head = format!(
                "POST /mapi/emsmdb/ HTTP/1.1\r\nHost: x\r\n{}\r\nContent-Length: 99999999999\r\n\r\n",
                address.authorization
            );
            rude(&mut wire, head.as_bytes())?;
        }
        3 => {
            rude(&mut wire, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n")?
        }
        // Well-formed HTTP from here on: the answer has to be an error.
        4 => refused(&mut wire, "Connect", &noise)?,
        5 => refused(&mut wire, "Nonsense", &[])?,
        6 => refused(&mut wire, "Execute", &noise)?,
        _ => {
            // A session, and in it an Execute whose ROP buffer is noise.
            ensure!(
                wire.request("Connect", &wire.connect_body())?.is_success(),
                "a Connect failed"
            );
            let noise = &noise[..500];
            let mut body = vec![0; 4];
            body.extend_from_slice(&(noise.len() as u32).to_le_bytes());
            body.extend_from_slice(noise);
            body.extend_from_slice(&32_768_u32.to_le_bytes());
            body.extend_from_slice(&[0; 4]);
            let answer = wire.request("Execute", &body)?;
            ensure!(answer.status == 200, "an Execute of noise ended with {}", answer.status);
        }
    }
    Ok(())
}

/// Sends bytes and reads until the server closes, or answers what is no success.
fn rude(wire: &mut Wire, bytes: &[u8]) -> Result<()> {
    // The server may close before it has taken everything.
    if wire.stream.write_all(bytes).is_err() {
        return Ok(());
    }
    let _ = wire.stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = (&wire.stream).take(1 << 20).read_to_end(&mut answer);
    // A MAPI error has status 200 and another X-ResponseCode than 0.
    let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
    ensure!(!answer.contains("x-responsecode: 0\r"), "the server took noise for a request");
    Ok(())
}

fn refused(wire: &mut Wire, request: &str, body: &[u8]) -> Result<()> {
    let answer = wire.request(request, body)?;
    if answer.is_success() {
        bail!("a {request} of noise succeeded");
    }
    Ok(())
}

/// Bytes that look random, the same for the same number.
fn noise(number: u64, count: usize) -> Vec<u8> {
    let mut state = number.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..count).map(|_| next()).collect()
}

/// A NotificationWait under way when its session ends.
pub fn notification_wait(visit: &Visit<'_>) -> Result<()> {
    let address = visit.ground.target.address()?;
    let mut wire = Wire::connect(&address)?;
    ensure!(wire.request("Connect", &wire.connect_body())?.is_success(), "a Connect failed");
    let mut waiting = wire.beside(&address)?;
    waiting.begin("NotificationWait", &[0; 8])?;
    let mut first = [0; 12];
    waiting.stream.read_exact(&mut first)?;
    ensure!(first.starts_with(b"HTTP/1.1 200"), "a NotificationWait was refused");
    ensure!(wire.request("Disconnect", &[0; 4])?.is_success(), "a Disconnect failed");
    // The waiting request ends with its session.
    visit.watch.note("waiting for the end of a NotificationWait");
    let rest = waiting.answer_after(&first)?;
    ensure!(!rest.is_success(), "a NotificationWait of an ended session succeeded");
    Ok(())
}
