//! Rules of public folders ([MS-OXORULE] 3.2.5.1): they look at what is posted, and do what a server can do alone.

use mapi::rule_action::BOUNCE_DENIED;
use mapi::{ErrorCode, WString};
use mapi_rop::folder::{FolderType, TableFlags};
use mapi_rop::irregular::{CreateFolderRequest, FolderTexts, LogonResponse};
use mapi_rop::logon::LogonRequest;
use mapi_rop::message::{OpenMessageFlags, SaveFlags};
use store::PublicFolder;
use testsuite::on_both;
use testsuite::rig::DELEGATE;

use super::*;

const INVALID_PARAMETER: ErrorCode = ErrorCode(0x8007_0057);
const NOT_SUPPORTED: ErrorCode = ErrorCode(0x8004_0102);

/// A user in the public folders.
fn client_of(rig: &Rig, user: &str) -> Result<Client> {
    let mut client = rig.bare_client(user)?;
    let (response, handle) = client.log_on_with(LogonRequest::public())?;
    client.logon = handle;
    match response {
        RopResponse::Logon(LogonResponse::Public(_)) => Ok(client),
        other => panic!("{other:?}"),
    }
}

fn create(client: &mut Client, name: &str, folder_type: FolderType) -> Answer<(FolderId, Handle)> {
    let top = client.open_folder(PublicFolder::IpmSubtree.id())?;
    let texts = FolderTexts::Unicode { display_name: name.into(), comment: WString::from("") };
    let request = CreateFolderRequest { folder_type, open_existing: false, reserved: 0, texts };
    match client.call_two(top, Handle::NONE, RopRequest::CreateFolder(request))? {
        (RopResponse::CreateFolder(made), handle) => Ok((made.folder, handle)),
        other => panic!("{other:?}"),
    }
}

/// ME as an administrator, with a public folder that has these rules.
fn with_rules(rig: &Rig, rules: Vec<RuleData>) -> Result<(Client, FolderId, Handle)> {
    let account = rig.store.account_by_address(ME)?.ok_or("no such account")?;
    rig.store.set_administrator(account.id, true)?;
    let mut client = client_of(rig, ME)?;
    let (id, handle) = create(&mut client, "News", FolderType::Generic)?;
    modify(&mut client, handle, ModifyRulesFlags::REPLACE, rules)?;
    Ok((client, id, handle))
}

/// The subjects of what a folder shows, and of what is associated with it.
fn subjects(client: &mut Client, folder: FolderId) -> Answer<[Vec<String>; 2]> {
    let folder = client.open_folder(folder)?;
    let mut shown = |flags| {
        let table = client.contents(folder, flags)?;
        client.set_columns(table, &[tags::SUBJECT])?;
        let rows = client.query_rows(table, 100)?.rows;
        client.release(table);
        let text = |row: &mapi::PropertyRow| match row.value(0) {
            Some(PropertyValue::String(text)) => text.to_string_lossy().into_owned(),
            other => panic!("{other:?}"),
        };
        Answer::Ok(rows.iter().map(text).collect::<Vec<String>>())
    };
    Ok([shown(TableFlags::NONE)?, shown(TableFlags::ASSOCIATED)?])
}

fn post(client: &mut Client, folder: FolderId, subject: &str) -> Answer<MessageId> {
    client.post(folder, &[TaggedValue::new(tags::SUBJECT, subject)])
}

/// Until the queue is empty: a thread of the store may have a message in hand.
fn deliver_all(rig: &Rig) -> Result {
    while store::delivery::waiting(&rig.store)? != Default::default() {
        store::delivery::deliver_due(&rig.store)?;
    }
    Ok(())
}

on_both! {
    /// MS-OXORULE 3.2.5.1: R787, R549
    /// MS-OXORULE 6: R930
    fn what_is_posted_is_deleted_by_a_rule(rig: &Rig) -> Result {
        let rules = vec![add(1, ENABLED, "cats", vec![plain(Action::Delete)])];
        let (mut client, folder, _) = with_rules(rig, rules)?;
        let mut other = client_of(rig, STRANGER)?;
        post(&mut other, folder, "dogs")?;
        let gone = post(&mut other, folder, "Cats")?;
        assert_eq!(subjects(&mut client, folder)?[0], ["dogs"]);
        let opened = other.open_message(folder, gone, OpenMessageFlags::NONE);
        assert_eq!(opened, Err(ErrorCode::NOT_FOUND));
        assert!(store::check::store(&rig.store, &Default::default(), &mut |_| {})?.is_clean());
        Ok(())
    }

    /// MS-OXORULE 3.2.5.1: R548, R514
    fn what_is_posted_is_tagged_once(rig: &Rig) -> Result {
        let tag = |subject: &str| {
            vec![plain(Action::Tag(TaggedValue::new(tags::COMMENT, subject)))]
        };
        let rules = vec![
            add(2, ENABLED, "cats", tag("second")),
            add(1, ENABLED, "cats", tag("first")),
            add(3, 0, "cats", tag("disabled")),
        ];
        let (_, folder, _) = with_rules(rig, rules)?;
        let mut other = client_of(rig, STRANGER)?;
        let id = post(&mut other, folder, "cats")?;
        let message = other.open_message(folder, id, OpenMessageFlags::BEST_ACCESS)?;
        assert_eq!(other.get(message, tags::COMMENT)?, "second".into());
        // A change is no posting.
        other.set(message, tags::COMMENT, "mine")?;
        other.save(message, SaveFlags::KEEP_OPEN_READ_WRITE)?;
        assert_eq!(other.get(message, tags::COMMENT)?, "mine".into());
        Ok(())
    }

    /// MS-OXORULE 3.2.5.1: R537
    fn what_is_posted_is_forwarded(rig: &Rig) -> Result {
        let forward = plain(Action::Forward(vec![recipient(DELEGATE)]));
        let rules = vec![add(1, ENABLED, "cats", vec![forward])];
        let (mut client, folder, _) = with_rules(rig, rules)?;
        let mut other = client_of(rig, STRANGER)?;
        post(&mut other, folder, "cats")?;
        deliver_all(rig)?;
        let got = found(rig, DELEGATE, INBOX)?;
        assert_eq!(got.len(), 1);
        assert!(text(&got[0], tags::SUBJECT).contains("cats"));
        // Nothing of it stays in the folder.
        assert_eq!(subjects(&mut client, folder)?, [vec!["cats".to_owned()], Vec::new()]);
        assert_eq!(store::delivery::waiting(&rig.store)?, Default::default());
        assert!(store::check::store(&rig.store, &Default::default(), &mut |_| {})?.is_clean());
        Ok(())
    }

    /// What names nobody is from who posts it, and says so to rules alone.
    /// MS-OXORULE 3.2.5.1: R525
    fn who_posts_gets_the_reply(rig: &Rig) -> Result {
        let (mut client, folder, handle) = with_rules(rig, Vec::new())?;
        let template = client.create_message(folder, true)?;
        let id = mapi::Guid([0x42; 16]);
        client.set_all(template, &[
            TaggedValue::new(tags::SUBJECT, "Thank you"),
            TaggedValue::new(tags::REPLY_TEMPLATE_ID, id.0.to_vec()),
        ])?;
        let message = client.save(template, SaveFlags::NONE)?;
        let template = mapi::rule_action::Template::Ids { folder, message, id };
        let rules = vec![add(1, ENABLED, "cats", vec![plain(Action::Reply(template))])];
        modify(&mut client, handle, ModifyRulesFlags::REPLACE, rules)?;
        let mut other = client_of(rig, STRANGER)?;
        let posted = post(&mut other, folder, "cats")?;
        deliver_all(rig)?;
        let got = found(rig, STRANGER, INBOX)?;
        assert_eq!(omsg::subjects(&got), ["Thank you"]);
        assert_eq!(text(&got[0], tags::SENDER_NAME), "Public Folders");
        let posted = other.open_message(folder, posted, OpenMessageFlags::NONE)?;
        assert_eq!(other.get(posted, tags::SENDER_NAME), Err(ErrorCode::NOT_FOUND));
        Ok(())
    }

    /// Who posts is told at once: nothing is saved.
    /// MS-OXORULE 3.2.5.1: R547
    fn what_is_refused_by_a_rule_is_not_saved(rig: &Rig) -> Result {
        let rules = vec![add(1, ENABLED, "cats", vec![plain(Action::Bounce(BOUNCE_DENIED))])];
        let (mut client, folder, _) = with_rules(rig, rules)?;
        let mut other = client_of(rig, STRANGER)?;
        assert_eq!(post(&mut other, folder, "cats"), Err(ErrorCode::ACCESS_DENIED));
        assert_eq!(subjects(&mut client, folder)?[0], [""; 0]);
        Ok(())
    }

    /// MS-OXORULE 2.2.5.1: R839, R840, R258
    fn rules_of_public_folders_do_what_the_server_does_alone(rig: &Rig) -> Result {
        let (mut client, folder, handle) = with_rules(rig, Vec::new())?;
        for action in [
            Action::Move(to(folder)),
            Action::Copy(to(folder)),
            Action::Defer(vec![1, 2, 3]),
        ] {
            let rules = vec![add(1, ENABLED, "cats", vec![plain(action)])];
            let refused = modify(&mut client, handle, ModifyRulesFlags::REPLACE, rules);
            assert_eq!(refused, Err(INVALID_PARAMETER));
        }
        for state in [ENABLED | ONLY_WHEN_OOF, ENABLED | KEEP_OOF_HISTORY] {
            let rules = vec![add(1, state, "cats", vec![plain(Action::Delete)])];
            let refused = modify(&mut client, handle, ModifyRulesFlags::REPLACE, rules);
            assert_eq!(refused, Err(INVALID_PARAMETER));
        }
        assert_eq!(list(&mut client, handle, &[tags::RULE_STATE])?.len(), 0);
        post(&mut client, folder, "cats")?;
        assert_eq!(subjects(&mut client, folder)?[0], ["cats"]);
        Ok(())
    }

    /// The folder's owners only, as in mailboxes.
    /// MS-OXORULE 3.2.5.2
    fn who_reads_and_writes_rules_of_public_folders(rig: &Rig) -> Result {
        let rules = vec![add(1, ENABLED, "cats", vec![plain(Action::Delete)])];
        let (_, folder, _) = with_rules(rig, rules)?;
        let mut other = client_of(rig, STRANGER)?;
        let handle = other.open_folder(folder)?;
        let refused = modify(&mut other, handle, ModifyRulesFlags::REPLACE, Vec::new());
        assert_eq!(refused, Err(ErrorCode::ACCESS_DENIED));
        let flags = RulesTableFlags::UNICODE;
        assert_eq!(table(&mut other, handle, flags), Err(ErrorCode::ACCESS_DENIED));
        post(&mut other, folder, "cats")?;
        assert_eq!(subjects(&mut other, folder)?[0], [""; 0], "the rule is there");
        Ok(())
    }

    /// MS-OXCFOLD 3.2.5.2: R49601
    /// MS-OXCFOLD 6: R10660202
    fn public_folders_have_no_search_folders(rig: &Rig) -> Result {
        let (mut client, ..) = with_rules(rig, Vec::new())?;
        let refused = create(&mut client, "Found", FolderType::Search).map(drop);
        assert_eq!(refused, Err(NOT_SUPPORTED));
        let top = client.open_folder(PublicFolder::IpmSubtree.id())?;
        let table = client.hierarchy(top, TableFlags::NONE)?;
        client.set_columns(table, &[tags::DISPLAY_NAME])?;
        let rows = client.query_rows(table, 10)?.rows;
        assert_eq!(rows.iter().map(|row| row.value(0)).collect::<Vec<_>>(), [Some(&"News".into())]);
        Ok(())
    }

    /// Nothing is delivered to the account behind the public folders.
    /// MS-OXOMSG 2.2.2
    fn public_folders_are_nobodys_recipient(rig: &Rig) -> Result {
        with_rules(rig, Vec::new())?;
        let mut client = rig.client(STRANGER)?;
        let address = store::directory::public::ADDRESS;
        let message = omsg::draft(&mut client, "hello", &[(TO, address)])?;
        omsg::send(&mut client, message)?;
        deliver_all(rig)?;
        let told = found(rig, STRANGER, INBOX)?;
        assert_eq!(omsg::subjects(&told), ["Undeliverable: hello"]);
        assert_eq!(store::delivery::waiting(&rig.store)?, Default::default());
        Ok(())
    }
}
