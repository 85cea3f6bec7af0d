//! [MS-OXCROPS]: the layout of each ROP, octet by octet, and what holds for every ROP.
//!
//! Requests are put together by hand and answers are taken apart by hand (`testsuite::octets`), in the order
//! of the fields in the specification: nothing here shares a layout with the server.

mod backoff;
mod folder;
mod general;
mod logon;
mod message;
mod notification;
mod permission;
mod progress;
mod property;
mod public;
mod stream;
mod table;
mod transport;

use mapi::FolderId;
use mapi_rop::Handle;
use testsuite::octets::{self, Rop};
use testsuite::raw::Client;

/// Codes as they stand on the wire ([MS-OXCDATA] 2.4).
mod code {
    pub const SUCCESS: u32 = 0;
    pub const NULL_OBJECT: u32 = 0x0000_04b9;
    pub const NULL_DESTINATION: u32 = 0x0000_0503;
    pub const ACCESS_DENIED: u32 = 0x8007_0005;
    pub const INVALID_OBJECT: u32 = 0x8004_0108;
    pub const NOT_SUPPORTED: u32 = 0x8004_0102;
    pub const NOT_FOUND: u32 = 0x8004_010f;
    pub const DUPLICATE_NAME: u32 = 0x8004_0604;
}

/// The Inbox, open.
fn inbox(client: &mut Client) -> Handle {
    client.open_folder(store::SpecialFolder::Inbox.id()).expect("the inbox")
}

fn wire(folder: FolderId) -> [u8; 8] {
    octets::id(folder.counter.get())
}

/// A folder below another, as RopCreateFolder makes it; its id and its handle.
fn child(client: &mut Client, parent: Handle, name: &str) -> ([u8; 8], Handle) {
    let rop = Rop::new(0x1c, 0).u8(1).u8(1).u8(0).u8(0).u8(0).text8(name).text8("");
    let mut answer = client.ask(rop, &[parent, Handle::NONE]);
    answer.head(0x1c, 1, code::SUCCESS);
    let id = answer.bytes(8).try_into().expect("eight octets");
    (id, answer.handles[1])
}

/// The wire form of the id of a new message of this subject.
fn message(client: &mut Client, folder: FolderId, subject: &str) -> [u8; 8] {
    let subject = mapi::TaggedValue::new(mapi::tags::SUBJECT, subject);
    let id = client.post(folder, &[subject]).expect("a message");
    octets::id(id.counter.get())
}

/// Rows that a folder's contents table has.
fn messages(client: &mut Client, folder: Handle) -> u32 {
    rows(client, 0x05, folder, 0)
}

/// Rows that a folder's hierarchy table has.
fn folders(client: &mut Client, folder: Handle) -> u32 {
    rows(client, 0x04, folder, 0)
}

fn rows(client: &mut Client, rop: u8, folder: Handle, flags: u8) -> u32 {
    let mut answer = client.ask(Rop::new(rop, 0).u8(1).u8(flags), &[folder, Handle::NONE]);
    answer.head(rop, 1, code::SUCCESS);
    let count = answer.u32();
    client.release(answer.handles[1]);
    count
}
