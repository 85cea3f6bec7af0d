//! The handlers, one file a chapter: free functions from a typed request to a typed answer.

pub mod attachment;
mod copy_folder;
pub mod copy_move;
pub mod copy_properties;
pub mod folder;
pub mod ids;
pub mod logon;
pub mod message;
pub mod named;
pub mod notification;
pub mod per_user;
pub mod permission;
pub mod progress;
pub mod property;
pub mod public;
pub mod receive_folder;
pub mod recipient;
pub mod region;
pub mod rule;
pub mod search;
pub mod stream;
pub mod table;
pub mod transport;
