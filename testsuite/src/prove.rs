//! Faults by which `cargo xtask conformance --prove` sees whether tests fail when what they cite is broken.
//! They come from the environment; without it, nothing here does anything.

use std::io::Write;
use std::sync::LazyLock;

use mapi::ErrorCode;
use mapi::wire::Reader;
use mapi_rop::rops::HandleShape;
use mapi_rop::{Request, Response, ResponseContext, RopId};

/// `COFFER_PROVE`: `refuse:RopOpenFolder` or `alter:RopOpenFolder`.
enum Fault {
    /// The server answers NotImplemented.
    Refuse(RopId),
    /// The client reads another code, and other values.
    Alter(RopId),
}

static FAULT: LazyLock<Option<Fault>> = LazyLock::new(|| {
    let text = std::env::var("COFFER_PROVE").ok()?;
    let (way, name) = text.split_once(':').expect("COFFER_PROVE=refuse:RopOpenFolder");
    let rop = RopId::ALL.iter().copied().find(|rop| rop.name() == name).expect("the name of a ROP");
    match way {
        "refuse" => Some(Fault::Refuse(rop)),
        "alter" => Some(Fault::Alter(rop)),
        _ => panic!("COFFER_PROVE has refuse or alter, not {way}"),
    }
});

static LOG: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("COFFER_PROVE_LOG").ok());

/// The ROP that servers of this process refuse.
pub fn refused() -> Option<RopId> {
    match *FAULT {
        Some(Fault::Refuse(rop)) => Some(rop),
        _ => None,
    }
}

/// Notes what a test sends. The thread has the test's name.
pub(crate) fn note(requests: &[Request]) {
    note_ids(requests.iter().map(|request| request.id().to_u8()));
}

/// As [`note`], by RopIds.
pub(crate) fn note_ids(ids: impl Iterator<Item = u8>) {
    let Some(path) = &*LOG else { return };
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default();
    let rops = ids.filter_map(RopId::from_u8);
    let lines: String = rops.map(|rop| format!("{test}\t{}\n", rop.name())).collect();
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
    // One write, so that lines of other tests do not come between.
    file.and_then(|mut file| file.write_all(lines.as_bytes())).expect("the log of the proof");
}

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

/// The same answer with every byte another one that can be: the code of a failure, and of the body as many
/// as leave something that can be read.
fn altered(response: &Response, context: impl Fn() -> ResponseContext) -> Response {
    let mut bytes = Vec::new();
    response.write(&mut bytes);
    let read = |bytes: &[u8]| {
        let mut r = Reader::new(bytes);
        let response = Response::read(&mut r, &mut context());
        response.ok().filter(|_| r.is_empty())
    };
    let mut result = response.clone();
    let told = response.id().handle_shape() == HandleShape::None;
    let failed = response.code() != ErrorCode(0);
    // RopId, handle index and ReturnValue.
    let (code, body) = if told { (1, 1) } else { (2, 6) };
    if failed && !told {
        bytes[code] ^= 0x01;
        result = read(&bytes).unwrap_or(result);
    }
    // Reading again for each byte is dear; of a long answer, some have to do.
    let step = (bytes.len() / 512).max(1);
    for at in (body..bytes.len()).step_by(step) {
        for flip in [0x01, 0x02, 0x80] {
            bytes[at] ^= flip;
            if let Some(other) = read(&bytes).filter(|other| other.id() == response.id()) {
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
    use mapi_rop::{HandleIndex, LogonId, RopRequest, RopResponse};

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
