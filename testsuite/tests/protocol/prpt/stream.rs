//! Streams: [MS-OXCPRPT] 2.2.14 to 2.2.22, 2.2.26, 3.2.5.11 to 3.2.5.19, 3.2.5.23.

use mapi::{ErrorCode, PropertyType, PropertyValue, tags};
use mapi_rop::stream::{CopyToStreamRequest, SetStreamSizeRequest};
use testsuite::on_both;

use super::*;

const TAG: PropertyTag = tags::CONVERSATION_INDEX;

fn set_size(client: &mut Client, stream: Handle, size: u64) -> Answer<()> {
    let body = RopRequest::SetStreamSize(SetStreamSizeRequest { size });
    client.call(stream, body).map(drop)
}

fn commit(client: &mut Client, stream: Handle) -> Answer<()> {
    client.call(stream, RopRequest::CommitStream(Empty)).map(drop)
}

fn write_and_commit(client: &mut Client, stream: Handle, bytes: &[u8]) -> Answer<u16> {
    let data = bytes.to_vec().into();
    let body = RopRequest::WriteAndCommitStream(WriteStreamRequest { data });
    match client.call(stream, body)? {
        RopResponse::WriteAndCommitStream(answer) => Ok(answer.written),
        other => panic!("{other:?}"),
    }
}

/// A message with ten bytes in a property and a stream on them.
fn ten(client: &mut Client, mode: StreamMode) -> (Handle, Handle) {
    let message = new_message(client);
    client.set(message, TAG, b"0123456789".to_vec()).expect("set");
    let (stream, size) = open_stream(client, message, TAG, mode).expect("a stream");
    assert_eq!(size, 10);
    (message, stream)
}

on_both! {
    /// MS-OXCPRPT 2.2.14: R251, R25301
    /// MS-OXCPRPT 2.2.14.1: R267
    /// MS-OXCPRPT 2.2.14.2: R27601
    /// MS-OXCPRPT 3.2.5.11: R885
    fn the_mode_says_what_is_opened(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = new_message(&mut client);
        for mode in [StreamMode::ReadOnly, StreamMode::ReadWrite, StreamMode::BestAccess] {
            let missing = open_stream(&mut client, message, TAG, mode);
            assert_eq!(missing, Err(ErrorCode::NOT_FOUND));
        }
        client.set(message, TAG, b"0123".to_vec()).expect("set");
        let open = |client: &mut Client, mode| open_stream(client, message, TAG, mode);
        let (reader, size) = open(&mut client, StreamMode::ReadOnly).expect("a stream");
        assert_eq!((size, read(&mut client, reader, 9)), (4, Ok(b"0123".to_vec())));
        let denied = Err(ErrorCode::STORAGE_ACCESS_DENIED);
        assert_eq!(write(&mut client, reader, b"x"), denied);
        assert_eq!(set_size(&mut client, reader, 2), Err(ErrorCode::STORAGE_ACCESS_DENIED));
        assert_eq!(commit(&mut client, reader), Err(ErrorCode::STORAGE_ACCESS_DENIED));
        for mode in [StreamMode::ReadWrite, StreamMode::BestAccess] {
            let (writer, size) = open(&mut client, mode).expect("a stream");
            assert_eq!((size, write(&mut client, writer, b"x")), (4, Ok(1)));
            client.release(writer);
        }
        assert_eq!(client.get(message, TAG), Ok(b"x123".to_vec().into()));
        let (maker, size) = open(&mut client, StreamMode::Create).expect("a stream");
        assert_eq!((size, read(&mut client, maker, 9)), (0, Ok(vec![])));
        assert_eq!(client.get(message, TAG), Ok(Vec::new().into()));
        let unknown = open(&mut client, StreamMode::Unknown(9));
        assert_eq!(unknown, Err(ErrorCode::INVALID_PARAMETER));
        Ok(())
    }

    /// MS-OXCPRPT 3.2.5.11: R885
    /// MS-OXCPRPT 2.2.14.1: R269, R271
    fn a_message_that_is_read_only_has_streams_that_are(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (message, _) = ten(&mut client, StreamMode::ReadOnly);
        let id = client.save(message, SaveFlags::NONE).expect("a save");
        let message =
            client.open_message(INBOX, id, OpenMessageFlags::NONE).expect("the message");
        for mode in [StreamMode::ReadWrite, StreamMode::Create] {
            let refused = open_stream(&mut client, message, TAG, mode);
            assert_eq!(refused, Err(ErrorCode::ACCESS_DENIED));
        }
        let (best, _) =
            open_stream(&mut client, message, TAG, StreamMode::BestAccess).expect("a stream");
        assert_eq!(read(&mut client, best, 3), Ok(b"012".to_vec()));
        assert_eq!(write(&mut client, best, b"x"), Err(ErrorCode::STORAGE_ACCESS_DENIED));
        Ok(())
    }

    /// MS-OXCPRPT 2.2.14: R25506, R25507, R25508, R25509
    /// MS-OXCPRPT 3.2.5.11: R548
    fn what_types_have_streams(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = new_message(&mut client);
        let (attachment, _) = new_attachment(&mut client, message);
        let folder = client.open_folder(INBOX).expect("the inbox");
        let of_type = |kind| PropertyTag::from_parts(0x6701, kind);
        let all = [
            (PropertyType::BINARY, true, true),
            (PropertyType::OBJECT, true, false),
            (PropertyType::STRING, true, false),
            (PropertyType::STRING8, true, false),
            (PropertyType::INTEGER32, false, false),
            (PropertyType::MULTIPLE_BINARY, false, false),
            (PropertyType::MULTIPLE_STRING, false, false),
        ];
        for (kind, on_message, on_folder) in all {
            let cases = [(message, on_message), (attachment, on_message), (folder, on_folder)];
            for (object, supported) in cases {
                let mode = StreamMode::Create;
                match open_stream(&mut client, object, of_type(kind), mode) {
                    Ok((stream, 0)) if supported => client.release(stream),
                    Err(ErrorCode::NOT_SUPPORTED) if !supported => {}
                    other => panic!("{kind:?} {supported}: {other:?}"),
                }
            }
        }
        let logon = client.logon;
        let on_logon = open_stream(&mut client, logon, TAG, StreamMode::Create);
        assert_eq!(on_logon, Err(ErrorCode::NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCPRPT 2.2.15: R277, R27800
    /// MS-OXCPRPT 2.2.15.1: R2830201
    /// MS-OXCPRPT 2.2.15.2: R28601
    /// MS-OXCPRPT 3.2.5.12: R552
    fn reading_goes_on_at_the_seek_pointer(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (message, stream) = ten(&mut client, StreamMode::ReadOnly);
        assert_eq!(read(&mut client, stream, 4), Ok(b"0123".to_vec()));
        let body = RopRequest::ReadStream(ReadStreamRequest::Maximum(3));
        let RopResponse::ReadStream(answer) = client.call(stream, body).expect("bytes") else {
            panic!("the answer of another ROP");
        };
        assert_eq!(answer.data.bytes, b"456");
        assert_eq!(read(&mut client, stream, 100), Ok(b"789".to_vec()));
        assert_eq!(read(&mut client, stream, 100), Ok(vec![]));
        let body = RopRequest::ReadStream(ReadStreamRequest::Count(5));
        let failed = client.respond(message, Handle::NONE, body);
        let mut bytes = Vec::new();
        failed.write(&mut bytes);
        // RopId, InputHandleIndex, ReturnValue, DataSize.
        assert_eq!(bytes, [0x2c, 0, 0x02, 0x01, 0x04, 0x80, 0, 0]);
        Ok(())
    }

    /// MS-OXCPRPT 2.2.16: R297, R29801
    /// MS-OXCPRPT 2.2.16.1: R303
    /// MS-OXCPRPT 2.2.16.2: R30401
    /// MS-OXCPRPT 3.2.5.13: R560
    fn what_is_written_is_there_at_once_and_stored_with_the_message(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (message, _) = ten(&mut client, StreamMode::ReadOnly);
        let id = client.save(message, SaveFlags::NONE).expect("a save");
        let flags = OpenMessageFlags::READ_WRITE;
        let message = client.open_message(INBOX, id, flags).expect("the message");
        let (stream, _) =
            open_stream(&mut client, message, TAG, StreamMode::ReadWrite).expect("a stream");
        seek(&mut client, stream, StreamOrigin::Beginning, 8).expect("a seek");
        assert_eq!(write(&mut client, stream, b"abc"), Ok(3));
        let here = seek(&mut client, stream, StreamOrigin::Current, 0);
        assert_eq!(here, Ok(11));
        let written = PropertyValue::from(b"01234567abc".to_vec());
        assert_eq!(client.get(message, TAG), Ok(written.clone()));
        let other = client.open_message(INBOX, id, flags).expect("the message");
        assert_eq!(client.get(other, TAG), Ok(b"0123456789".to_vec().into()));
        client.save(message, SaveFlags::NONE).expect("a save");
        let other = client.open_message(INBOX, id, flags).expect("the message");
        assert_eq!(client.get(other, TAG), Ok(written));
        assert_eq!(write(&mut client, message, b"x"), Err(ErrorCode::NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCPRPT 3.2.5.13: R56404
    fn what_is_written_to_an_attachment_is_stored_with_it(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = new_message(&mut client);
        let (attachment, number) = new_attachment(&mut client, message);
        let tag = tags::ATTACH_DATA_BINARY;
        let (stream, _) =
            open_stream(&mut client, attachment, tag, StreamMode::Create).expect("a stream");
        assert_eq!(write(&mut client, stream, b"data"), Ok(4));
        assert_eq!(client.get(attachment, tag), Ok(b"data".to_vec().into()));
        save_attachment(&mut client, attachment, message);
        let message = reopen(&mut client, message);
        let attachment = open_attachment(&mut client, message, number).expect("the attachment");
        assert_eq!(client.get(attachment, tag), Ok(b"data".to_vec().into()));
        Ok(())
    }

    /// MS-OXCPRPT 3.2.5.13: R56405
    /// MS-OXCPRPT 2.2.18: R305, R30601, R306
    /// MS-OXCPRPT 3.2.5.15: R571
    fn what_is_written_to_a_folder_is_stored_by_the_commit(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let mut second = rig.client(ME)?;
        let folder = client.open_folder(INBOX).expect("the inbox");
        let seen = second.open_folder(INBOX).expect("the inbox");
        let tag = PropertyTag::from_parts(0x6701, PropertyType::BINARY);
        let (stream, _) =
            open_stream(&mut client, folder, tag, StreamMode::Create).expect("a stream");
        write(&mut client, stream, b"one").expect("written");
        assert_eq!(second.get(seen, tag), Err(ErrorCode::NOT_FOUND));
        commit(&mut client, stream).expect("a commit");
        assert_eq!(second.get(seen, tag), Ok(b"one".to_vec().into()));
        write(&mut client, stream, b"two").expect("written");
        assert_eq!(second.get(seen, tag), Ok(b"one".to_vec().into()));
        client.release(stream);
        assert_eq!(second.get(seen, tag), Ok(b"onetwo".to_vec().into()));
        assert_eq!(commit(&mut client, folder), Err(ErrorCode::NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCPRPT 2.2.17: R30401001, R30401002
    /// MS-OXCPRPT 2.2.17.1: R30401008
    /// MS-OXCPRPT 2.2.17.2: R30401011
    /// MS-OXCPRPT 3.2.5.14: R900001
    fn the_extended_write_is_a_write(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (message, stream) = ten(&mut client, StreamMode::ReadWrite);
        let data = || WriteStreamRequest { data: b"abc".to_vec().into() };
        let body = RopRequest::WriteStreamExtended(data());
        match client.call(stream, body).expect("written") {
            RopResponse::WriteStreamExtended(answer) => assert_eq!(answer.written, 3),
            other => panic!("{other:?}"),
        }
        assert_eq!(client.get(message, TAG), Ok(b"abc3456789".to_vec().into()));
        let refused = client.call(message, RopRequest::WriteStreamExtended(data()));
        assert_eq!(refused, Err(ErrorCode::NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCPRPT 2.2.26: R632, R63201
    /// MS-OXCPRPT 2.2.26.2: R39301
    /// MS-OXCPRPT 3.2.5.23: R805, R812
    fn a_write_with_a_commit_is_for_messages(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (message, stream) = ten(&mut client, StreamMode::ReadWrite);
        assert_eq!(write_and_commit(&mut client, stream, b"abcd"), Ok(4));
        assert_eq!(client.get(message, TAG), Ok(b"abcd456789".to_vec().into()));
        let folder = client.open_folder(INBOX).expect("the inbox");
        let tag = PropertyTag::from_parts(0x6701, PropertyType::BINARY);
        let (on_folder, _) =
            open_stream(&mut client, folder, tag, StreamMode::Create).expect("a stream");
        let refused = Err(ErrorCode::NOT_SUPPORTED);
        assert_eq!(write_and_commit(&mut client, on_folder, b"x"), refused);
        assert_eq!(write_and_commit(&mut client, message, b"x"), refused);
        Ok(())
    }

    /// MS-OXCPRPT 2.2.19: R308
    /// MS-OXCPRPT 2.2.19.2: R32003
    /// MS-OXCPRPT 3.2.5.16: R575
    /// MS-OXCPRPT 2.2.20: R322
    /// MS-OXCPRPT 3.2.5.17: R57705
    fn a_stream_has_the_size_that_is_set(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (message, stream) = ten(&mut client, StreamMode::ReadWrite);
        set_size(&mut client, stream, 3).expect("a size");
        assert_eq!(size(&mut client, stream), Ok(3));
        set_size(&mut client, stream, 5).expect("a size");
        assert_eq!(size(&mut client, stream), Ok(5));
        assert_eq!(client.get(message, TAG), Ok(b"012\0\0".to_vec().into()));
        assert_eq!(size(&mut client, message), Err(ErrorCode::NOT_SUPPORTED));
        assert_eq!(set_size(&mut client, message, 1), Err(ErrorCode::NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCPRPT 2.2.19.2: R321
    /// MS-OXCPRPT 2.2.20.1: R32801
    /// MS-OXCPRPT 3.2.5.13: R564
    /// MS-OXCPRPT 3.2.5.18: R582, R584
    fn no_stream_is_larger_than_two_gibibytes(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (_, stream) = ten(&mut client, StreamMode::ReadWrite);
        let beyond = (1u64 << 31) + 1;
        assert_eq!(set_size(&mut client, stream, beyond), Err(ErrorCode::TOO_BIG));
        let far = seek(&mut client, stream, StreamOrigin::Beginning, beyond as i64);
        assert_eq!(far, Err(ErrorCode::STREAM_SEEK_ERROR));
        let before = seek(&mut client, stream, StreamOrigin::End, -11);
        assert_eq!(before, Err(ErrorCode::STREAM_SEEK_ERROR));
        let huge = seek(&mut client, stream, StreamOrigin::End, i64::MAX);
        assert_eq!(huge, Err(ErrorCode::STREAM_SEEK_ERROR));
        assert_eq!(size(&mut client, stream), Ok(10));
        Ok(())
    }

    /// MS-OXCPRPT 2.2.21: R330, R33101
    /// MS-OXCPRPT 2.2.21.2: R341
    /// MS-OXCPRPT 3.2.5.18: R581, R583
    fn the_seek_pointer_moves_from_its_origin(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (message, stream) = ten(&mut client, StreamMode::ReadWrite);
        assert_eq!(seek(&mut client, stream, StreamOrigin::Beginning, 4), Ok(4));
        assert_eq!(seek(&mut client, stream, StreamOrigin::Current, -3), Ok(1));
        assert_eq!(read(&mut client, stream, 2), Ok(b"12".to_vec()));
        assert_eq!(seek(&mut client, stream, StreamOrigin::End, -1), Ok(9));
        assert_eq!(seek(&mut client, stream, StreamOrigin::End, 2), Ok(12));
        assert_eq!(size(&mut client, stream), Ok(12));
        assert_eq!(client.get(message, TAG), Ok(b"0123456789\0\0".to_vec().into()));
        let unknown = seek(&mut client, stream, StreamOrigin::Unknown(3), 0);
        assert_eq!(unknown, Err(ErrorCode::STORAGE_INVALID_PARAMETER));
        let no_stream = seek(&mut client, message, StreamOrigin::Beginning, 0);
        assert_eq!(no_stream, Err(ErrorCode::NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCPRPT 2.2.22: R342, R34301
    /// MS-OXCPRPT 2.2.22.2: R34702, R34902
    /// MS-OXCPRPT 3.2.5.19: R591
    fn bytes_are_copied_from_pointer_to_pointer(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (message, source) = ten(&mut client, StreamMode::ReadOnly);
        let tag = tags::SENDER_SEARCH_KEY;
        let (target, _) =
            open_stream(&mut client, message, tag, StreamMode::Create).expect("a stream");
        write(&mut client, target, b"ab").expect("written");
        seek(&mut client, source, StreamOrigin::Beginning, 3).expect("a seek");
        let copy = |client: &mut Client, target, byte_count| {
            let body = RopRequest::CopyToStream(CopyToStreamRequest { byte_count });
            let answer = client.respond(source, target, body);
            let mut bytes = Vec::new();
            answer.write(&mut bytes);
            bytes
        };
        let counts = |n: u8| [n, 0, 0, 0, 0, 0, 0, 0, n, 0, 0, 0, 0, 0, 0, 0];
        let head = [0x3a, 0, 0, 0, 0, 0];
        assert_eq!(copy(&mut client, target, 4), [&head[..], &counts(4)].concat());
        assert_eq!(client.get(message, tag), Ok(b"ab3456".to_vec().into()));
        assert_eq!(seek(&mut client, source, StreamOrigin::Current, 0), Ok(7));
        assert_eq!(seek(&mut client, target, StreamOrigin::Current, 0), Ok(6));
        // No more than there is.
        assert_eq!(copy(&mut client, target, 9), [&head[..], &counts(3)].concat());
        let null = [0x3a, 0, 0x03, 0x05, 0, 0, 1, 0, 0, 0];
        assert_eq!(copy(&mut client, Handle::NONE, 4)[..10], null);
        let refused = copy(&mut client, message, 4);
        assert_eq!(refused[2..6], ErrorCode::NOT_SUPPORTED.0.to_le_bytes());
        Ok(())
    }

    /// MS-OXCPRPT 2.2.14: R251
    fn a_large_value_is_written_and_read_through_a_stream(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = new_message(&mut client);
        let (stream, _) =
            open_stream(&mut client, message, TAG, StreamMode::Create).expect("a stream");
        let piece: Vec<u8> = (0..20_000u32).map(|n| n as u8).collect();
        for _ in 0..5 {
            assert_eq!(write(&mut client, stream, &piece), Ok(20_000));
        }
        client.release(stream);
        let message = reopen(&mut client, message);
        // No answer has room for it (MS-OXCPRPT R63).
        assert_eq!(client.get(message, TAG), Err(ErrorCode::OUT_OF_MEMORY));
        let (stream, size) =
            open_stream(&mut client, message, TAG, StreamMode::ReadOnly).expect("a stream");
        assert_eq!(size, 100_000);
        let mut all = Vec::new();
        while all.len() <= 5 * piece.len() {
            let bytes = read(&mut client, stream, 30_000).expect("bytes");
            if bytes.is_empty() {
                break;
            }
            all.extend(bytes);
        }
        assert_eq!(all, piece.repeat(5));
        Ok(())
    }
}
