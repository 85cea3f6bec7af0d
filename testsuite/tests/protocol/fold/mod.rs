//! [MS-OXCFOLD]: folders.

mod codes;
mod conversation;
mod deleting;
mod making;
mod moving;
mod properties;
mod search;
mod tables;

use mapi::{
    ErrorCode, FolderId, MessageId, PropertyTag, PropertyValue, Restriction, TaggedValue, tags,
};
use mapi_rop::folder::{
    DeleteFolderFlags, DeleteFolderRequest, FolderType, GetSearchCriteriaRequest,
    GetSearchCriteriaResponse, SearchFlags, SetSearchCriteriaRequest, TableFlags,
};
use mapi_rop::irregular::{CreateFolderRequest, FolderTexts};
use mapi_rop::parts::SizedRestriction;
use mapi_rop::{Handle, RopRequest, RopResponse};
use store::SpecialFolder;
use testsuite::raw::{Answer, Client};

const INBOX: FolderId = SpecialFolder::Inbox.id();
const TOP: FolderId = SpecialFolder::IpmSubtree.id();
const FINDER: FolderId = SpecialFolder::Search.id();

/// A folder and the handle of it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Made {
    id: FolderId,
    handle: Handle,
}

fn create(folder_type: FolderType, name: &str, open_existing: bool) -> RopRequest {
    RopRequest::CreateFolder(CreateFolderRequest {
        folder_type,
        open_existing,
        reserved: 0,
        texts: FolderTexts::Unicode { display_name: name.into(), comment: "".into() },
    })
}

fn make(
    client: &mut Client,
    parent: FolderId,
    folder_type: FolderType,
    name: &str,
) -> Answer<Made> {
    let parent = client.open_folder(parent)?;
    let made = client.call_two(parent, Handle::NONE, create(folder_type, name, false));
    client.release(parent);
    match made? {
        (RopResponse::CreateFolder(answer), handle) => Ok(Made { id: answer.folder, handle }),
        other => panic!("{other:?}"),
    }
}

fn folder(client: &mut Client, parent: FolderId, name: &str) -> Made {
    make(client, parent, FolderType::Generic, name).expect("a folder")
}

/// RopDeleteFolder; whether it was done in part only.
fn delete(client: &mut Client, parent: Handle, folder: FolderId, flags: u8) -> Answer<bool> {
    let flags = DeleteFolderFlags(flags);
    match client.call(parent, RopRequest::DeleteFolder(DeleteFolderRequest { flags, folder }))? {
        RopResponse::DeleteFolder(answer) => Ok(answer.partial_completion),
        other => panic!("{other:?}"),
    }
}

/// A message with this subject.
fn post(client: &mut Client, folder: FolderId, subject: &str) -> MessageId {
    client.post(folder, &[TaggedValue::new(tags::SUBJECT, subject)]).expect("a message")
}

/// The first column of all rows of a table that a folder gives.
fn column(client: &mut Client, table: Answer<Handle>, tag: PropertyTag) -> Vec<PropertyValue> {
    let table = table.expect("a table");
    client.set_columns(table, &[tag]).expect("columns");
    let rows = client.query_rows(table, 1000).expect("rows").rows;
    client.release(table);
    rows.iter().map(|row| row.value(0).expect("a value").clone()).collect()
}

/// The subjects that a folder shows, sorted.
fn subjects(client: &mut Client, folder: Handle) -> Vec<String> {
    let table = client.contents(folder, TableFlags::USE_UNICODE);
    let texts = column(client, table, tags::SUBJECT);
    let text =
        |value: PropertyValue| value.as_text().expect("a text").to_string_lossy().into_owned();
    let mut texts: Vec<String> = texts.into_iter().map(text).collect();
    texts.sort();
    texts
}

fn set_criteria(
    client: &mut Client,
    folder: Handle,
    restriction: Option<Restriction>,
    folders: &[FolderId],
    flags: SearchFlags,
) -> Answer<()> {
    let restriction = SizedRestriction(restriction);
    let folders = folders.to_vec().into();
    let request = SetSearchCriteriaRequest { restriction, folders, flags };
    client.call(folder, RopRequest::SetSearchCriteria(request)).map(drop)
}

fn get_criteria(
    client: &mut Client,
    folder: Handle,
    (use_unicode, include_restriction, include_folders): (bool, bool, bool),
) -> Answer<GetSearchCriteriaResponse> {
    let request = GetSearchCriteriaRequest { use_unicode, include_restriction, include_folders };
    match client.call(folder, RopRequest::GetSearchCriteria(request))? {
        RopResponse::GetSearchCriteria(answer) => Ok(answer),
        other => panic!("{other:?}"),
    }
}

/// What a folder's property says.
fn get_int(client: &mut Client, folder: Handle, tag: PropertyTag) -> i32 {
    client.get(folder, tag).expect("a value").as_i32().expect("a number")
}

const NOT_SUPPORTED: ErrorCode = ErrorCode(0x8004_0102);
