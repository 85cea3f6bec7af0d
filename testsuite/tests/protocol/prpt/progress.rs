//! RopProgress, and the ROPs that may go on from one request to the next.

use std::sync::Arc;

use mapi::wire::Counted;
use mapi::{ErrorCode, MessageContent, MessageId, PropertyValue, tags};
use mapi_rop::folder::{
    DeleteMessagesRequest, EmptyFolderRequest, MoveCopyMessagesRequest, PartialCompletionResponse,
};
use mapi_rop::irregular::{CopyFolderRequest, MoveFolderRequest};
use mapi_rop::logon::{LogonOpenFlags, LogonRequest};
use mapi_rop::message::{ReadFlags, SetReadFlagsRequest};
use mapi_rop::property::ProgressRequest;
use mapi_rop::{Failure, HandleIndex, LogonId, Request, RopId};
use mapi_server::Kind;
use store::Mailbox;
use store::folder::{self, NewFolder};
use store::message::ImportOptions;
use testsuite::on_both;
use testsuite::rig::DELEGATE;

use super::*;
use crate::perm::{DELETE_ANY, FOLDER_VISIBLE, READ_ANY, grant};

const NOT_SUPPORTED: ErrorCode = ErrorCode(0x8004_0102);
const NOT_FOUND: ErrorCode = ErrorCode(0x8004_010f);
const ACCESS_DENIED: ErrorCode = ErrorCode(0x8007_0005);
const CANCELED: ErrorCode = ErrorCode(0x8004_0113);
const WHOLE: PartialCompletionResponse = PartialCompletionResponse { partial_completion: false };
const IN_PART: PartialCompletionResponse = PartialCompletionResponse { partial_completion: true };

/// The mailbox of a user, beside the protocol: a ROP that looks would end what goes on.
fn mailbox(rig: &Rig, user: &str) -> Result<Arc<Mailbox>> {
    let account = rig.store.account_by_address(user)?.ok_or("no such account")?;
    Ok(rig.store.mailbox(account.mailbox)?)
}

/// A folder in the Inbox, or below another one, with this many messages.
fn full(rig: &Rig, parent: FolderId, name: &str, count: usize) -> Result<FolderId> {
    let mailbox = mailbox(rig, ME)?;
    let new = NewFolder { display_name: name.into(), ..NewFolder::default() };
    let id = folder::create(&mailbox, parent, &new)?.id;
    fill(&mailbox, id, count)?;
    Ok(id)
}

fn fill(mailbox: &Mailbox, id: FolderId, count: usize) -> Result<Vec<MessageId>> {
    let message = |_| (id, MessageContent::default(), ImportOptions::default());
    let mut ids = Vec::new();
    for from in (0..count).step_by(64) {
        let some = (from..count.min(from + 64)).map(message).collect();
        for imported in store::message::import_all(mailbox, some)? {
            ids.push(imported?.id);
        }
    }
    Ok(ids)
}

/// Messages that a folder has, without associated and deleted ones.
fn contents(rig: &Rig, id: FolderId) -> Result<u32> {
    Ok(folder::info(&*mailbox(rig, ME)?, id)?.contents)
}

fn progress(client: &mut Client, object: Handle, want_cancel: bool) -> Answer {
    client.call(object, RopRequest::Progress(ProgressRequest { want_cancel }))
}

/// How far it is, if the answer says so.
fn far(answer: &RopResponse) -> Option<(u32, u32)> {
    match answer {
        RopResponse::Progress(progress) => {
            assert_eq!(progress.logon, LogonId(0));
            Some((progress.completed, progress.total))
        }
        _ => None,
    }
}

/// Begins something on an object, and asks after it until it is done: how far it was each time, and its answer.
fn to_the_end(
    client: &mut Client,
    (object, other): (Handle, Handle),
    body: RopRequest,
) -> Answer<(Vec<(u32, u32)>, RopResponse)> {
    let mut steps = Vec::new();
    let mut answer = client.call_two(object, other, body)?.0;
    while let Some(step) = far(&answer) {
        steps.push(step);
        answer = progress(client, object, false)?;
    }
    Ok((steps, answer))
}

fn emptying(want_asynchronous: bool) -> RopRequest {
    RopRequest::EmptyFolder(EmptyFolderRequest { want_asynchronous, want_delete_associated: false })
}

fn copying(ids: &[MessageId], want_copy: bool) -> RopRequest {
    let messages = ids.to_vec().into();
    RopRequest::MoveCopyMessages(MoveCopyMessagesRequest {
        messages,
        want_asynchronous: true,
        want_copy,
    })
}

fn reading(messages: &[MessageId]) -> RopRequest {
    let flags = ReadFlags::SUPPRESS_RECEIPT;
    let messages = messages.to_vec().into();
    RopRequest::SetReadFlags(SetReadFlagsRequest { want_asynchronous: true, flags, messages })
}

fn copying_all(want_asynchronous: bool) -> RopRequest {
    RopRequest::CopyTo(CopyToRequest {
        want_asynchronous,
        want_sub_objects: true,
        flags: CopyFlags::NONE,
        excluded: Counted::from(Vec::new()),
    })
}

/// A client that is logged on with SUPPORT_PROGRESS.
fn patient(rig: &Rig) -> Result<Client> {
    let mut client = rig.bare_client(ME)?;
    let mut logon = LogonRequest::mailbox_of(&rig.legacy_dn(ME)?);
    logon.open_flags = logon.open_flags | LogonOpenFlags::SUPPORT_PROGRESS;
    client.logon = client.log_on_with(logon)?.1;
    Ok(client)
}

on_both! {
    /// MS-OXCPRPT 2.2.23.2: R368, R37002, R370
    /// MS-OXCPRPT 3.1.5: R792, R452
    fn emptying_a_large_folder_goes_on_step_by_step(rig: &Rig) -> Result {
        let id = full(rig, INBOX, "large", 600)?;
        let mut client = rig.client(ME)?;
        let object = client.open_folder(id)?;
        let answer = client.call(object, emptying(true))?;
        assert_eq!(far(&answer), Some((256, 600)));
        assert_eq!(contents(rig, id)?, 344);
        // Nothing is done between requests, and what comes meanwhile is not what was to go.
        fill(&*mailbox(rig, ME)?, id, 3)?;
        let answer = progress(&mut client, object, false)?;
        assert_eq!(far(&answer), Some((512, 600)));
        assert_eq!(contents(rig, id)?, 91);
        assert_eq!(progress(&mut client, object, false)?, RopResponse::EmptyFolder(WHOLE));
        assert_eq!(contents(rig, id)?, 3);
        Ok(())
    }

    /// MS-OXCFOLD 3.1.5.2: R447, R1058
    /// MS-OXCFOLD 3.2.5.9: R1132
    /// MS-OXCFOLD 2.2.1.9.1: R234, R235
    fn only_who_asks_for_it_is_told_how_far_it_is(rig: &Rig) -> Result {
        let id = full(rig, INBOX, "large", 300)?;
        let mut client = rig.client(ME)?;
        let object = client.open_folder(id)?;
        let (steps, answer) = to_the_end(&mut client, (object, Handle::NONE), emptying(true))?;
        assert_eq!((steps, answer), (vec![(256, 300)], RopResponse::EmptyFolder(WHOLE)));
        // What is small is done at once, and what may not go on is done as a whole.
        for (count, asynchronous) in [(256, true), (300, false)] {
            fill(&*mailbox(rig, ME)?, id, count)?;
            let answer = client.call(object, emptying(asynchronous))?;
            assert_eq!(answer, RopResponse::EmptyFolder(WHOLE));
            assert_eq!(contents(rig, id)?, 0);
        }
        Ok(())
    }

    /// MS-OXCPRPT 3.1.5: R791
    /// MS-OXCFOLD 3.2.5.10: R1139, R1140, R248
    /// MS-OXCFOLD 2.2.1.10.1: R250
    fn folders_in_a_folder_go_step_by_step(rig: &Rig) -> Result {
        let id = full(rig, INBOX, "large", 10)?;
        let below = full(rig, full(rig, id, "one", 0)?, "two", 300)?;
        let mut client = rig.client(ME)?;
        let object = client.open_folder(id)?;
        let request = EmptyFolderRequest { want_asynchronous: true, want_delete_associated: false };
        let body = RopRequest::HardDeleteMessagesAndSubfolders(request);
        let (steps, answer) = to_the_end(&mut client, (object, Handle::NONE), body)?;
        // Ten messages go first. Two folders and what is in them are tasks twice: senders hear of what is unread
        // in them before they go.
        assert_eq!(steps, [(256, 10 + 2 * 302), (512, 10 + 2 * 302)]);
        assert_eq!(answer, RopResponse::HardDeleteMessagesAndSubfolders(WHOLE));
        assert!(folder::info(&*mailbox(rig, ME)?, below).is_err());
        Ok(())
    }

    /// MS-OXCPRPT 3.1.5: R79201
    /// MS-OXCFOLD 3.2.5.11: R633, R1150
    /// MS-OXCFOLD 2.2.1.11.1: R270
    fn deleting_many_messages_goes_on_step_by_step(rig: &Rig) -> Result {
        deletes(rig, RopRequest::DeleteMessages, RopResponse::DeleteMessages, 260)
    }

    /// MS-OXCPRPT 3.1.5: R79202
    /// MS-OXCFOLD 3.2.5.12: R640, R1157, R289
    /// MS-OXCFOLD 2.2.1.12.1: R292
    fn deleting_many_messages_for_good_goes_on_step_by_step(rig: &Rig) -> Result {
        deletes(rig, RopRequest::HardDeleteMessages, RopResponse::HardDeleteMessages, 0)
    }

    /// MS-OXCPRPT 3.1.5: R788
    /// MS-OXCFOLD 3.2.5.6: R584, R1108, R701
    /// MS-OXCFOLD 2.2.1.6.1: R154
    fn moving_many_messages_goes_on_step_by_step(rig: &Rig) -> Result {
        let (from, to) = (full(rig, INBOX, "from", 0)?, full(rig, INBOX, "to", 0)?);
        let ids = fill(&*mailbox(rig, ME)?, from, 520)?;
        let mut client = rig.client(ME)?;
        let objects = (client.open_folder(from)?, client.open_folder(to)?);
        let (steps, answer) = to_the_end(&mut client, objects, copying(&ids, true))?;
        assert_eq!(steps, [(256, 520), (512, 520)]);
        assert_eq!(answer, RopResponse::MoveCopyMessages(WHOLE));
        assert_eq!((contents(rig, from)?, contents(rig, to)?), (520, 520));
        // One that is not there is told of in the end.
        let some = [&[MessageId::own(0xffff)], &ids[..256]].concat();
        let (steps, answer) = to_the_end(&mut client, objects, copying(&some, false))?;
        assert_eq!(steps, [(256, 257)]);
        assert_eq!(answer, RopResponse::MoveCopyMessages(IN_PART));
        assert_eq!((contents(rig, from)?, contents(rig, to)?), (264, 776));
        Ok(())
    }

    /// MS-OXCPRPT 3.1.5: R790
    /// MS-OXCFOLD 3.2.5.8: R607, R1123, R200
    /// MS-OXCFOLD 2.2.1.8.1: R206
    fn copying_a_large_folder_goes_on_step_by_step(rig: &Rig) -> Result {
        let id = full(rig, INBOX, "large", 200)?;
        full(rig, id, "below", 200)?;
        let mut client = rig.client(ME)?;
        let inbox = client.open_folder(INBOX)?;
        let body = RopRequest::CopyFolder(CopyFolderRequest {
            want_asynchronous: true,
            want_recursive: true,
            folder: id,
            new_name: mapi_rop::parts::Text::Unicode("copy".into()),
        });
        let (steps, answer) = to_the_end(&mut client, (inbox, inbox), body.clone())?;
        assert_eq!(steps, [(256, 402)]);
        assert_eq!(answer, RopResponse::CopyFolder(WHOLE));
        let mailbox = mailbox(rig, ME)?;
        let copy = folder::child_by_name(&mailbox, INBOX, "copy")?.expect("the copy");
        let below = folder::children(&mailbox, copy)?;
        assert_eq!((contents(rig, copy)?, below[0].contents), (200, 200));
        // What fails at once is no operation.
        let again = client.call_two(inbox, inbox, body);
        assert_eq!(again, Err(ErrorCode(0x8004_0604)));
        assert_eq!(progress(&mut client, inbox, false), Err(NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCPRPT 3.1.5: R789
    /// MS-OXCFOLD 3.2.5.7: R595, R1115, R173
    /// MS-OXCFOLD 2.2.1.7.1: R179
    fn moving_a_large_folder_to_another_mailbox_goes_on_step_by_step(rig: &Rig) -> Result {
        let id = full(rig, INBOX, "large", 300)?;
        let mut client = rig.bare_client(DELEGATE)?;
        client.logon = client.log_on(&rig.legacy_dn(ME)?)?;
        let from = client.open_folder(INBOX)?;
        client.logon_id = LogonId(1);
        client.logon = client.log_on(&rig.legacy_dn(DELEGATE)?)?;
        let to = client.open_folder(INBOX)?;
        client.logon_id = LogonId(0);
        let new_name = mapi_rop::parts::Text::Unicode("here".into());
        let body = MoveFolderRequest { want_asynchronous: true, folder: id, new_name };
        let body = RopRequest::MoveFolder(body);
        let (steps, answer) = to_the_end(&mut client, (from, to), body)?;
        // The folder is made, its messages move, and what is empty then is taken away.
        assert_eq!(steps, [(256, 302)]);
        assert_eq!(answer, RopResponse::MoveFolder(WHOLE));
        assert!(folder::info(&*mailbox(rig, ME)?, id).is_err());
        let there = folder::children(&*mailbox(rig, DELEGATE)?, INBOX)?;
        assert_eq!((there[0].display_name.as_str(), there[0].contents), ("here", 300));
        // Within a mailbox it is one change, and answered at once.
        let back = RopRequest::MoveFolder(MoveFolderRequest {
            want_asynchronous: true,
            folder: there[0].id,
            new_name: mapi_rop::parts::Text::Unicode("there".into()),
        });
        client.logon_id = LogonId(1);
        let root = client.open_folder(SpecialFolder::IpmSubtree.id())?;
        assert_eq!(client.call_two(to, root, back)?.0, RopResponse::MoveFolder(WHOLE));
        Ok(())
    }

    /// MS-OXCPRPT 3.1.5: R787
    /// MS-OXCMSG 3.2.5.10: R1509, R1512, R1513
    /// MS-OXCSTOR 2.2.1.1.1: R1059
    fn read_flags_go_on_step_by_step_for_who_supports_it(rig: &Rig) -> Result {
        let id = full(rig, INBOX, "large", 300)?;
        let unread = || Ok::<_, Box<dyn std::error::Error + Send + Sync>>(
            folder::info(&*mailbox(rig, ME)?, id)?.unread
        );
        let mut client = patient(rig)?;
        let object = client.open_folder(id)?;
        let answer = client.call(object, reading(&[]))?;
        assert_eq!((far(&answer), unread()?), (Some((256, 300)), 44));
        assert_eq!(progress(&mut client, object, false)?, RopResponse::SetReadFlags(WHOLE));
        assert_eq!(unread()?, 0);
        fill(&*mailbox(rig, ME)?, id, 300)?;
        // Another client did not say that it takes RopProgress.
        let mut client = rig.client(ME)?;
        let object = client.open_folder(id)?;
        assert_eq!(client.call(object, reading(&[]))?, RopResponse::SetReadFlags(WHOLE));
        assert_eq!(unread()?, 0);
        Ok(())
    }

    /// MS-OXCPRPT 3.1.5: R785
    /// MS-OXCPRPT 3.2.5.8: R50801, R50802
    /// MS-OXCPRPT 2.2.11.1: R177, R178
    fn copying_what_a_folder_holds_goes_on_step_by_step(rig: &Rig) -> Result {
        let (from, to) = (full(rig, INBOX, "from", 300)?, full(rig, INBOX, "to", 0)?);
        let mut client = rig.client(ME)?;
        let objects = (client.open_folder(from)?, client.open_folder(to)?);
        let (steps, answer) = to_the_end(&mut client, objects, copying_all(true))?;
        assert_eq!(steps, [(256, 300)]);
        let RopResponse::CopyTo(answer) = answer else { panic!("{answer:?}") };
        // The name of the source is taken, by the source.
        let problems = answer.problems.items;
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].error, ErrorCode(0x8004_0604));
        assert_eq!(contents(rig, to)?, 300);
        let RopResponse::CopyTo(_) = client.call_two(objects.0, objects.1, copying_all(false))?.0
        else {
            panic!("done as a whole")
        };
        assert_eq!(contents(rig, to)?, 600);
        Ok(())
    }

    /// MS-OXCPRPT 3.2.5.20: R598, R815
    /// MS-OXCPRPT 3.2.5.8: R50803
    fn a_copy_that_is_cancelled_says_so(rig: &Rig) -> Result {
        let (from, to) = (full(rig, INBOX, "from", 600)?, full(rig, INBOX, "to", 0)?);
        let mut client = rig.client(ME)?;
        let objects = (client.open_folder(from)?, client.open_folder(to)?);
        let (answer, _) = client.call_two(objects.0, objects.1, copying_all(true))?;
        assert_eq!(far(&answer), Some((256, 600)));
        let cancel = RopRequest::Progress(ProgressRequest { want_cancel: true });
        let answer = client.respond(objects.0, Handle::NONE, cancel);
        // Its answer has no PartialCompletion.
        let failure = Failure::new(RopId::CopyTo, CANCELED);
        assert_eq!(answer.body, RopResponse::Failed(failure));
        assert_eq!(contents(rig, to)?, 256);
        assert_eq!(progress(&mut client, objects.0, false), Err(NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCPRPT 2.2.23.1: R36601, R367
    /// MS-OXCFOLD 3.1.5.2: R44801
    /// MS-OXCPRPT 3.2.5.20: R814, R59703
    fn what_is_cancelled_is_done_in_part(rig: &Rig) -> Result {
        let id = full(rig, INBOX, "large", 600)?;
        let mut client = rig.client(ME)?;
        let object = client.open_folder(id)?;
        assert_eq!(far(&client.call(object, emptying(true))?), Some((256, 600)));
        assert_eq!(progress(&mut client, object, true)?, RopResponse::EmptyFolder(IN_PART));
        assert_eq!(contents(rig, id)?, 344);
        assert_eq!(rig.ledger().live(Kind::Operation), 0);
        // There is nothing to ask after any more.
        assert_eq!(progress(&mut client, object, false), Err(NOT_SUPPORTED));
        Ok(())
    }

    /// MS-OXCPRPT 3.1.5: R453
    fn another_rop_of_the_logon_ends_it(rig: &Rig) -> Result {
        let id = full(rig, INBOX, "large", 600)?;
        let mut client = rig.client(ME)?;
        let object = client.open_folder(id)?;
        assert_eq!(far(&client.call(object, emptying(true))?), Some((256, 600)));
        assert_eq!(rig.ledger().live(Kind::Operation), 1);
        // Neither a buffer without ROPs nor another session does.
        client.poll();
        rig.client(ME)?.open_folder(id)?;
        assert_eq!(far(&progress(&mut client, object, false)?), Some((512, 600)));
        assert_eq!(client.get(object, tags::CONTENT_COUNT), Ok(PropertyValue::Integer32(88)));
        assert_eq!(rig.ledger().live(Kind::Operation), 0);
        assert_eq!(progress(&mut client, object, false), Err(NOT_SUPPORTED));
        assert_eq!(contents(rig, id)?, 88);
        Ok(())
    }

    /// MS-OXCPRPT 2.2.23: R65001, R353
    fn it_belongs_to_its_object_and_its_logon(rig: &Rig) -> Result {
        let id = full(rig, INBOX, "large", 900)?;
        let mut client = rig.client(ME)?;
        let (object, other) = (client.open_folder(id)?, client.open_folder(id)?);
        assert_eq!(far(&client.call(object, emptying(true))?), Some((256, 900)));
        let logon = client.logon;
        for wrong in [other, logon] {
            assert_eq!(progress(&mut client, wrong, false), Err(NOT_SUPPORTED));
        }
        // Another logon of the session does not end it.
        client.logon_id = LogonId(1);
        client.log_on(&rig.legacy_dn(ME)?)?;
        client.logon_id = LogonId(0);
        assert_eq!(far(&progress(&mut client, object, false)?), Some((512, 900)));
        // It goes with its object.
        client.release(object);
        assert_eq!(rig.ledger().live(Kind::Operation), 0);
        assert_eq!(progress(&mut client, object, false), Err(ErrorCode(0x8004_0108)));
        assert_eq!(far(&client.call(other, emptying(true))?), Some((256, 388)));
        client.release(logon);
        assert_eq!(rig.ledger().live(Kind::Operation), 0);
        assert_eq!(contents(rig, id)?, 132);
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.6: R1109
    fn what_fails_on_the_way_is_answered_as_what_it_was(rig: &Rig) -> Result {
        let (from, to) = (full(rig, INBOX, "from", 0)?, full(rig, INBOX, "to", 0)?);
        let ids = fill(&*mailbox(rig, ME)?, from, 600)?;
        let mut client = rig.client(ME)?;
        let objects = (client.open_folder(from)?, client.open_folder(to)?);
        let (answer, _) = client.call_two(objects.0, objects.1, copying(&ids, false))?;
        assert_eq!(far(&answer), Some((256, 600)));
        let all = folder::DeleteOptions { messages: true, ..Default::default() };
        folder::delete(&*mailbox(rig, ME)?, to, all)?;
        let body = RopRequest::Progress(ProgressRequest { want_cancel: false });
        let answer = client.respond(objects.0, Handle::NONE, body);
        let part = RopResponse::MoveCopyMessages(IN_PART);
        let failure = Failure::new(RopId::MoveCopyMessages, NOT_FOUND).with_body(part);
        assert_eq!(answer.body, RopResponse::Failed(failure));
        assert_eq!(contents(rig, from)?, 344);
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.11: R1151
    fn rights_count_for_each_step(rig: &Rig) -> Result {
        let id = full(rig, INBOX, "large", 0)?;
        grant(rig, id, READ_ANY | DELETE_ANY | FOLDER_VISIBLE)?;
        let ids = fill(&*mailbox(rig, ME)?, id, 600)?;
        let mut client = rig.bare_client(testsuite::rig::STRANGER)?;
        client.logon = client.log_on(&rig.legacy_dn(ME)?)?;
        let object = client.open_folder(id)?;
        let messages = ids.into();
        let request =
            DeleteMessagesRequest { want_asynchronous: true, notify_non_read: false, messages };
        let answer = client.call(object, RopRequest::DeleteMessages(request))?;
        assert_eq!(far(&answer), Some((256, 600)));
        grant(rig, id, READ_ANY | FOLDER_VISIBLE)?;
        assert_eq!(progress(&mut client, object, false), Err(ACCESS_DENIED));
        assert_eq!(contents(rig, id)?, 344);
        // The same where the whole folder is asked for.
        grant(rig, id, READ_ANY | DELETE_ANY | FOLDER_VISIBLE)?;
        assert_eq!(far(&client.call(object, emptying(true))?), Some((256, 344)));
        grant(rig, id, READ_ANY | FOLDER_VISIBLE)?;
        assert_eq!(progress(&mut client, object, false), Err(ACCESS_DENIED));
        assert_eq!(contents(rig, id)?, 88);
        Ok(())
    }

    /// MS-OXCPRPT 3.1.5: R786
    /// MS-OXCPRPT 3.2.5.7: R504, R50402
    /// MS-OXCPRPT 2.2.10.1: R15204, R153
    fn copying_named_parts_of_a_folder_goes_on_step_by_step(rig: &Rig) -> Result {
        let (from, to) = (full(rig, INBOX, "from", 300)?, full(rig, INBOX, "to", 0)?);
        let mut client = rig.client(ME)?;
        let objects = (client.open_folder(from)?, client.open_folder(to)?);
        client.set(objects.0, tags::COMMENT, "said")?;
        let body = |want_asynchronous| RopRequest::CopyProperties(CopyPropertiesRequest {
            want_asynchronous,
            flags: CopyFlags::NONE,
            tags: Counted::from(vec![tags::CONTAINER_CONTENTS, tags::COMMENT, tags::SUBJECT]),
        });
        let (steps, answer) = to_the_end(&mut client, objects, body(true))?;
        assert_eq!(steps, [(256, 300)]);
        let missing = PropertyProblem { index: 2, tag: tags::SUBJECT, error: NOT_FOUND };
        let problems = |answer| match answer {
            RopResponse::CopyProperties(answer) => answer.problems.items,
            other => panic!("{other:?}"),
        };
        assert_eq!(problems(answer), std::slice::from_ref(&missing));
        assert_eq!(contents(rig, to)?, 300);
        let (answer, _) = client.call_two(objects.0, objects.1, body(false))?;
        assert_eq!(problems(answer), [missing]);
        assert_eq!(contents(rig, to)?, 600);
        assert_eq!(client.get(objects.1, tags::COMMENT)?.as_text().map(|t| t.to_string()), Some("said".into()));
        Ok(())
    }

    /// MS-OXCPRPT 3.1.5: R453
    fn another_rop_of_the_same_buffer_ends_it(rig: &Rig) -> Result {
        let id = full(rig, INBOX, "large", 600)?;
        let mut client = rig.client(ME)?;
        let object = client.open_folder(id)?;
        let request = |body| Request::new(LogonId(0), HandleIndex(0), body);
        let go_on = || request(RopRequest::Progress(ProgressRequest { want_cancel: false }));
        // Two steps in one buffer.
        let buffer = [request(emptying(true)), go_on()];
        let answers = client.exchange(&buffer, &[object]).responses;
        let steps: Vec<_> = answers.iter().map(|answer| far(&answer.body)).collect();
        assert_eq!(steps, [Some((256, 600)), Some((512, 600))]);
        // The second of these begins anew, with what is left.
        let buffer = [request(emptying(true)), go_on()];
        let answers = client.exchange(&buffer, &[object]).responses;
        assert_eq!(answers[0].body, RopResponse::EmptyFolder(WHOLE));
        assert_eq!(answers[1].code(), NOT_SUPPORTED);
        Ok(())
    }
}

/// Deletes 520 messages of a folder by their ids; how many of the first 260 are there as soft-deleted ones after
/// the first half.
fn deletes(
    rig: &Rig,
    body: fn(DeleteMessagesRequest) -> RopRequest,
    answer: fn(PartialCompletionResponse) -> RopResponse,
    soft: u32,
) -> Result {
    let id = full(rig, INBOX, "large", 0)?;
    let ids = fill(&*mailbox(rig, ME)?, id, 520)?;
    let mut client = rig.client(ME)?;
    let object = client.open_folder(id)?;
    for half in ids.chunks(260) {
        let messages = half.to_vec().into();
        let request =
            DeleteMessagesRequest { want_asynchronous: true, notify_non_read: false, messages };
        let done = to_the_end(&mut client, (object, Handle::NONE), body(request))?;
        assert_eq!(done, (vec![(256, 260)], answer(WHOLE)));
    }
    let info = folder::info(&*mailbox(rig, ME)?, id)?;
    assert_eq!((info.contents, info.soft_deleted), (0, 2 * soft));
    Ok(())
}
