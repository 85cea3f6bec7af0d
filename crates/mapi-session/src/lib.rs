//! A MAPI session for programs: Session, MsgStore, Folder, Message, Table, Stream over HTTP or a store in this process.
