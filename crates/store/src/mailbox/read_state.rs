//! Whether a message is read. In a private mailbox it is a bit of the hot record; in a public store it
//! will be a set of change numbers per user and folder, so all code asks here.

use crate::record::hot::Hot;

pub(crate) fn is_read(hot: &Hot) -> bool {
    hot.read
}

pub(crate) fn set(hot: &mut Hot, read: bool) {
    hot.read = read;
}
