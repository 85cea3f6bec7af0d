//! Stream ROPs: [MS-OXCROPS] 2.2.9.

use mapi_rop::Handle;
use mapi_rop::message::{OpenMessageFlags, SaveFlags};
use store::SpecialFolder;
use testsuite::octets::Rop;
use testsuite::on_both;
use testsuite::rig::{ME, Rig};

use super::*;

const NOBODY: Handle = Handle::NONE;
/// PidTagHtml, a binary property.
const HTML: u32 = 0x1013_0102;
/// PidTagConversationIndex, another one.
const INDEX: u32 = 0x0071_0102;

/// RopOpenStream: PropertyTag, OpenModeFlags (2: Create).
fn open(client: &mut Client, message: Handle, tag: u32, mode: u8) -> Handle {
    let mut answer = client.ask(Rop::new(0x2b, 0).u8(1).u32(tag).u8(mode), &[message, NOBODY]);
    answer.head(0x2b, 1, code::SUCCESS);
    answer.u32();
    answer.handles[1]
}

/// A client, a new message, and an empty stream on its HTML.
fn new_stream(rig: &Rig) -> testsuite::Result<(Client, Handle, Handle)> {
    let mut client = rig.client(ME)?;
    let message = client.create_message(SpecialFolder::Inbox.id(), false).expect("a message");
    let stream = open(&mut client, message, HTML, 2);
    Ok((client, message, stream))
}

/// As [`new_stream`], with ten octets in it and the pointer behind them.
fn written(rig: &Rig) -> testsuite::Result<(Client, Handle, Handle)> {
    let (mut client, message, stream) = new_stream(rig)?;
    client.ask(Rop::new(0x2d, 0).sized(b"0123456789"), &[stream]).head(0x2d, 0, code::SUCCESS);
    Ok((client, message, stream))
}

/// RopSeekStream: Origin, Offset; NewPosition.
fn seek(client: &mut Client, stream: Handle, origin: u8, offset: i64) -> u64 {
    let mut answer = client.ask(Rop::new(0x2e, 0).u8(origin).u64(offset as u64), &[stream]);
    answer.head(0x2e, 0, code::SUCCESS);
    let position = answer.u64();
    answer.end();
    position
}

/// RopReadStream: ByteCount; DataSize, Data.
fn read(client: &mut Client, stream: Handle, count: u16) -> Vec<u8> {
    let mut answer = client.ask(Rop::new(0x2c, 0).u16(count), &[stream]);
    answer.head(0x2c, 0, code::SUCCESS);
    let size = answer.u16();
    let data = answer.bytes(usize::from(size));
    answer.end();
    data
}

/// Two sessions, each with a stream on the HTML of one saved message.
fn two_sessions(rig: &Rig) -> testsuite::Result<[(Client, Handle); 2]> {
    let (mut first, message, stream) = written(rig)?;
    first.ask(Rop::new(0x5d, 0), &[stream]).only(0x5d, 0, code::SUCCESS);
    let id = first.save(message, SaveFlags::KEEP_OPEN_READ_WRITE).expect("a save");
    let mut second = rig.client(ME)?;
    let inbox = SpecialFolder::Inbox.id();
    let message = second.open_message(inbox, id, OpenMessageFlags::READ_WRITE).expect("it");
    let other = open(&mut second, message, HTML, 1);
    Ok([(first, stream), (second, other)])
}

/// RopLockRegionStream and RopUnlockRegionStream: RegionOffset, RegionSize, LockFlags.
fn region(rop: u8) -> Rop {
    Rop::new(rop, 1).u64(2).u64(4).u32(1)
}

on_both! {
    /// MS-OXCROPS 2.2.9.1: R3156
    /// MS-OXCROPS 2.2.9.1.1: R3170
    /// MS-OXCROPS 2.2.9.1.2: R3177, R3179, R3183
    fn open_stream(rig: &Rig) -> Result {
        let (mut client, message, stream) = written(rig)?;
        client.ask(Rop::new(0x5d, 0), &[stream]).only(0x5d, 0, code::SUCCESS);
        client.release(stream);
        let rop = Rop::new(0x2b, 0).u8(1).u32(HTML).u8(0);
        let mut answer = client.ask(rop, &[message, NOBODY]);
        answer.head(0x2b, 1, code::SUCCESS);
        assert_eq!(answer.u32(), 10, "StreamSize");
        let again = answer.handles[1];
        answer.end();
        assert_eq!(read(&mut client, again, 100), b"0123456789");
        Ok(())
    }

    /// MS-OXCROPS 2.2.9.1.3: R3188, R3190, R3194
    fn open_stream_fails(rig: &Rig) -> Result {
        let (mut client, message, _) = new_stream(rig)?;
        let rop = Rop::new(0x2b, 0).u8(1).u32(INDEX).u8(0);
        client.ask(rop, &[message, NOBODY]).only(0x2b, 1, code::NOT_FOUND);
        Ok(())
    }

    /// MS-OXCROPS 2.2.9.2: R3195
    /// MS-OXCROPS 2.2.9.2.1: R3203, R3215
    /// MS-OXCROPS 2.2.9.2.2: R3218, R3220
    fn read_stream(rig: &Rig) -> Result {
        let (mut client, _, stream) = written(rig)?;
        seek(&mut client, stream, 0, 0);
        let mut answer = client.ask(Rop::new(0x2c, 1).u16(4), &[NOBODY, stream]);
        answer.head(0x2c, 1, code::SUCCESS);
        assert_eq!((answer.u16(), answer.bytes(4)), (4, b"0123".to_vec()), "DataSize, Data");
        answer.end();
        // ByteCount 0xBABE: MaximumByteCount counts.
        let mut answer = client.ask(Rop::new(0x2c, 1).u16(0xbabe).u32(5), &[NOBODY, stream]);
        answer.head(0x2c, 1, code::SUCCESS);
        assert_eq!((answer.u16(), answer.bytes(5)), (5, b"45678".to_vec()), "DataSize, Data");
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.9.3: R3232
    /// MS-OXCROPS 2.2.9.3.1: R3240, R3246
    /// MS-OXCROPS 2.2.9.3.2: R3249, R3251
    fn write_stream(rig: &Rig) -> Result {
        let (mut client, _, stream) = new_stream(rig)?;
        let mut answer = client.ask(Rop::new(0x2d, 1).sized(b"abcdef"), &[NOBODY, stream]);
        answer.head(0x2d, 1, code::SUCCESS);
        assert_eq!(answer.u16(), 6, "WrittenSize");
        answer.end();
        seek(&mut client, stream, 0, 0);
        assert_eq!(read(&mut client, stream, 100), b"abcdef");
        Ok(())
    }

    /// MS-OXCROPS 2.2.9.4: R3256001
    /// MS-OXCROPS 2.2.9.4.1: R3256010
    /// MS-OXCROPS 2.2.9.4.2: R3256020, R3256022
    fn write_stream_extended(rig: &Rig) -> Result {
        let (mut client, _, stream) = new_stream(rig)?;
        let mut answer = client.ask(Rop::new(0xa3, 1).sized(b"abcdef"), &[NOBODY, stream]);
        answer.head(0xa3, 1, code::SUCCESS);
        assert_eq!(answer.u32(), 6, "WrittenSize");
        answer.end();
        seek(&mut client, stream, 0, 0);
        assert_eq!(read(&mut client, stream, 100), b"abcdef");
        Ok(())
    }

    /// MS-OXCROPS 2.2.9.5: R3257
    /// MS-OXCROPS 2.2.9.5.1: R3265
    /// MS-OXCROPS 2.2.9.5.2: R3269, R3271
    fn commit_stream(rig: &Rig) -> Result {
        let (mut client, message, stream) = written(rig)?;
        client.ask(Rop::new(0x5d, 1), &[NOBODY, stream]).only(0x5d, 1, code::SUCCESS);
        let html = mapi::tags::HTML;
        assert_eq!(client.get(message, html), Ok(b"0123456789".to_vec().into()));
        client.ask(Rop::new(0x5d, 1), &[NOBODY, NOBODY]).only(0x5d, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.9.6: R3275
    /// MS-OXCROPS 2.2.9.6.1: R3283
    /// MS-OXCROPS 2.2.9.6.2: R3287, R3289, R3293
    fn get_stream_size(rig: &Rig) -> Result {
        let (mut client, _, stream) = written(rig)?;
        let mut answer = client.ask(Rop::new(0x5e, 1), &[NOBODY, stream]);
        answer.head(0x5e, 1, code::SUCCESS);
        assert_eq!(answer.u32(), 10, "StreamSize");
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.9.6.3: R3298, R3300, R3304
    fn get_stream_size_fails(rig: &Rig) -> Result {
        let (mut client, message, _) = written(rig)?;
        client.ask(Rop::new(0x5e, 0), &[message]).only(0x5e, 0, code::NOT_SUPPORTED);
        Ok(())
    }

    /// MS-OXCROPS 2.2.9.7: R3305
    /// MS-OXCROPS 2.2.9.7.1: R3313, R3317
    /// MS-OXCROPS 2.2.9.7.2: R3323, R3325
    fn set_stream_size(rig: &Rig) -> Result {
        let (mut client, message, stream) = written(rig)?;
        for (size, content) in [(3, &b"012"[..]), (5, b"012\0\0")] {
            let rop = Rop::new(0x2f, 1).u64(size);
            client.ask(rop, &[NOBODY, stream]).only(0x2f, 1, code::SUCCESS);
            seek(&mut client, stream, 0, 0);
            assert_eq!(read(&mut client, stream, 100), content);
        }
        let rop = Rop::new(0x2f, 0).u64(1);
        client.ask(rop, &[message]).only(0x2f, 0, code::NOT_SUPPORTED);
        Ok(())
    }

    /// MS-OXCROPS 2.2.9.8: R3329
    /// MS-OXCROPS 2.2.9.8.1: R3340, R3343
    /// MS-OXCROPS 2.2.9.8.2: R3346, R3348
    fn seek_stream(rig: &Rig) -> Result {
        let (mut client, _, stream) = written(rig)?;
        // From the beginning, from where it is, from the end.
        for (origin, offset, position) in [(0, 4, 4), (1, -1, 3), (2, -3, 7)] {
            let rop = Rop::new(0x2e, 1).u8(origin).u64(offset as i64 as u64);
            let mut answer = client.ask(rop, &[NOBODY, stream]);
            answer.head(0x2e, 1, code::SUCCESS);
            assert_eq!(answer.u64(), position, "NewPosition");
            answer.end();
        }
        assert_eq!(read(&mut client, stream, 100), b"789");
        Ok(())
    }

    /// MS-OXCROPS 2.2.9.8.3: R3357, R3359, R3363
    fn seek_stream_fails(rig: &Rig) -> Result {
        let (mut client, _, stream) = written(rig)?;
        // StreamSeekError: before the beginning.
        let rop = Rop::new(0x2e, 0).u8(0).u64(-1_i64 as u64);
        client.ask(rop, &[stream]).only(0x2e, 0, 0x8003_0019);
        Ok(())
    }

    /// MS-OXCROPS 2.2.9.9: R3364
    /// MS-OXCROPS 2.2.9.9.1: R3378
    /// MS-OXCROPS 2.2.9.9.2: R3381, R3383, R3387
    fn copy_to_stream(rig: &Rig) -> Result {
        let (mut client, message, source) = written(rig)?;
        let target = open(&mut client, message, INDEX, 2);
        seek(&mut client, source, 0, 2);
        let rop = Rop::new(0x3a, 0).u8(2).u64(5);
        let mut answer = client.ask(rop, &[source, NOBODY, target]);
        answer.head(0x3a, 0, code::SUCCESS);
        assert_eq!((answer.u64(), answer.u64()), (5, 5), "ReadByteCount, WrittenByteCount");
        answer.end();
        seek(&mut client, target, 0, 0);
        assert_eq!(read(&mut client, target, 100), b"23456");
        Ok(())
    }

    /// MS-OXCROPS 2.2.9.9.3: R3394, R3396, R3400
    fn copy_to_stream_to_nowhere(rig: &Rig) -> Result {
        let (mut client, _, source) = written(rig)?;
        let rop = Rop::new(0x3a, 0).u8(1).u64(5);
        let mut answer = client.ask(rop, &[source, NOBODY]);
        answer.head(0x3a, 0, code::NULL_DESTINATION);
        assert_eq!(answer.u32(), 1, "DestHandleIndex");
        assert_eq!((answer.u64(), answer.u64()), (0, 0), "ReadByteCount, WrittenByteCount");
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.9.10: R3416
    /// MS-OXCROPS 2.2.9.10.1: R3424, R3432
    /// MS-OXCROPS 2.2.9.10.2: R3435, R3437
    fn lock_region_stream(rig: &Rig) -> Result {
        let [(mut first, stream), (mut second, other)] = two_sessions(rig)?;
        first.ask(region(0x5b), &[NOBODY, stream]).only(0x5b, 1, code::SUCCESS);
        second.ask(region(0x5b), &[NOBODY, other]).only(0x5b, 1, code::ACCESS_DENIED);
        Ok(())
    }

    /// MS-OXCROPS 2.2.9.11: R3441
    /// MS-OXCROPS 2.2.9.11.1: R3449, R3457
    /// MS-OXCROPS 2.2.9.11.2: R3460, R3462
    fn unlock_region_stream(rig: &Rig) -> Result {
        let [(mut first, stream), (mut second, other)] = two_sessions(rig)?;
        first.ask(region(0x5b), &[NOBODY, stream]).only(0x5b, 1, code::SUCCESS);
        first.ask(region(0x5c), &[NOBODY, stream]).only(0x5c, 1, code::SUCCESS);
        second.ask(region(0x5b), &[NOBODY, other]).only(0x5b, 1, code::SUCCESS);
        Ok(())
    }

    /// MS-OXCROPS 2.2.9.12: R3466
    /// MS-OXCROPS 2.2.9.12.1: R3474, R3480
    /// MS-OXCROPS 2.2.9.12.2: R3481
    fn write_and_commit_stream(rig: &Rig) -> Result {
        let (mut client, message, stream) = new_stream(rig)?;
        let mut answer = client.ask(Rop::new(0x90, 1).sized(b"abc"), &[NOBODY, stream]);
        answer.head(0x90, 1, code::SUCCESS);
        assert_eq!(answer.u16(), 3, "WrittenSize");
        answer.end();
        let html = mapi::tags::HTML;
        assert_eq!(client.get(message, html), Ok(b"abc".to_vec().into()));
        Ok(())
    }

    /// MS-OXCROPS 2.2.9.13: R3482
    /// MS-OXCROPS 2.2.9.13.1: R3490, R3493
    /// MS-OXCROPS 2.2.9.13.2: R3497, R3499
    fn clone_stream(rig: &Rig) -> Result {
        let (mut client, message, stream) = written(rig)?;
        seek(&mut client, stream, 0, 6);
        let answer = client.ask(Rop::new(0x3b, 0).u8(1), &[stream, NOBODY]);
        let clone = answer.handles[1];
        answer.only(0x3b, 1, code::SUCCESS);
        // It has a pointer of its own.
        assert_eq!(read(&mut client, clone, 2), b"67");
        assert_eq!(read(&mut client, stream, 4), b"6789");
        let failed = client.ask(Rop::new(0x3b, 0).u8(1), &[message, NOBODY]);
        failed.only(0x3b, 1, code::NOT_SUPPORTED);
        Ok(())
    }
}
