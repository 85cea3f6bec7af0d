//! Per-user read state ([MS-OXCSTOR] 2.2.1.10 to 2.2.1.13, 3.2.5.10 to 3.2.5.13).

use mapi::{ErrorCode, GlobalCounter, Guid, IdSet, LongTermId, TaggedValue, Wire, tags};
use mapi_rop::irregular::WritePerUserInformationRequest;
use mapi_rop::logon::{
    GetPerUserGuidRequest, GetPerUserLongTermIdsRequest, ReadPerUserInformationRequest,
};
use mapi_rop::{RopRequest, RopResponse};
use testsuite::on_both;
use testsuite::raw::{Answer, Client};
use testsuite::rig::{DELEGATE, ME, STRANGER};

use super::{administrator, make_folder, public_client};

const ERROR: ErrorCode = ErrorCode(0x8000_4005);
const NOT_SUPPORTED: ErrorCode = ErrorCode(0x8004_0102);
const NOT_FOUND: ErrorCode = ErrorCode(0x8004_010f);
const CORRUPT_DATA: ErrorCode = ErrorCode(0x8004_011b);
/// Of a store of public folders elsewhere.
const DATABASE: Guid = Guid([3; 16]);

fn folder(counter: u64) -> LongTermId {
    LongTermId::new(Guid([4; 16]), GlobalCounter::new(counter))
}

/// One call of RopReadPerUserInformation: whether that was all, and the bytes.
fn read(
    client: &mut Client,
    folder: LongTermId,
    offset: u32,
    most: u16,
) -> Answer<(bool, Vec<u8>)> {
    let body = RopRequest::ReadPerUserInformation(ReadPerUserInformationRequest {
        folder,
        reserved: 0xff,
        data_offset: offset,
        max_data_size: most,
    });
    match client.call(client.logon, body)? {
        RopResponse::ReadPerUserInformation(answer) => {
            Ok((answer.has_finished, answer.data.to_vec()))
        }
        other => panic!("{other:?}"),
    }
}

/// One call of RopWritePerUserInformation. A logon to a mailbox tells the store in its first part.
fn write(
    client: &mut Client,
    folder: LongTermId,
    has_finished: bool,
    data_offset: u32,
    data: &[u8],
    replica_guid: Option<Guid>,
) -> Answer<()> {
    let replica_guid = replica_guid.filter(|_| data_offset == 0);
    let data = data.to_vec().into();
    let body = RopRequest::WritePerUserInformation(WritePerUserInformationRequest {
        folder,
        has_finished,
        data_offset,
        data,
        replica_guid,
    });
    client.call(client.logon, body).map(drop)
}

fn put(client: &mut Client, folder: LongTermId, data: &[u8]) -> Answer<()> {
    write(client, folder, true, 0, data, Some(DATABASE))
}

fn folders(client: &mut Client, database_guid: Guid) -> Answer<Vec<LongTermId>> {
    let request = GetPerUserLongTermIdsRequest { database_guid };
    match client.call(client.logon, RopRequest::GetPerUserLongTermIds(request))? {
        RopResponse::GetPerUserLongTermIds(answer) => Ok(answer.ids.to_vec()),
        other => panic!("{other:?}"),
    }
}

fn database(client: &mut Client, long_term_id: LongTermId) -> Answer<Guid> {
    let request = GetPerUserGuidRequest { long_term_id };
    match client.call(client.logon, RopRequest::GetPerUserGuid(request))? {
        RopResponse::GetPerUserGuid(answer) => Ok(answer.database_guid),
        other => panic!("{other:?}"),
    }
}

/// A set whose bytes are at least `len` long: every second number.
fn set_of(len: usize) -> Vec<u8> {
    let mut set = IdSet::<Guid>::new();
    let mut counter = 1;
    loop {
        let bytes = set.to_wire();
        if bytes.len() >= len {
            return bytes;
        }
        for _ in 0..64 {
            set.insert(DATABASE, GlobalCounter::new(counter * 1_000));
            counter += 1;
        }
    }
}

on_both! {
    /// MS-OXCSTOR 2.2.1.12: R502, R516
    /// MS-OXCSTOR 2.2.1.13: R560, R569
    /// MS-OXCSTOR 3.2.5.13.2: R1025
    fn a_mailbox_keeps_what_a_client_gives_it(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let data = set_of(100);
        put(&mut client, folder(5), &data)?;
        assert_eq!(read(&mut client, folder(5), 0, 0)?, (true, data.clone()));
        // Another session of the same user sees it, and nobody else.
        assert_eq!(read(&mut rig.client(ME)?, folder(5), 0, 0)?, (true, data));
        assert_eq!(read(&mut rig.client(STRANGER)?, folder(5), 0, 0)?, (true, Vec::new()));
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.13.2: R1023, R1024
    /// MS-OXCSTOR 3.2.5.12.2: R966, R967, R1255
    fn new_data_replaces_the_old(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let (first, second) = (set_of(100), set_of(300));
        put(&mut client, folder(5), &first)?;
        write(&mut client, folder(5), true, 0, &second, Some(Guid([9; 16])))?;
        assert_eq!(read(&mut client, folder(5), 0, 0)?, (true, second.clone()));
        assert_eq!(database(&mut client, folder(5))?, Guid([9; 16]));
        assert_eq!(read(&mut client, folder(6), 0, 0)?, (true, Vec::new()));
        put(&mut client, folder(6), &first)?;
        assert_eq!(read(&mut client, folder(5), 0, 0)?, (true, second));
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.10: R468
    /// MS-OXCSTOR 2.2.1.10.2: R472, R473, R474
    /// MS-OXCSTOR 3.2.5.10: R958
    fn folders_are_found_by_their_store(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        assert_eq!(folders(&mut client, DATABASE)?, []);
        let data = set_of(50);
        for counter in [5, 6, 7] {
            put(&mut client, folder(counter), &data)?;
        }
        write(&mut client, folder(6), true, 0, &data, Some(Guid([9; 16])))?;
        let mut found = folders(&mut client, DATABASE)?;
        found.sort_by_key(|id| id.counter.get());
        assert_eq!(found, [folder(5), folder(7)]);
        assert_eq!(folders(&mut client, Guid([9; 16]))?, [folder(6)]);
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.10.1: R469
    /// MS-OXCSTOR 3.2.5.10: R59771, R482
    /// MS-OXCSTOR 3.2.5.11: R962, R498
    fn public_folders_keep_nothing_of_other_stores(rig: &Rig) -> Result {
        let (mut client, _) = public_client(rig, ME)?;
        assert_eq!(folders(&mut client, DATABASE), Err(NOT_SUPPORTED));
        assert_eq!(database(&mut client, folder(5)), Err(NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.11: R484
    /// MS-OXCSTOR 2.2.1.11.1: R488
    /// MS-OXCSTOR 2.2.1.11.2: R490
    /// MS-OXCSTOR 3.2.5.11: R964, R1254
    fn the_store_of_a_folder_is_told(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        assert_eq!(database(&mut client, folder(5)), Err(NOT_FOUND));
        put(&mut client, folder(5), &set_of(50))?;
        assert_eq!(database(&mut client, folder(5))?, DATABASE);
        assert_eq!(database(&mut client, folder(6)), Err(NOT_FOUND));
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.12.1: R976, R982, R1005, R1010, R1011
    fn long_data_is_read_in_segments(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let data = set_of(5_000);
        put(&mut client, folder(5), &data[..])?;
        let mut got = Vec::new();
        let mut sizes = [1_000, 17, 0x7fff, 300].iter().cycle();
        loop {
            let most = *sizes.next().expect("endless");
            let (finished, segment) = read(&mut client, folder(5), got.len() as u32, most)?;
            let rest = data.len() - got.len();
            assert_eq!(segment.len(), rest.min(usize::from(most).min(4_096)));
            got.extend(segment);
            assert_eq!(finished, got.len() == data.len());
            if finished {
                break;
            }
        }
        assert_eq!(got, data);
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.12.1: R992, R998
    /// MS-OXCSTOR 6: R1356, R999, R997
    fn segments_have_4096_bytes_at_most(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        put(&mut client, folder(5), &set_of(9_000))?;
        for most in [0, 4_096, 4_097, 0x7fff] {
            let (finished, data) = read(&mut client, folder(5), 0, most)?;
            assert_eq!((finished, data.len()), (false, 4_096));
        }
        assert_eq!(read(&mut client, folder(5), 0, 4_095)?.1.len(), 4_095);
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.12.1: R1259, R1260, R556
    /// MS-OXCSTOR 2.2.1.12.1: R527
    /// MS-OXCSTOR 6: R1042
    fn no_data_begins_behind_its_end(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let data = set_of(100);
        put(&mut client, folder(5), &data)?;
        let len = data.len() as u32;
        assert_eq!(read(&mut client, folder(5), len, 0)?, (true, Vec::new()));
        assert_eq!(read(&mut client, folder(5), len + 1, 0), Err(ERROR));
        assert_eq!(read(&mut client, folder(5), u32::MAX, 0), Err(ERROR));
        assert_eq!(read(&mut client, folder(5), 0, 0)?, (true, data));
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.12.2: R540, R1284, R542, R543, R546
    fn whether_that_was_all(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let data = set_of(100);
        put(&mut client, folder(5), &data)?;
        let most = data.len() as u16;
        assert_eq!(read(&mut client, folder(5), 0, most)?, (true, data.clone()));
        assert_eq!(read(&mut client, folder(5), 0, most - 1)?, (false, data[..data.len() - 1].into()));
        let last = data.len() - 1;
        assert_eq!(read(&mut client, folder(5), last as u32, most)?, (true, data[last..].into()));
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.13.1: R1013, R1014, R1015, R1016
    fn data_is_written_in_parts(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let data = set_of(3_000);
        let (first, rest) = data.split_at(1_000);
        let (second, third) = rest.split_at(1_000);
        write(&mut client, folder(5), false, 0, first, Some(DATABASE))?;
        assert_eq!(database(&mut client, folder(5)), Err(NOT_FOUND), "nothing is kept yet");
        // Reading in between ends what came until now, so it is begun again.
        write(&mut client, folder(5), false, 0, first, Some(DATABASE))?;
        write(&mut client, folder(5), false, 1_000, second, None)?;
        write(&mut client, folder(5), true, 2_000, third, None)?;
        assert_eq!(read(&mut client, folder(5), 0, 0)?, (true, data));
        assert_eq!(database(&mut client, folder(5))?, DATABASE);
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.13.1: R1017, R1033, R1019, R600, R601
    fn what_does_not_go_on_is_begun_again(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let data = set_of(1_000);
        let (first, second) = data.split_at(400);
        write(&mut client, folder(5), false, 0, first, Some(DATABASE))?;
        assert_eq!(write(&mut client, folder(6), true, 400, second, None), Err(ERROR));
        assert_eq!(write(&mut client, folder(5), true, 400, second, None), Err(ERROR), "it is gone");
        write(&mut client, folder(5), false, 0, first, Some(DATABASE))?;
        assert_eq!(write(&mut client, folder(5), true, 399, second, None), Err(ERROR));
        assert_eq!(read(&mut client, folder(5), 0, 0)?, (true, Vec::new()));
        Ok(())
    }

    /// MS-OXCSTOR 3.2.5.13.1: R1020, R1021, R602
    /// MS-OXCSTOR 6: R1021006
    fn what_is_no_set_is_not_kept(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let data = set_of(100);
        put(&mut client, folder(5), &data)?;
        assert_eq!(put(&mut client, folder(5), &[1, 2, 3]), Err(CORRUPT_DATA));
        assert_eq!(put(&mut client, folder(5), &data[..data.len() - 1]), Err(CORRUPT_DATA));
        assert_eq!(read(&mut client, folder(5), 0, 0)?, (true, data));
        let (mut public, logon) = public_client(rig, ME)?;
        let id = LongTermId::new(logon.replica_guid, logon.folders.0[1].counter);
        assert_eq!(write(&mut public, id, true, 0, &[1, 2, 3], None), Err(CORRUPT_DATA));
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.12.2: R545, R59729
    /// MS-OXCSTOR 3.2.5.12.1: R974
    /// MS-OXCSTOR 3.2.5.12: R965
    /// MS-OXCSTOR 3.2.5.12.3: R971
    fn public_folders_tell_what_was_read(rig: &Rig) -> Result {
        let (mut client, logon) = administrator(rig)?;
        let (made, _) = make_folder(&mut client, "News")?;
        let id = LongTermId::new(logon.replica_guid, made.counter);
        client.post(made, &[TaggedValue::new(tags::SUBJECT, "one")])?;
        let (finished, data) = read(&mut client, id, 0, 0)?;
        assert!(finished);
        let set = IdSet::<Guid>::from_wire(&data)?;
        assert_eq!(set.len(), 1);
        let folder = client.open_folder(made)?;
        let table = client.contents(folder, mapi_rop::folder::TableFlags::NONE)?;
        client.set_columns(table, &[tags::CHANGE_KEY])?;
        let rows = client.query_rows(table, 1)?;
        let key = rows.rows[0].value(0).and_then(|key| key.as_binary()).expect("a change key").to_vec();
        let (replica, counters) = set.iter().next().expect("a replica");
        assert_eq!(replica, logon.replica_guid);
        let (counter, _) = counters.iter().next().expect("a number");
        assert_eq!(&key[16..], &counter.get().to_be_bytes()[2..]);
        let (mut other, _) = public_client(rig, DELEGATE)?;
        assert_eq!(read(&mut other, id, 0, 0)?, (true, Vec::new()));
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.13: R570
    /// MS-OXCSTOR 3.2.5.13: R1012
    /// MS-OXCSTOR 3.2.5.13.3: R1026, R1027, R1028
    fn public_folders_take_what_was_read(rig: &Rig) -> Result {
        let (mut client, logon) = administrator(rig)?;
        let (made, handle) = make_folder(&mut client, "News")?;
        let id = LongTermId::new(logon.replica_guid, made.counter);
        client.post(made, &[TaggedValue::new(tags::SUBJECT, "one")])?;
        let (_, data) = read(&mut client, id, 0, 0)?;
        let (mut other, _) = public_client(rig, DELEGATE)?;
        let unread = |client: &mut Client| {
            let folder = client.open_folder(made)?;
            client.get(folder, tags::CONTENT_UNREAD_COUNT)
        };
        assert_eq!(unread(&mut other)?, 1.into());
        write(&mut other, id, true, 0, &data, None)?;
        assert_eq!(read(&mut other, id, 0, 0)?, (true, data));
        assert_eq!(unread(&mut other)?, 0.into());
        write(&mut other, id, true, 0, &[], None)?;
        assert_eq!(unread(&mut other)?, 1.into());
        assert_eq!(client.get(handle, tags::CONTENT_UNREAD_COUNT)?, 0.into());
        Ok(())
    }

    /// MS-OXCSTOR 2.2.1.12.2: R541, R544
    /// MS-OXCSTOR 3.2.5.12.3: R1257
    fn a_folder_without_a_state_has_no_data(rig: &Rig) -> Result {
        let (mut client, logon) = public_client(rig, STRANGER)?;
        let top = LongTermId::new(logon.replica_guid, logon.folders.0[1].counter);
        assert_eq!(read(&mut client, top, 0, 0)?, (true, Vec::new()));
        assert_eq!(read(&mut client, folder(5), 0, 0)?, (true, Vec::new()));
        Ok(())
    }
}
