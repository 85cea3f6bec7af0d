//! What must hold for any bytes and any value: shared by the property tests and the fuzz targets. Each
//! function panics if it does not hold.

use mapi::wire::{Reader, WireError};

use crate::buffer::{RequestBuffer, ResponseBuffer};
use crate::handle::{HandleIndex, LogonId};
use crate::parts::{Columns, LogonKind};
use crate::request::{LogonKinds, Request};
use crate::response::{Failure, Response, ResponseContext};
use crate::rops::{RopId, RopRequest, RopResponse};
use crate::sample::{Sample, Source};

/// Any bytes as a ROP input buffer: no panic, and what was read writes itself to bytes that read the same.
pub fn request_buffer(bytes: &[u8]) {
    let Ok(buffer) = RequestBuffer::read(bytes, &mut LogonKinds::default()) else {
        return;
    };
    let again = |bytes: &[u8]| RequestBuffer::read(bytes, &mut LogonKinds::default());
    // Values may grow when they are written in their regular form, beyond what RopSize counts.
    if let Some(written) = crate::buffer::write_requests(&buffer.requests, &buffer.handles) {
        let read = again(&written).expect("what was written can be read");
        let twice = crate::buffer::write_requests(&read.requests, &read.handles);
        assert_eq!(twice.as_deref(), Some(&written[..]));
    }
    for request in &buffer.requests {
        let _ = request.to_string();
    }
}

/// Any bytes as a ROP output buffer, against a context that the first bytes make: no panic, and what was
/// read writes itself to bytes that read the same.
pub fn response_buffer(bytes: &[u8]) {
    let Some((seed, bytes)) = bytes.split_at_checked(16) else {
        return;
    };
    let columns = Columns::sample(&mut Source::new(seed));
    let requests: Vec<Request> = [RopId::QueryRows, RopId::FindRow, RopId::GetMessageStatus]
        .into_iter()
        .filter_map(|id| RopRequest::sample_of(id, &mut Source::new(seed)))
        .map(|body| Request::new(LogonId(0), HandleIndex(0), body))
        .collect();
    let context = || ResponseContext::new(&requests, |_| columns.clone());
    let Ok(buffer) = ResponseBuffer::read(bytes, &mut context()) else {
        return;
    };
    let (mut one, mut two) = (context(), context());
    for response in &buffer.responses {
        let mut written = Vec::new();
        response.write(&mut written);
        let _ = response.to_string();
        // A failure at the end of a buffer may lack its body, and its place is at the end of one alone.
        let read = Response::read(&mut Reader::new(&written), &mut one);
        let mut again = Vec::new();
        read.expect("what was written can be read").write(&mut again);
        assert_eq!(again, written);
        let _ = Response::read(&mut Reader::new(&again), &mut two);
    }
}

/// Any request of any ROP round-trips.
pub fn any_request(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let id = RopId::ALL[source.below(RopId::ALL.len())];
    request_of(id, &mut source);
}

/// Any request of this ROP round-trips.
pub fn request_of(id: RopId, source: &mut Source<'_>) {
    let (logon, input, other) =
        (LogonId::sample(source), HandleIndex::sample(source), HandleIndex::sample(source));
    let Some(body) = RopRequest::sample_of(id, source) else {
        return;
    };
    let mut logons = LogonKinds::default();
    logons.set(logon, kind_of(&body));
    let request = Request::with(logon, input, other, body);
    let mut written = Vec::new();
    request.write(&mut written);
    let mut r = Reader::new(&written);
    let read = Request::read(&mut r, &mut logons);
    assert_eq!(read.as_ref(), Ok(&request));
    assert!(r.is_empty(), "{request} leaves bytes");
    let _ = request.to_string();
}

/// Two requests have a field in one kind of logon only.
fn kind_of(body: &RopRequest) -> LogonKind {
    let public = match body {
        RopRequest::SetMessageReadFlag(request) => request.client_data.is_some(),
        RopRequest::WritePerUserInformation(request) => request.replica_guid.is_none(),
        _ => false,
    };
    if public { LogonKind::Public } else { LogonKind::Private }
}

/// Any answer of any ROP round-trips, success and failure.
pub fn any_response(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let id = RopId::ALL[source.below(RopId::ALL.len())];
    response_of(id, &mut source);
}

/// Any answer of this ROP round-trips, success and failure.
pub fn response_of(id: RopId, source: &mut Source<'_>) {
    let handle = HandleIndex::sample(source);
    let Some(body) = RopResponse::sample_of(id, source) else {
        return;
    };
    let told = id.handle_shape() == crate::rops::HandleShape::None;
    let handle = if told { HandleIndex(0) } else { handle };
    let success = Response { handle, body };
    assert_eq!(response_again(&success), Ok(success.clone()));
    let _ = success.to_string();
    if told {
        return;
    }
    let codes = [0x8004_0111, 0x503, 0x478, 0x480];
    let failure = Failure::new(id, mapi::ErrorCode(codes[source.below(codes.len())]));
    let failed = Response { handle, body: RopResponse::Failed(failure) };
    assert_eq!(response_again(&failed), Ok(failed));
}

fn response_again(response: &Response) -> Result<Response, WireError> {
    let mut written = Vec::new();
    response.write(&mut written);
    let mut r = Reader::new(&written);
    let id = response.id();
    let columns = columns_of(&response.body);
    let read = Response::read(&mut r, &mut ResponseContext::of(id, response.handle, columns))?;
    r.finish("no bytes behind the answer")?;
    Ok(read)
}

fn columns_of(body: &RopResponse) -> Columns {
    match body {
        RopResponse::QueryRows(answer) => answer.columns.clone(),
        RopResponse::FindRow(answer) => answer.columns.clone(),
        RopResponse::ExpandRow(answer) => answer.columns.clone(),
        RopResponse::ReadRecipients(answer) => answer.columns.clone(),
        RopResponse::GetPropertiesSpecific(answer) => answer.columns.clone(),
        _ => Columns::from([]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_rop_round_trips() {
        let bytes: Vec<u8> =
            (0..4000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for id in RopId::ALL {
            for start in 0..60 {
                request_of(*id, &mut Source::new(&bytes[start * 60..]));
                response_of(*id, &mut Source::new(&bytes[start * 60..]));
            }
        }
    }

    /// [MS-OXCROPS] 2.2.2: 0x52, 0x9D and 0xA3 are defined, though an older table calls them reserved.
    #[test]
    fn the_table_has_every_defined_id() {
        let reserved = [0x00u8, 0x28, 0x3c, 0x3d, 0x62, 0x65, 0x6a, 0x71]
            .into_iter()
            .chain([0x7c, 0x7d, 0x83, 0x84, 0x85, 0x87, 0x88])
            .chain(0x8a..=0x8f)
            .chain((0x94..=0xf8).filter(|id| ![0x9d, 0xa3].contains(id)))
            .chain(0xfa..=0xfd);
        let reserved: Vec<u8> = reserved.collect();
        for id in 0..=255u8 {
            assert_eq!(RopId::from_u8(id).is_none(), reserved.contains(&id), "{id:#x}");
        }
        assert_eq!(RopId::ALL.len(), 256 - reserved.len());
        assert!(RopId::ALL.iter().all(|id| RopId::from_u8(id.to_u8()) == Some(*id)));
    }

    proptest! {
        #[test]
        fn any_value_round_trips(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            any_request(&bytes);
            any_response(&bytes);
        }

        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            request_buffer(&bytes);
            response_buffer(&bytes);
        }

        /// A valid buffer with a few bytes changed gets further than random bytes do.
        #[test]
        fn any_change_is_safe(
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
            changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..4),
        ) {
            let mut source = Source::new(&bytes);
            let mut rops = Vec::new();
            let mut answers = Vec::new();
            for _ in 0..4 {
                let id = RopId::ALL[source.below(RopId::ALL.len())];
                if let Some(body) = RopRequest::sample_of(id, &mut source) {
                    Request::new(LogonId(0), HandleIndex(0), body).write(&mut rops);
                }
                if let Some(body) = RopResponse::sample_of(id, &mut source) {
                    Response { handle: HandleIndex(0), body }.write(&mut answers);
                }
            }
            let changed = |list: Vec<u8>| {
                let mut buffer = ((list.len() + 2) as u16).to_le_bytes().to_vec();
                buffer.extend_from_slice(&list);
                for (at, byte) in &changes {
                    let at = usize::from(*at) % buffer.len();
                    buffer[at] = *byte;
                }
                buffer
            };
            request_buffer(&changed(rops));
            let mut answers = changed(answers);
            answers.splice(0..0, bytes.iter().copied().chain([0; 16]).take(16));
            response_buffer(&answers);
        }
    }
}
