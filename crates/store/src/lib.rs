//! The information store: mailboxes, folders, messages, tables, change tracking, directory.

pub mod engine;
