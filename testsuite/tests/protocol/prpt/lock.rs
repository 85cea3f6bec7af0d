//! Locked regions and clones of streams: [MS-OXCPRPT] 2.2.24, 2.2.25, 2.2.27, 3.2.5.21, 3.2.5.22, 3.2.5.24.

use mapi::{ErrorCode, tags};
use mapi_rop::stream::RegionRequest;
use testsuite::on_both;

use super::*;

fn region(client: &mut Client, stream: Handle, offset: u64, size: u64, flags: u32) -> Answer<()> {
    let body = RopRequest::LockRegionStream(RegionRequest { offset, size, flags });
    client.call(stream, body).map(drop)
}

fn unlock(client: &mut Client, stream: Handle, offset: u64, size: u64) -> Answer<()> {
    let body = RopRequest::UnlockRegionStream(RegionRequest { offset, size, flags: 1 });
    client.call(stream, body).map(drop)
}

fn clone(client: &mut Client, stream: Handle) -> Answer<Handle> {
    client.open(stream, RopRequest::CloneStream(Empty))
}

/// A message with ten bytes in a property, opened by two sessions that have a stream on it each.
fn two_streams(rig: &Rig) -> Result<[(Client, Handle); 2]> {
    let mut first = rig.client(ME)?;
    let message = new_message(&mut first);
    first.set(message, tags::CONVERSATION_INDEX, vec![7u8; 10]).expect("set");
    let id = first.save(message, SaveFlags::NONE).expect("a save");
    let open = |mut client: Client| -> Result<(Client, Handle)> {
        let flags = OpenMessageFlags::READ_WRITE;
        let message = client.open_message(INBOX, id, flags).expect("the message");
        let tag = tags::CONVERSATION_INDEX;
        let (stream, size) =
            open_stream(&mut client, message, tag, StreamMode::ReadWrite).expect("a stream");
        assert_eq!(size, 10);
        Ok((client, stream))
    };
    Ok([open(first)?, open(rig.client(ME)?)?])
}

on_both! {
    /// MS-OXCPRPT 2.2.24: R373, R37401
    /// MS-OXCPRPT 2.2.24.1: R37601, R37701
    /// MS-OXCPRPT 3.2.5.21: R60706
    fn a_locked_region_is_the_sessions_own(rig: &Rig) -> Result {
        let [(mut one, a), (mut two, b)] = two_streams(rig)?;
        region(&mut one, a, 2, 4, 0).expect("a lock");
        assert_eq!(region(&mut two, b, 5, 1, 1), Err(ErrorCode::ACCESS_DENIED));
        region(&mut two, b, 6, 2, 0).expect("another region");
        assert_eq!(read(&mut two, b, 2), Ok(vec![7, 7]));
        assert_eq!(read(&mut two, b, 1), Err(ErrorCode::ACCESS_DENIED));
        assert_eq!(write(&mut two, b, b"x"), Err(ErrorCode::ACCESS_DENIED));
        assert_eq!(read(&mut one, a, 6), Ok(vec![7; 6]));
        assert_eq!(write(&mut one, a, b"x"), Err(ErrorCode::ACCESS_DENIED));
        Ok(())
    }

    /// MS-OXCPRPT 2.2.24.1: R379
    /// MS-OXCPRPT 3.2.5.21: R888
    fn a_shared_region_can_be_read(rig: &Rig) -> Result {
        let [(mut one, a), (mut two, b)] = two_streams(rig)?;
        region(&mut one, a, 0, 10, 1).expect("a lock");
        assert_eq!(read(&mut two, b, 4), Ok(vec![7; 4]));
        assert_eq!(write(&mut two, b, b"x"), Err(ErrorCode::ACCESS_DENIED));
        assert_eq!(write(&mut one, a, b"x"), Ok(1));
        Ok(())
    }

    /// MS-OXCPRPT 2.2.25: R381, R38103
    /// MS-OXCPRPT 2.2.25.1: R38401, R38501
    /// MS-OXCPRPT 3.2.5.22: R62006
    fn a_region_is_unlocked_by_its_owner(rig: &Rig) -> Result {
        let [(mut one, a), (mut two, b)] = two_streams(rig)?;
        region(&mut one, a, 0, 4, 0).expect("a lock");
        // Another's unlocking leaves it.
        unlock(&mut two, b, 0, 4).expect("nothing to do");
        assert_eq!(read(&mut two, b, 1), Err(ErrorCode::ACCESS_DENIED));
        unlock(&mut one, a, 8, 2).expect("nothing there");
        assert_eq!(read(&mut two, b, 1), Err(ErrorCode::ACCESS_DENIED));
        unlock(&mut one, a, 0, 4).expect("unlocked");
        assert_eq!(read(&mut two, b, 1), Ok(vec![7]));
        region(&mut one, a, 0, 4, 0).expect("a lock");
        one.release(a);
        assert_eq!(read(&mut two, b, 1), Ok(vec![7]));
        Ok(())
    }

    /// MS-OXCPRPT 2.2.24: R374
    /// MS-OXCPRPT 2.2.25: R38102
    /// MS-OXCPRPT 2.2.27: R398
    fn only_streams_are_locked_and_cloned(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = new_message(&mut client);
        for object in [message, client.logon] {
            let refused = Err(ErrorCode::NOT_SUPPORTED);
            assert_eq!(region(&mut client, object, 0, 1, 1), refused);
            assert_eq!(unlock(&mut client, object, 0, 1), refused);
            assert_eq!(clone(&mut client, object).map(drop), refused);
        }
        Ok(())
    }

    /// MS-OXCPRPT 2.2.27: R394, R395, R39801
    /// MS-OXCPRPT 3.2.5.24: R756, R757
    fn a_clone_shares_the_bytes_and_not_the_pointer(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let message = new_message(&mut client);
        let tag = tags::CONVERSATION_INDEX;
        let (source, _) =
            open_stream(&mut client, message, tag, StreamMode::Create).expect("a stream");
        write(&mut client, source, b"0123456789").expect("written");
        seek(&mut client, source, StreamOrigin::Beginning, 4).expect("a seek");
        let copy = clone(&mut client, source).expect("a clone");
        assert_eq!(read(&mut client, copy, 2), Ok(b"45".to_vec()));
        assert_eq!(read(&mut client, source, 3), Ok(b"456".to_vec()));
        write(&mut client, copy, b"AB").expect("written");
        seek(&mut client, source, StreamOrigin::Beginning, 0).expect("a seek");
        assert_eq!(read(&mut client, source, 10), Ok(b"012345AB89".to_vec()));
        write(&mut client, source, b"CD").expect("written");
        assert_eq!(size(&mut client, copy), Ok(12));
        // A clone of a clone, which outlives both.
        let third = clone(&mut client, copy).expect("a clone");
        client.release(source);
        client.release(copy);
        assert_eq!(read(&mut client, third, 9), Ok(b"89CD".to_vec()));
        write(&mut client, third, b"EF").expect("written");
        let expected = b"012345AB89CDEF".to_vec();
        assert_eq!(client.get(message, tag), Ok(expected.into()));
        client.release(third);
        Ok(())
    }
}
