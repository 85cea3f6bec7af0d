//! The examples that the specifications give, byte for byte, in both directions.

use mapi::wire::Reader;
use mapi::{FolderId, PropertyTag, TaggedValue};
use mapi_rop::folder::PartialCompletionResponse;
use mapi_rop::irregular::MoveFolderRequest;
use mapi_rop::parts::SizedValues;
use mapi_rop::property::SetPropertiesRequest;
use mapi_rop::response::NULL_DESTINATION;
use mapi_rop::table::{QueryRowsFlags, QueryRowsRequest, TableStatus, TableStatusResponse};
use mapi_rop::{
    Columns, Empty, HandleIndex, LogonId, LogonKinds, Request, RequestBuffer, Response,
    ResponseContext, RopRequest, RopResponse,
};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: String = hex.chars().filter(char::is_ascii_hexdigit).collect();
    let pairs = (0..digits.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex")).collect()
}

fn request(hex: &str, expected: &Request) {
    let bytes = bytes(hex);
    let mut r = Reader::new(&bytes);
    let read = Request::read(&mut r, &mut LogonKinds::default()).expect("a valid example");
    assert_eq!(&read, expected);
    assert!(r.is_empty());
    let mut written = Vec::new();
    read.write(&mut written);
    assert_eq!(written, bytes);
}

fn response(hex: &str, asked: &Request, expected: &RopResponse) {
    let bytes = bytes(hex);
    let mut r = Reader::new(&bytes);
    let mut context = ResponseContext::new(std::slice::from_ref(asked), |_| Columns::from([]));
    let read = Response::read(&mut r, &mut context).expect("a valid example");
    assert_eq!(&read.body, expected);
    assert_eq!(read.handle, asked.answer_index());
    assert!(r.is_empty());
    let mut written = Vec::new();
    read.write(&mut written);
    assert_eq!(written, bytes);
}

/// [MS-OXCFOLD] 4.5.1, and the failure of [MS-OXCROPS] 2.2.4.7.3 to the same request
#[test]
fn moving_a_folder() {
    let body = RopRequest::MoveFolder(MoveFolderRequest {
        want_asynchronous: true,
        folder: FolderId::own(0x0000_0E8E_DF36),
        new_name: "Folder1".into(),
    });
    let asked = Request::with(LogonId(0), HandleIndex(1), HandleIndex(2), body);
    request(
        "35 00 01 02 01 01 01 00-00 00 0E 8E DF 36 46 00
         6F 00 6C 00 64 00 65 00-72 00 31 00 00 00",
        &asked,
    );
    let moved = PartialCompletionResponse { partial_completion: false };
    response("35 01 00 00 00 00 00", &asked, &RopResponse::MoveFolder(moved));
    let failed = Response::failed(&asked, NULL_DESTINATION);
    response("35 01 03 05 00 00 02 00 00 00 00", &asked, &failed.body);
}

/// [MS-OXCTABL] 4.5.3.1
#[test]
fn querying_rows() {
    let body = RopRequest::QueryRows(QueryRowsRequest {
        flags: QueryRowsFlags::NONE,
        forward_read: true,
        row_count: 50,
    });
    request("15 00 00 00 01 32 00", &Request::new(LogonId(0), HandleIndex(0), body));
}

/// [MS-OXCTABL] 4.3.2, whose answer has the layout of RopGetStatus too
#[test]
fn the_status_of_a_table() {
    let asked = Request::new(LogonId(0), HandleIndex(1), RopRequest::GetStatus(Empty));
    let status = TableStatusResponse { status: TableStatus::Complete };
    response("16 01 00 00 00 00 00", &asked, &RopResponse::GetStatus(status));
}

/// [MS-OXCPRPT] 4.2.1
#[test]
fn setting_properties() {
    let values = SizedValues(vec![
        TaggedValue::new(PropertyTag::new(0x003D_001F), ""),
        TaggedValue::new(PropertyTag::new(0x0E1D_001F), "Hello World"),
    ]);
    let body = RopRequest::SetProperties(SetPropertiesRequest { values });
    request(
        "0A 00 00 24 00 02 00 1F-00 3D 00 00 00 1F 00 1D
         0E 48 00 65 00 6C 00 6C-00 6F 00 20 00 57 00 6F
         00 72 00 6C 00 64 00 00-00",
        &Request::new(LogonId(0), HandleIndex(0), body),
    );
}

/// What fuzzing starts from is to get past the envelope.
#[test]
fn fuzzing_starts_from_valid_buffers() {
    let seeds =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/rop_request");
    let Ok(files) = std::fs::read_dir(&seeds) else {
        println!("skipped: there are no seeds beside the crate");
        return;
    };
    for file in files {
        let path = file.expect("a seed").path();
        let bytes = std::fs::read(&path).expect("a readable seed");
        let buffer = RequestBuffer::read(&bytes, &mut LogonKinds::default());
        assert!(buffer.is_ok(), "{}: {buffer:?}", path.display());
    }
}
