//! How ROPs name Server objects: by an index into the buffer's handle table, which holds the handles.

use std::fmt;

use mapi::wire::{Reader, Wire, WireError};

macro_rules! number {
    ($($(#[$meta:meta])* $name:ident($int:ty), $print:literal;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $name(pub $int);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, $print, self.0)
            }
        }

        impl Wire for $name {
            fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
                Ok($name(<$int>::read(r)?))
            }
            fn write(&self, w: &mut Vec<u8>) {
                self.0.write(w);
            }
        }
    )*};
}

number! {
    /// A place in the Server object handle table of one buffer ([MS-OXCROPS] 2.2.1). It means nothing
    /// outside of that buffer.
    HandleIndex(u8), "#{}";
    /// A Server object handle ([MS-OXCROPS] 1.3.1): the server's name for an object, in one session.
    Handle(u32), "h{:x}";
    /// Which logon of the session a ROP belongs to: chosen by the client ([MS-OXCROPS] 2.2.3.1.1).
    LogonId(u8), "logon {}";
}

impl Handle {
    /// No object yet: what a client puts where the server is to put a new handle, and what a server
    /// leaves there when the ROP fails.
    pub const NONE: Handle = Handle(0xffff_ffff);
}
