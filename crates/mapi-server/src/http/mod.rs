//! MAPI over HTTP ([MS-OXCMAPIHTTP]).

pub mod body;
pub mod codes;
pub mod cookies;
pub mod credentials;
