//! Faults by which `cargo xtask conformance --prove` sees whether tests fail when what they cite is broken.
//! They come from the environment; without it, nothing here does anything.

pub(crate) mod http;

use std::cell::Cell;
use std::io::Write;
use std::sync::LazyLock;

use mapi::wire::Reader;
use mapi::{ErrorCode, FileTime, PropertyValue};
use mapi_rop::rops::HandleShape;
use mapi_rop::{Request, Response, ResponseContext, RopId, RopResponse};

/// `COFFER_PROVE`: `refuse:RopOpenFolder`, `alter:RopOpenFolder`, `refuse:PING`, `alter:header X-RequestId`.
enum Fault {
    /// The server answers NotImplemented.
    Refuse(RopId),
    /// The client reads another code, and other values.
    Alter(RopId),
    /// The server does not know the request type.
    RefuseRequest(String),
    /// The client sees another element of an answer over HTTP.
    AlterElement(http::Element),
}

static FAULT: LazyLock<Option<Fault>> = LazyLock::new(|| {
    let text = std::env::var("COFFER_PROVE").ok()?;
    let (way, name) = text.split_once(':').expect("COFFER_PROVE=refuse:RopOpenFolder");
    let rop = RopId::ALL.iter().copied().find(|rop| rop.name() == name);
    Some(match (way, rop) {
        ("refuse", Some(rop)) => Fault::Refuse(rop),
        ("alter", Some(rop)) => Fault::Alter(rop),
        ("refuse", None) => Fault::RefuseRequest(name.to_owned()),
        ("alter", None) => Fault::AlterElement(http::Element::parse(name).expect("an element")),
        _ => panic!("COFFER_PROVE has refuse or alter, not {way}"),
    })
});

static LOG: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("COFFER_PROVE_LOG").ok());

/// The ROP that servers of this process refuse.
pub fn refused() -> Option<RopId> {
    match *FAULT {
        Some(Fault::Refuse(rop)) => Some(rop),
        _ => None,
    }
}

/// Notes what a test sends, and what it is answered that bears more than success.
pub(crate) fn note(requests: &[Request], answers: &[Response]) {
    note_ids(requests.iter().map(|request| request.id().to_u8()));
    for answer in answers {
        let mut bytes = Vec::new();
        answer.write(&mut bytes);
        if bytes.len() > HEAD || answer.code() != ErrorCode(0) {
            note_line("reads", answer.id().name());
        }
    }
}

/// Notes ROPs whose answers a test reads octet by octet.
pub(crate) fn note_octets(ids: impl Iterator<Item = u8> + Clone) {
    note_ids(ids.clone());
    // RopRelease has no answer.
    let answered = ids.filter_map(RopId::from_u8).filter(|rop| *rop != RopId::Release);
    answered.for_each(|rop| note_line("reads", rop.name()));
}

fn note_ids(ids: impl Iterator<Item = u8>) {
    ids.filter_map(RopId::from_u8).for_each(|rop| note_line("sends", rop.name()));
}

/// The thread has the test's name.
fn note_line(what: &str, name: &str) {
    let Some(path) = &*LOG else { return };
    let thread = std::thread::current();
    let line = format!("{}\t{what}\t{name}\n", thread.name().unwrap_or_default());
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
    // One write, so that lines of other tests do not come between.
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the log of the proof");
}

/// RopId, handle index and ReturnValue.
const HEAD: usize = 6;

/// Alters the octets of answers if one of the requests is the ROP that is to be altered: another code, and
/// other octets behind the first code.
pub(crate) fn alter_octets(answers: &mut [u8], mut ids: impl Iterator<Item = u8>) {
    let Some(Fault::Alter(rop)) = *FAULT else { return };
    if ids.any(|id| id == rop.to_u8()) {
        answers.iter_mut().skip(2).for_each(|octet| *octet ^= 0x01);
    }
}

/// Alters the answers of the ROP that is to be altered. `context` is that of one request's answer.
pub(crate) fn alter(
    responses: &mut [Response],
    requests: &[Request],
    context: impl Fn(&Request) -> ResponseContext,
) {
    let Some(Fault::Alter(rop)) = *FAULT else { return };
    for response in responses.iter_mut().filter(|response| response.id() == rop) {
        let asked = requests
            .iter()
            .find(|request| request.id() == rop && request.answer_index() == response.handle);
        let context = || asked.map_or_else(ResponseContext::default, &context);
        *response = altered(response, context);
    }
}

thread_local! {
    /// How many answers of this test were altered. Each is altered otherwise than the one before it, so that a
    /// test sees it which compares two.
    static ALTERED: Cell<usize> = const { Cell::new(0) };
}

/// The same value, but another one.
fn other_value(value: &PropertyValue) -> PropertyValue {
    match value.clone() {
        PropertyValue::Integer16(number) => PropertyValue::Integer16(number ^ 1),
        PropertyValue::Integer32(number) => PropertyValue::Integer32(number ^ 1),
        PropertyValue::Integer64(number) => PropertyValue::Integer64(number ^ 1),
        PropertyValue::Boolean(is) => PropertyValue::Boolean(!is),
        PropertyValue::Time(time) => PropertyValue::Time(FileTime(time.0 ^ (1 << 56))),
        PropertyValue::String(text) => {
            PropertyValue::String(format!("{}!", text.to_string_lossy()).as_str().into())
        }
        PropertyValue::Binary(bytes) => PropertyValue::Binary([bytes, vec![0]].concat()),
        PropertyValue::ServerId(bytes) => PropertyValue::ServerId([bytes, vec![0]].concat()),
        other => other,
    }
}

/// The same answer with every byte another one that can be: the code of a failure, and of the body as many
/// as leave something that can be read. A count of nothing becomes one of something, which is zeros.
fn altered(response: &Response, context: impl Fn() -> ResponseContext) -> Response {
    if let RopResponse::GetPropertiesAll(all) = &response.body {
        // Long, and each value of it may be what a test looks at.
        let mut all = all.clone();
        all.values.iter_mut().for_each(|value| value.value = other_value(&value.value));
        return Response { body: RopResponse::GetPropertiesAll(all), ..response.clone() };
    }
    let mut bytes = Vec::new();
    response.write(&mut bytes);
    let read = |bytes: &[u8]| {
        let more = [bytes, &[0; 32]].concat();
        let other = Response::read(&mut Reader::new(&more), &mut context()).ok()?;
        (other.id() == response.id() && other != *response).then_some(other)
    };
    let mut result = response.clone();
    let told = response.id().handle_shape() == HandleShape::None;
    let failed = response.code() != ErrorCode(0);
    // The handle of a notification stays: by it a test finds out what is told.
    let body = match response.id() {
        RopId::Notify => 5,
        _ if told => 1,
        _ => HEAD,
    };
    if failed && !told {
        bytes[2] ^= 0x01;
        match read(&bytes) {
            Some(other) => result = other,
            None => bytes[2] ^= 0x01,
        }
    }
    // Reading again for each byte is dear; of a long answer, some have to do.
    let step = (bytes.len() / 256).max(1);
    let turn = ALTERED.replace(ALTERED.get() + 1) % 3;
    for at in (body..bytes.len()).step_by(step) {
        for flip in [[0x01, 0x03, 0x81][turn], 0x01, 0x02, 0x80] {
            bytes[at] ^= flip;
            if let Some(other) = read(&bytes) {
                result = other;
                break;
            }
            bytes[at] ^= flip;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use mapi_rop::table::{TableStatus, TableStatusResponse};
    use mapi_rop::{HandleIndex, LogonId, RopRequest};

    #[test]
    fn codes_and_values_become_others() {
        let body = RopRequest::GetStatus(mapi_rop::Empty);
        let request = Request::new(LogonId(0), HandleIndex(0), body);
        let context = || ResponseContext::new(std::slice::from_ref(&request), |_| [].into());
        let failure = Response::failed(&request, ErrorCode::NOT_FOUND);
        let other = altered(&failure, context);
        assert_ne!(other.code(), failure.code());
        assert!(!other.code().is_success());

        let body = RopResponse::GetStatus(TableStatusResponse { status: TableStatus::Complete });
        let success = Response::to(&request, body);
        let other = altered(&success, context);
        assert!(other.code().is_success());
        assert_ne!(other, success);
    }
}
