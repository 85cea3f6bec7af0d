//! What a case consists of. Folders and messages are named by numbers, taken modulo how many there are, so that
//! any part of a case is a case.

use proptest::collection::vec;
use proptest::prelude::*;

/// Which session.
pub type Who = u8;

#[derive(Debug, Clone)]
pub enum Operation {
    CreateFolder {
        who: Who,
        parent: u8,
        name: u8,
        open_existing: bool,
    },
    DeleteFolder {
        who: Who,
        folder: u8,
        contents: bool,
        hard: bool,
    },
    MoveFolder {
        who: Who,
        folder: u8,
        to: u8,
        name: Option<u8>,
    },
    CopyFolder {
        who: Who,
        folder: u8,
        to: u8,
        name: Option<u8>,
        recursive: bool,
    },
    EmptyFolder {
        who: Who,
        folder: u8,
        associated: bool,
        hard: bool,
    },
    Post {
        who: Who,
        folder: u8,
        importance: u8,
        associated: bool,
    },
    Edit {
        who: Who,
        folder: u8,
        message: u8,
        importance: u8,
    },
    Delete {
        who: Who,
        folder: u8,
        messages: Vec<u8>,
        hard: bool,
    },
    Relocate {
        who: Who,
        from: u8,
        to: u8,
        messages: Vec<u8>,
        copy: bool,
    },
    /// Without messages, all of the folder.
    SetRead {
        who: Who,
        folder: u8,
        messages: Vec<u8>,
        read: bool,
    },
    /// Opens a message, changes it, and keeps it open.
    Hold {
        who: Who,
        folder: u8,
        message: u8,
        importance: u8,
    },
    SaveHeld {
        held: u8,
        force: bool,
    },
    LetGo {
        held: u8,
    },
    /// To the own mailbox.
    Submit {
        who: Who,
        folder: u8,
        importance: u8,
    },
    /// A table of a folder, sorted by subject, of messages of one importance.
    Search {
        who: Who,
        folder: u8,
        importance: u8,
        descending: bool,
    },
    /// Compares everything.
    Compare {
        who: Who,
    },
}

pub fn one() -> impl Strategy<Value = Operation> {
    use Operation::*;
    let who = 0..3u8;
    let folder = 0..8u8;
    let some = || vec(0..8u8, 1..4);
    let importance = 0..3u8;
    let name = 0..12u8;
    prop_oneof![
        4 => (who.clone(), folder.clone(), name.clone(), any::<bool>()).prop_map(
            |(who, parent, name, open_existing)| CreateFolder { who, parent, name, open_existing }
        ),
        2 => (who.clone(), folder.clone(), any::<bool>(), any::<bool>()).prop_map(
            |(who, folder, contents, hard)| DeleteFolder { who, folder, contents, hard }
        ),
        2 => (who.clone(), folder.clone(), folder.clone(), proptest::option::of(name.clone()))
            .prop_map(|(who, folder, to, name)| MoveFolder { who, folder, to, name }),
        2 => (
            who.clone(),
            folder.clone(),
            folder.clone(),
            proptest::option::of(name.clone()),
            any::<bool>()
        )
            .prop_map(|(who, folder, to, name, recursive)| CopyFolder {
                who, folder, to, name, recursive
            }),
        1 => (who.clone(), folder.clone(), any::<bool>(), any::<bool>()).prop_map(
            |(who, folder, associated, hard)| EmptyFolder { who, folder, associated, hard }
        ),
        8 => (who.clone(), folder.clone(), importance.clone(), proptest::bool::weighted(0.2))
            .prop_map(|(who, folder, importance, associated)| Post {
                who, folder, importance, associated
            }),
        3 => (who.clone(), folder.clone(), 0..8u8, importance.clone()).prop_map(
            |(who, folder, message, importance)| Edit { who, folder, message, importance }
        ),
        3 => (who.clone(), folder.clone(), some(), any::<bool>()).prop_map(
            |(who, folder, messages, hard)| Delete { who, folder, messages, hard }
        ),
        5 => (who.clone(), folder.clone(), folder.clone(), some(), any::<bool>()).prop_map(
            |(who, from, to, messages, copy)| Relocate { who, from, to, messages, copy }
        ),
        4 => (who.clone(), folder.clone(), vec(0..8u8, 0..4), any::<bool>()).prop_map(
            |(who, folder, messages, read)| SetRead { who, folder, messages, read }
        ),
        2 => (who.clone(), folder.clone(), 0..8u8, importance.clone()).prop_map(
            |(who, folder, message, importance)| Hold { who, folder, message, importance }
        ),
        3 => (0..4u8, any::<bool>()).prop_map(|(held, force)| SaveHeld { held, force }),
        1 => (0..4u8).prop_map(|held| LetGo { held }),
        2 => (who.clone(), folder.clone(), importance.clone()).prop_map(
            |(who, folder, importance)| Submit { who, folder, importance }
        ),
        3 => (who.clone(), folder, importance, any::<bool>()).prop_map(
            |(who, folder, importance, descending)| Search { who, folder, importance, descending }
        ),
        2 => who.prop_map(|who| Compare { who }),
    ]
}
