//! Search folders: RopSetSearchCriteria, RopGetSearchCriteria, and what is done through them.

use mapi::restriction::{BitTest, FuzzyLevel, Relation};
use mapi::text::String8;
use mapi::{ErrorCode, FolderId, PropertyType, PropertyValue, Restriction, TaggedValue, tags};
use mapi_rop::folder::{
    DeleteMessagesRequest, EmptyFolderRequest, FolderType, GetTableRequest,
    MoveCopyMessagesRequest, SearchFlags, TableFlags,
};
use mapi_rop::message::{OpenMessageFlags, ReadFlags, SetReadFlagsRequest};
use mapi_rop::{Handle, RopRequest, RopResponse};
use testsuite::on_both;
use testsuite::rig::ME;

use super::*;

const RESTART: SearchFlags = SearchFlags::RESTART_OR_REBUILD;
const STOP: SearchFlags = SearchFlags::STOP_OR_RUNNING;
const RECURSIVE: SearchFlags = SearchFlags::RECURSIVE;
const INVALID_PARAMETER: ErrorCode = ErrorCode(0x8007_0057);
const NOT_INITIALIZED: ErrorCode = ErrorCode(0x8004_0605);
const NOT_SEARCH_FOLDER: ErrorCode = ErrorCode(0x0000_0461);
const SCOPE_VIOLATION: ErrorCode = ErrorCode(0x0000_0490);
const TOO_COMPLEX: ErrorCode = ErrorCode(0x8004_0117);
const SEARCH_FOLDER: ErrorCode = ErrorCode(0x0000_0460);
/// SEARCH_COMPLETE and TWIR_TOTALLY.
const COMPLETE: u32 = 0x0800_1000;

fn has(part: &str) -> Restriction {
    let level = FuzzyLevel { low: FuzzyLevel::SUBSTRING, high: FuzzyLevel::IGNORE_CASE };
    let value = TaggedValue::new(tags::SUBJECT, part);
    Restriction::Content { level, tag: tags::SUBJECT, value }
}

fn unread() -> Restriction {
    let (tag, mask) = (tags::MESSAGE_FLAGS, 1);
    Restriction::Bitmask { test: BitTest::AllClear, tag, mask }
}

/// A search folder without criteria.
fn bare(client: &mut Client) -> Made {
    make(client, FINDER, FolderType::Search, "found").expect("a search folder")
}

/// A search folder that looks for `restriction` in folders and those below them.
fn searching(client: &mut Client, restriction: Restriction, folders: &[FolderId]) -> Made {
    let made = bare(client);
    let flags = RESTART | RECURSIVE;
    set_criteria(client, made.handle, Some(restriction), folders, flags).expect("criteria");
    made
}

fn flags_of(client: &mut Client, folder: Handle) -> u32 {
    get_criteria(client, folder, (true, false, false)).expect("criteria").flags.0
}

on_both! {
    /// MS-OXCFOLD 2.2.1.2.1: R47
    /// MS-OXCFOLD 3.1.4.4: R409
    /// MS-OXCFOLD 2.2.2.2.2.7: R812
    fn a_search_folder_is_made(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let made = bare(&mut client);
        assert_eq!(client.get(made.handle, tags::FOLDER_ID), Ok(made.id.to_i64().into()));
        assert_eq!(get_int(&mut client, made.handle, tags::FOLDER_TYPE), 2);
        assert_eq!(get_int(&mut client, made.handle, tags::CONTENT_COUNT), 0);
        let finder = client.open_folder(FINDER).expect("the Finder");
        let below = client.hierarchy(finder, TableFlags::USE_UNICODE);
        assert_eq!(column(&mut client, below, tags::DISPLAY_NAME), ["found".into()]);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.4: R98
    /// MS-OXCFOLD 2.2.1.4.2: R118, R119
    /// MS-OXCFOLD 3.2.5.4: R515, R518
    fn what_matches_is_shown(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let sub = folder(&mut client, INBOX, "sub");
        post(&mut client, INBOX, "Report one");
        post(&mut client, sub.id, "a report");
        post(&mut client, sub.id, "something");
        let found = searching(&mut client, has("REPORT"), &[INBOX]);
        assert_eq!(subjects(&mut client, found.handle), ["Report one", "a report"]);
        assert_eq!(get_int(&mut client, found.handle, tags::CONTENT_COUNT), 2);
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.4: R552, R1095, R1096, R1097
    fn a_dynamic_search_follows_what_changes(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let other = folder(&mut client, TOP, "other");
        let first = post(&mut client, INBOX, "report 1");
        let found = searching(&mut client, has("report"), &[INBOX]);
        // It begins to match, it comes, it moves out of the scope, it ceases to match.
        let note = post(&mut client, INBOX, "note");
        assert_eq!(subjects(&mut client, found.handle), ["report 1"]);
        let edit = |client: &mut Client, id, subject: &str| {
            let flags = OpenMessageFlags::READ_WRITE;
            let message = client.open_message(INBOX, id, flags).expect("a message");
            client.set(message, tags::SUBJECT, subject).expect("a subject");
            client.save(message, mapi_rop::message::SaveFlags::NONE).expect("saved");
            client.release(message);
        };
        edit(&mut client, note, "report 2");
        post(&mut client, INBOX, "report 3");
        assert_eq!(subjects(&mut client, found.handle), ["report 1", "report 2", "report 3"]);
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let request = MoveCopyMessagesRequest {
            messages: vec![first].into(),
            want_asynchronous: false,
            want_copy: false,
        };
        let moving = RopRequest::MoveCopyMessages(request);
        client.call_two(inbox, other.handle, moving).expect("moved");
        edit(&mut client, note, "note again");
        assert_eq!(subjects(&mut client, found.handle), ["report 3"]);
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.4: R519, R546
    /// MS-OXCFOLD 2.2.1.4.1: R766, R767
    fn new_criteria_take_the_place_of_the_old_ones(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        for subject in ["a", "ab", "b"] {
            post(&mut client, INBOX, subject);
        }
        let found = searching(&mut client, has("a"), &[INBOX]);
        assert_eq!(subjects(&mut client, found.handle), ["a", "ab"]);
        set_criteria(&mut client, found.handle, Some(has("b")), &[INBOX], RESTART).expect("set");
        assert_eq!(subjects(&mut client, found.handle), ["ab", "b"]);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.4.1: R784
    /// MS-OXCFOLD 3.2.5.4: R549, R1084, R1093, R551
    fn a_static_search_stays_until_it_is_begun_again(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let gone = post(&mut client, INBOX, "report 1");
        let found = bare(&mut client);
        let flags = RESTART | SearchFlags::STATIC;
        set_criteria(&mut client, found.handle, Some(has("report")), &[INBOX], flags).expect("set");
        post(&mut client, INBOX, "report 2");
        assert_eq!(subjects(&mut client, found.handle), ["report 1"]);
        assert_eq!(flags_of(&mut client, found.handle), COMPLETE | 0x0001_0000);
        set_criteria(&mut client, found.handle, None, &[], flags).expect("begun again");
        assert_eq!(subjects(&mut client, found.handle), ["report 1", "report 2"]);
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        delete_message(&mut client, inbox, gone, true);
        assert_eq!(subjects(&mut client, found.handle), ["report 1", "report 2"]);
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.4: R1094
    fn a_static_search_shows_what_was_deleted_since(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let gone = post(&mut client, INBOX, "report 1");
        let found = bare(&mut client);
        let flags = RESTART | SearchFlags::STATIC;
        set_criteria(&mut client, found.handle, Some(has("report")), &[INBOX], flags).expect("set");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        delete_message(&mut client, inbox, gone, true);
        assert_eq!(subjects(&mut client, found.handle), ["report 1"]);
        let opened = client.open_message(INBOX, gone, OpenMessageFlags::NONE);
        assert_eq!(opened, Err(ErrorCode::NOT_FOUND));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.4.1: R770, R772, R1200, R1201
    /// MS-OXCFOLD 2.2.1.5.2: R789
    fn a_search_goes_deep_or_not(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let sub = folder(&mut client, INBOX, "sub");
        let low = folder(&mut client, sub.id, "low");
        post(&mut client, INBOX, "m0");
        post(&mut client, low.id, "m2");
        let found = bare(&mut client);
        let set = |client: &mut Client, flags| {
            set_criteria(client, found.handle, Some(has("m")), &[INBOX], flags).expect("set");
            (subjects(client, found.handle).join(" "), flags_of(client, found.handle))
        };
        assert_eq!(set(&mut client, RESTART | RECURSIVE), ("m0 m2".into(), COMPLETE | 4));
        assert_eq!(set(&mut client, RESTART | SearchFlags::SHALLOW), ("m0".into(), COMPLETE));
        assert_eq!(set(&mut client, RESTART | RECURSIVE), ("m0 m2".into(), COMPLETE | 4));
        assert_eq!(set(&mut client, RESTART), ("m0".into(), COMPLETE));
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.4: R1239
    /// MS-OXCFOLD 2.2.1.4.1: R1198, R1199, R1210
    /// MS-OXCFOLD 2.2.1.5.2: R960
    fn bits_that_are_not_set_have_defaults(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let sub = folder(&mut client, INBOX, "sub");
        post(&mut client, sub.id, "m1");
        let found = searching(&mut client, has("m"), &[INBOX]);
        assert_eq!(subjects(&mut client, found.handle), ["m1"]);
        // Neither bit of either pair: it begins again, and shallow.
        set_criteria(&mut client, found.handle, None, &[], SearchFlags::NONE).expect("set");
        assert_eq!(flags_of(&mut client, found.handle), COMPLETE);
        assert_eq!(subjects(&mut client, found.handle), [""; 0]);
        post(&mut client, INBOX, "m0");
        assert_eq!(subjects(&mut client, found.handle), ["m0"]);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.4.1: R105, R109
    /// MS-OXCFOLD 3.2.5.4: R1241
    fn what_a_request_leaves_out_is_as_before(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let other = folder(&mut client, TOP, "other");
        for subject in ["a1", "b1"] {
            post(&mut client, INBOX, subject);
        }
        for subject in ["a2", "b2"] {
            post(&mut client, other.id, subject);
        }
        let found = searching(&mut client, has("a"), &[INBOX]);
        set_criteria(&mut client, found.handle, None, &[other.id], RESTART).expect("folders");
        assert_eq!(subjects(&mut client, found.handle), ["a2"]);
        set_criteria(&mut client, found.handle, Some(has("b")), &[], RESTART).expect("restriction");
        assert_eq!(subjects(&mut client, found.handle), ["b2"]);
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.4: R543, R1098, R1099
    /// MS-OXCFOLD 2.2.1.4.1: R673
    fn a_stop_does_nothing_to_a_search_that_is_complete(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        post(&mut client, INBOX, "m0");
        let found = searching(&mut client, has("m"), &[INBOX]);
        set_criteria(&mut client, found.handle, None, &[], STOP).expect("stopped");
        assert_eq!(flags_of(&mut client, found.handle), COMPLETE | 4);
        post(&mut client, INBOX, "m1");
        assert_eq!(subjects(&mut client, found.handle), ["m0", "m1"]);
        // There is nothing to stop where nothing was begun.
        let other = make(&mut client, FINDER, FolderType::Search, "bare").expect("a search folder");
        let stopped = set_criteria(&mut client, other.handle, None, &[], STOP);
        assert_eq!(stopped, Err(NOT_INITIALIZED));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.4.1: R782, R783, R1205, R1208
    /// MS-OXCFOLD 2.2.1.5.2: R1215
    fn with_or_without_an_index_the_same_is_found(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        post(&mut client, INBOX, "a report");
        let found = bare(&mut client);
        let ways = [
            SearchFlags::NONE,
            SearchFlags::CONTENT_INDEXED_OR_STATIC,
            SearchFlags::NON_CONTENT_INDEXED_OR_MAYBE_STATIC,
            SearchFlags::FOREGROUND,
            SearchFlags::BACKGROUND,
        ];
        for way in ways {
            let flags = RESTART | way;
            let set = set_criteria(&mut client, found.handle, Some(has("REPORT")), &[INBOX], flags);
            assert_eq!(set, Ok(()), "{way:?}");
            assert_eq!(flags_of(&mut client, found.handle), COMPLETE, "{way:?}");
            assert_eq!(subjects(&mut client, found.handle), ["a report"], "{way:?}");
        }
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.4: R1238, R538
    /// MS-OXCFOLD 6: R1238002
    fn a_search_with_an_index_is_followed_and_takes_every_restriction(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let found = bare(&mut client);
        let flags = RESTART | SearchFlags::CONTENT_INDEXED_OR_STATIC;
        set_criteria(&mut client, found.handle, Some(unread()), &[INBOX], flags).expect("set");
        let id = post(&mut client, INBOX, "m");
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        set_read(&mut client, inbox, id, ReadFlags::CLEAR_READ_FLAG);
        assert_eq!(subjects(&mut client, found.handle), ["m"]);
        set_read(&mut client, inbox, id, ReadFlags::NONE);
        assert_eq!(subjects(&mut client, found.handle), [""; 0]);
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.4: R116, R1091, R1092
    /// MS-OXCFOLD 6: R116001
    fn bits_that_mean_nothing_are_refused(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let found = bare(&mut client);
        let known = [0x1, 0x2, 0x4, 0x8, 0x10, 0x20, 0x1_0000, 0x2_0000, 0x4_0000u32];
        let unknown = (0..32).map(|bit| 1u32 << bit).filter(|bit| !known.contains(bit));
        let both = [0x3, 0xc, 0x30, 0x3_0000];
        for flags in unknown.chain(both) {
            let flags = SearchFlags(flags);
            let set = set_criteria(&mut client, found.handle, Some(has("m")), &[INBOX], flags);
            assert_eq!(set, Err(INVALID_PARAMETER), "{flags:?}");
        }
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.4: R1240, R565, R566
    fn the_first_criteria_name_folders_and_a_restriction(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let found = bare(&mut client);
        let set = set_criteria(&mut client, found.handle, Some(has("m")), &[], RESTART);
        assert_eq!(set, Err(NOT_INITIALIZED));
        let set = set_criteria(&mut client, found.handle, None, &[INBOX], RESTART);
        assert_eq!(set, Err(NOT_INITIALIZED));
        let nothing = get_criteria(&mut client, found.handle, (true, true, true));
        assert_eq!(nothing, Err(NOT_INITIALIZED));
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.4: R569, R570
    /// MS-OXCFOLD 3.2.5.5: R579, R580
    fn other_folders_have_no_criteria(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let set = set_criteria(&mut client, inbox, Some(has("m")), &[TOP], RESTART);
        assert_eq!(set, Err(NOT_SEARCH_FOLDER));
        let get = get_criteria(&mut client, inbox, (true, true, true));
        assert_eq!(get, Err(NOT_SEARCH_FOLDER));
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.4: R1242, R1243, R1244
    /// MS-OXCFOLD 3.1.4.4: R1233
    /// MS-OXCFOLD 6: R124201
    fn a_search_folder_is_not_in_its_own_scope(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let found = bare(&mut client);
        let scope = [INBOX, found.id];
        let set = set_criteria(&mut client, found.handle, Some(has("m")), &scope, RESTART);
        assert_eq!(set, Err(SCOPE_VIOLATION));
        // Below a folder that is searched it is no part of the scope.
        set_criteria(&mut client, found.handle, Some(has("m")), &[FINDER], RESTART | RECURSIVE)
            .expect("criteria");
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.4: R2570, R572
    fn a_restriction_may_be_too_complex(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let found = bare(&mut client);
        let regex = Restriction::Property {
            relation: Relation::MatchesExpression,
            tag: tags::SUBJECT,
            value: TaggedValue::new(tags::SUBJECT, "m.*"),
        };
        let set = set_criteria(&mut client, found.handle, Some(regex), &[INBOX], RESTART);
        assert_eq!(set, Err(TOO_COMPLEX));
        let many = vec![INBOX; 1_001];
        let set = set_criteria(&mut client, found.handle, Some(has("m")), &many, RESTART);
        assert_eq!(set, Err(TOO_COMPLEX));
        let missing = [FolderId::own(0xffff)];
        let set = set_criteria(&mut client, found.handle, Some(has("m")), &missing, RESTART);
        assert_eq!(set, Err(ErrorCode::NOT_FOUND));
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.4: R573, R574
    /// MS-OXCFOLD 3.2.5.5: R581, R582
    fn criteria_are_those_of_a_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        let set = set_criteria(&mut client, logon, Some(has("m")), &[INBOX], RESTART);
        assert_eq!(set, Err(NOT_SUPPORTED));
        let get = get_criteria(&mut client, logon, (true, true, true));
        assert_eq!(get, Err(NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.5: R120, R121
    /// MS-OXCFOLD 2.2.1.5.1: R129, R131
    /// MS-OXCFOLD 2.2.1.5.2: R137
    fn criteria_are_told(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let sub = folder(&mut client, INBOX, "sub");
        let found = searching(&mut client, has("m"), &[sub.id, INBOX]);
        let told = get_criteria(&mut client, found.handle, (true, true, true)).expect("criteria");
        assert_eq!(told.restriction.0, Some(has("m")));
        assert_eq!(told.folders.items, [sub.id, INBOX]);
        assert_eq!(told.flags.0, COMPLETE | 4);
        Ok(())
    }

    /// MS-OXCMSG 3.2.4.1: R1463
    fn bodies_are_searched_in_any_format(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let add = |client: &mut Client, subject: &str, body: TaggedValue| {
            client.post(INBOX, &[TaggedValue::new(tags::SUBJECT, subject), body]).expect("saved");
        };
        let html = |text: &str| TaggedValue::new(tags::HTML, text.as_bytes().to_vec());
        add(&mut client, "before", html("<p>a <i>ne</i>edle</p>"));
        add(&mut client, "other", html("<p class=needle>hay</p>"));
        let tag = tags::BODY;
        let level = FuzzyLevel { low: FuzzyLevel::SUBSTRING, high: FuzzyLevel::LOOSE };
        let value = TaggedValue::new(tag, "NEEDLE");
        let restriction = Restriction::Content { level, tag, value };
        let made = searching(&mut client, restriction, &[INBOX]);
        assert_eq!(subjects(&mut client, made.handle), ["before"]);
        let rich = formats::text::rtf::compress(br"{\rtf1\ansi n\'e9edle}");
        add(&mut client, "after", TaggedValue::new(tags::RTF_COMPRESSED, rich));
        add(&mut client, "text", TaggedValue::new(tags::BODY, "hay"));
        assert_eq!(subjects(&mut client, made.handle), ["after", "before"]);
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.5: R1103, R1104
    /// MS-OXCFOLD 2.2.1.5.1: R130, R132
    /// MS-OXCFOLD 3.1.4.5: R418
    fn only_what_is_asked_for_is_told(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let found = searching(&mut client, has("m"), &[INBOX]);
        let told = get_criteria(&mut client, found.handle, (true, false, true)).expect("criteria");
        assert_eq!((told.restriction.0, told.folders.items), (None, vec![INBOX]));
        let told = get_criteria(&mut client, found.handle, (true, true, false)).expect("criteria");
        assert_eq!((told.restriction.0, told.folders.items), (Some(has("m")), vec![]));
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.5.2: R136, R139, R959, R2141
    /// MS-OXCROPS 2.2.4.5.2
    fn what_is_left_out_takes_no_room(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let found = searching(&mut client, has("m"), &[INBOX]);
        let told = get_criteria(&mut client, found.handle, (true, false, false)).expect("criteria");
        assert_eq!((&told.restriction.0, &told.folders.items), (&None, &vec![]));
        // SEARCH_RECURSIVE, and it is done.
        assert_eq!((told.logon.0, told.flags.0), (0, COMPLETE | 0x04));
        // RestrictionDataSize, LogonId, FolderIdCount, SearchFlags, and nothing else.
        let expected = [&[0, 0][..], &[told.logon.0], &[0, 0], &told.flags.0.to_le_bytes()].concat();
        assert_eq!(mapi::Wire::to_wire(&told), expected);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.5.1: R127, R128
    fn the_restriction_has_the_text_that_is_asked_for(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let found = searching(&mut client, has("mü"), &[INBOX]);
        let told = get_criteria(&mut client, found.handle, (true, true, false)).expect("criteria");
        assert_eq!(told.restriction.0, Some(has("mü")));
        let told = get_criteria(&mut client, found.handle, (false, true, false)).expect("criteria");
        let tag = tags::SUBJECT.with_type(PropertyType::STRING8);
        let value = PropertyValue::String8(String8(b"m\xfc".to_vec()));
        let Some(Restriction::Content { value: found, tag: of, .. }) = told.restriction.0 else {
            panic!("{told:?}");
        };
        assert_eq!((of, found), (tag, TaggedValue { tag, value }));
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.14: R1172
    fn a_row_names_the_folder_of_the_message(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let sub = folder(&mut client, INBOX, "sub");
        post(&mut client, sub.id, "m1");
        let found = searching(&mut client, has("m"), &[INBOX]);
        let own = client.get(sub.handle, tags::ENTRY_ID).expect("an entry id");
        let table = client.contents(found.handle, TableFlags::NONE);
        assert_eq!(column(&mut client, table, tags::PARENT_ENTRY_ID), [own]);
        let table = client.contents(found.handle, TableFlags::NONE);
        assert_eq!(column(&mut client, table, tags::FOLDER_ID), [sub.id.to_i64().into()]);
        let again = RopRequest::GetContentsTable(GetTableRequest { flags: TableFlags::NONE });
        let Ok(RopResponse::GetContentsTable(opened)) = client.call(found.handle, again) else {
            panic!("a table");
        };
        assert_eq!(opened.row_count, 1);
        Ok(())
    }

    /// MS-OXCFOLD 2.2.1.6: R1216
    /// MS-OXCFOLD 2.2.1.6.1: R121701, R121702
    fn messages_are_moved_and_copied_out_of_a_search_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let other = folder(&mut client, TOP, "other");
        let id = post(&mut client, INBOX, "m0");
        let found = searching(&mut client, has("m"), &[INBOX]);
        for want_copy in [true, false] {
            let messages = vec![id].into();
            let request = MoveCopyMessagesRequest { messages, want_asynchronous: false, want_copy };
            let request = RopRequest::MoveCopyMessages(request);
            match client.call_two(found.handle, other.handle, request).expect("done").0 {
                RopResponse::MoveCopyMessages(done) => assert!(!done.partial_completion),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(subjects(&mut client, other.handle), ["m0", "m0"]);
        assert_eq!(subjects(&mut client, found.handle), [""; 0]);
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        assert_eq!(subjects(&mut client, inbox), [""; 0]);
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.6: R1246
    /// MS-OXCFOLD 2.2.1.6.1: R121801, R121802
    fn nothing_is_put_into_a_search_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, INBOX, "m0");
        let found = searching(&mut client, has("x"), &[INBOX]);
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        for want_copy in [true, false] {
            let messages = vec![id].into();
            let request = MoveCopyMessagesRequest { messages, want_asynchronous: false, want_copy };
            let done = client.call_two(inbox, found.handle, RopRequest::MoveCopyMessages(request));
            assert_eq!(done.map(drop), Err(SEARCH_FOLDER));
        }
        assert_eq!(client.create_message(found.id, false), Err(SEARCH_FOLDER));
        assert_eq!(client.create_message(found.id, true), Err(SEARCH_FOLDER));
        let below = make(&mut client, found.id, FolderType::Generic, "below");
        assert_eq!(below, Err(SEARCH_FOLDER));
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.9: R1249, R3012
    /// MS-OXCFOLD 6: R124901
    fn a_search_folder_is_not_emptied(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        post(&mut client, INBOX, "m0");
        let found = searching(&mut client, has("m"), &[INBOX]);
        let request = || EmptyFolderRequest { want_asynchronous: false, want_delete_associated: false };
        let soft = client.call(found.handle, RopRequest::EmptyFolder(request()));
        let hard = RopRequest::HardDeleteMessagesAndSubfolders(request());
        let hard = client.call(found.handle, hard);
        assert_eq!((soft.map(drop), hard.map(drop)), (Err(NOT_SUPPORTED), Err(NOT_SUPPORTED)));
        assert_eq!(subjects(&mut client, found.handle), ["m0"]);
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.11: R632
    fn a_message_is_deleted_through_a_search_folder(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, INBOX, "m0");
        let found = searching(&mut client, has("m"), &[INBOX]);
        delete_message(&mut client, found.handle, id, false);
        let inbox = client.open_folder(INBOX).expect("the Inbox");
        let deleted = client.contents(inbox, TableFlags::SOFT_DELETES | TableFlags::USE_UNICODE);
        assert_eq!(column(&mut client, deleted, tags::SUBJECT), ["m0".into()]);
        assert_eq!(get_int(&mut client, found.handle, tags::CONTENT_COUNT), 0);
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.3: R497
    fn a_search_folder_goes_and_its_messages_stay(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let id = post(&mut client, INBOX, "m0");
        let found = searching(&mut client, has("m"), &[INBOX]);
        let finder = client.open_folder(FINDER).expect("the Finder");
        // What it shows is not in it, so no flag is needed.
        assert_eq!(delete(&mut client, finder, found.id, 0x10), Ok(false));
        assert_eq!(client.open_folder(found.id), Err(ErrorCode::NOT_FOUND));
        assert!(client.open_message(INBOX, id, OpenMessageFlags::NONE).is_ok());
        Ok(())
    }
}

fn delete_message(client: &mut Client, folder: Handle, id: MessageId, hard: bool) {
    let messages = vec![id].into();
    let request =
        DeleteMessagesRequest { want_asynchronous: false, notify_non_read: false, messages };
    let done = match hard {
        true => client.call(folder, RopRequest::HardDeleteMessages(request)),
        false => client.call(folder, RopRequest::DeleteMessages(request)),
    };
    match done.expect("deleted") {
        RopResponse::DeleteMessages(done) | RopResponse::HardDeleteMessages(done) => {
            assert!(!done.partial_completion);
        }
        other => panic!("{other:?}"),
    }
}

fn set_read(client: &mut Client, folder: Handle, id: MessageId, flags: ReadFlags) {
    let messages = vec![id].into();
    let request = SetReadFlagsRequest { want_asynchronous: false, flags, messages };
    client.call(folder, RopRequest::SetReadFlags(request)).expect("read flags");
}
