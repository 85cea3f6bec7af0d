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

/// Any bytes around ROP buffers and auxiliary buffers: no panic, nothing beyond the limits.
pub fn extended_buffer(bytes: &[u8]) {
    const LIMIT: usize = 100_000;
    if let Ok(payloads) = crate::ext::read_payloads(bytes, LIMIT) {
        assert!(payloads.iter().map(Vec::len).sum::<usize>() <= LIMIT);
        let packing = crate::ext::Packing { compress: true, obfuscate: true };
        let written = crate::ext::write_payloads(&payloads, packing).expect("payloads that fit");
        assert_eq!(crate::ext::read_payloads(&written, LIMIT), Ok(payloads));
    }
    let blocks = crate::auxiliary::read_blocks(bytes);
    assert_eq!(crate::auxiliary::read_blocks(&crate::auxiliary::write_blocks(&blocks)), blocks);
}

/// Any bytes as compressed ones, with the size in the first two; and what is compressed comes back.
pub fn lz77(bytes: &[u8]) {
    if let Some((size, rest)) = bytes.split_first_chunk() {
        let size = usize::from(u16::from_le_bytes(*size));
        if let Ok(out) = crate::lz77::decompress(rest, size) {
            assert_eq!(out.len(), size);
        }
    }
    if let Some(compressed) = crate::lz77::compress(bytes) {
        assert_eq!(crate::lz77::decompress(&compressed, bytes.len()).as_deref(), Ok(bytes));
    }
}

/// Any bytes as bodies of MAPI/HTTP, and as a response stream in two pieces.
pub fn http(bytes: &[u8]) {
    use crate::http::*;
    body::<ConnectRequest>(bytes);
    body::<Body<ConnectResponse>>(bytes);
    body::<ExecuteRequest>(bytes);
    body::<Body<ExecuteResponse>>(bytes);
    body::<DisconnectRequest>(bytes);
    body::<Body<DisconnectResponse>>(bytes);
    body::<NotificationWaitRequest>(bytes);
    body::<Body<NotificationWaitResponse>>(bytes);

    let mut stream = ResponseStream::new(50);
    let (head, tail) = bytes.split_at(bytes.len() / 2);
    if stream.push(head).is_ok() && stream.push(tail).is_ok() {
        let _ = stream.finish();
    }
}

fn body<T: mapi::Wire + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    if let Ok(body) = T::from_wire(bytes) {
        assert_eq!(T::from_wire(&body.to_wire()), Ok(body));
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

    /// Round trips cannot see a field of the wrong size: the specification's sizes can.
    #[test]
    fn every_layout_has_the_size_of_the_specification() {
        let mut sizes = String::new();
        for id in RopId::ALL {
            let request = RopRequest::sample_of(*id, &mut Source::new(&[])).map(|body| {
                let mut w = Vec::new();
                Request::new(LogonId(0), HandleIndex(0), body).write(&mut w);
                w.len()
            });
            let answer = RopResponse::sample_of(*id, &mut Source::new(&[]))
                .map(|body| Response { handle: HandleIndex(0), body }.encoded_len());
            let print = |size: Option<usize>| size.map_or("-".to_owned(), |size| size.to_string());
            let line = [id.name().to_owned(), print(request), print(answer)].join("\t");
            sizes.push_str(&line);
            sizes.push('\n');
        }
        let expected = include_str!("../tests/data/sizes.tsv");
        let expected = expected.split_once("answer\n").expect("the head of the table").1;
        assert_eq!(sizes, expected);
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
            extended_buffer(&bytes);
            lz77(&bytes);
            http(&bytes);
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
