//! Error codes of ROPs and property values ([MS-OXCDATA] 2.4).

use std::fmt;

use crate::wire::{Reader, Wire, WireError};

/// A code as it stands on the wire. The names come from the table in `tables/error-codes.tsv`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorCode(pub u32);

impl ErrorCode {
    pub const fn is_success(self) -> bool {
        self.0 == 0
    }
}

impl Wire for ErrorCode {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(ErrorCode(u32::read(r)?))
    }
    fn write(&self, w: &mut Vec<u8>) {
        self.0.write(w);
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match crate::known::error_name(*self) {
            Some(name) => write!(f, "{name} ({:#010x})", self.0),
            None => write!(f, "{:#010x}", self.0),
        }
    }
}

impl std::error::Error for ErrorCode {}
