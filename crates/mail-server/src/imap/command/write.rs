//! The bytes of a command, in one of the ways that the grammar allows. Literals are non-synchronising.

use super::super::response::quoted;
use super::lexer::MONTHS;
use super::parser::is_astring;
use super::search::{Key, Program, Return, SortBy, ThreadBy};
use super::{
    AclChange, Appended, By, Command, Depth, Fetched, Flag, List, Name, Number, Piece, SequenceSet,
    StoreAction, Tagged,
};

impl Tagged {
    /// With the line's end.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = format!("{} ", self.tag).into_bytes();
        self.command.write(&mut w);
        w.extend_from_slice(b"\r\n");
        w
    }
}

impl Command {
    /// Appends the command without tag and line's end.
    pub fn write(&self, w: &mut Vec<u8>) {
        match self {
            Command::Capability => put(w, "CAPABILITY"),
            Command::Noop => put(w, "NOOP"),
            Command::Logout => put(w, "LOGOUT"),
            Command::StartTls => put(w, "STARTTLS"),
            Command::Login { user, password } => {
                put(w, "LOGIN ");
                astring(w, user);
                put(w, " ");
                astring(w, password);
            }
            Command::Authenticate { mechanism, initial } => {
                put(w, &format!("AUTHENTICATE {mechanism}"));
                initial.iter().for_each(|initial| put(w, &format!(" {initial}")));
            }
            Command::Enable(all) => put(w, &format!("ENABLE {}", all.join(" "))),
            Command::Id(None) => put(w, "ID NIL"),
            Command::Id(Some(pairs)) => {
                put(w, "ID ");
                list(w, pairs, |w, (key, value)| {
                    string(w, key.as_bytes());
                    put(w, " ");
                    match value {
                        Some(value) => string(w, value.as_bytes()),
                        None => put(w, "NIL"),
                    }
                });
            }
            Command::Namespace => put(w, "NAMESPACE"),
            Command::Select { name, examine, condstore, qresync } => {
                named(w, if *examine { "EXAMINE" } else { "SELECT" }, name);
                let mut all = Vec::new();
                if *condstore {
                    all.push("CONDSTORE".to_owned());
                }
                if let Some(q) = qresync {
                    let mut text = format!("QRESYNC ({} {}", q.uid_validity, q.modseq);
                    q.known.iter().for_each(|set| text.push_str(&format!(" {}", set_text(set))));
                    if let Some((numbers, uids)) = &q.matches {
                        text.push_str(&format!(" ({} {})", set_text(numbers), set_text(uids)));
                    }
                    all.push(text + ")");
                }
                if !all.is_empty() {
                    put(w, &format!(" ({})", all.join(" ")));
                }
            }
            Command::Create { name, uses } => {
                named(w, "CREATE", name);
                if !uses.is_empty() {
                    put(w, &format!(" (USE ({}))", uses.join(" ")));
                }
            }
            Command::Delete(name) => named(w, "DELETE", name),
            Command::Rename { from, to } => {
                named(w, "RENAME", from);
                put(w, " ");
                astring(w, to.0.as_bytes());
            }
            Command::Subscribe(name) => named(w, "SUBSCRIBE", name),
            Command::Unsubscribe(name) => named(w, "UNSUBSCRIBE", name),
            Command::List(all) => write_list(w, all),
            Command::Lsub { reference, pattern } => {
                named(w, "LSUB", reference);
                put(w, " ");
                string(w, pattern.as_bytes());
            }
            Command::Status { name, items } => {
                named(w, "STATUS", name);
                put(w, " ");
                list(w, items, |w, item| put(w, item.name()));
            }
            Command::Append { name, messages } => {
                named(w, "APPEND", name);
                messages.iter().for_each(|message| appended(w, message));
            }
            Command::Idle => put(w, "IDLE"),
            Command::CancelUpdate(tags) => {
                put(w, "CANCELUPDATE");
                for tag in tags {
                    put(w, " ");
                    string(w, tag.as_bytes());
                }
            }
            Command::Compress(mechanism) => put(w, &format!("COMPRESS {mechanism}")),
            Command::Check => put(w, "CHECK"),
            Command::Close => put(w, "CLOSE"),
            Command::Unselect => put(w, "UNSELECT"),
            Command::Expunge(None) => put(w, "EXPUNGE"),
            Command::Expunge(Some(set)) => put(w, &format!("UID EXPUNGE {}", set_text(set))),
            Command::Search { by: uid, program } => {
                by(w, *uid, "SEARCH");
                returned(w, program);
                if let Some(charset) = &program.charset {
                    put(w, " CHARSET ");
                    astring(w, charset.as_bytes());
                }
                put(w, " ");
                key(w, &program.key);
            }
            Command::Sort { by: uid, order, program } => {
                by(w, *uid, "SORT");
                returned(w, program);
                put(w, " ");
                list(w, order, |w, sort| {
                    put(w, if sort.reverse { "REVERSE " } else { "" });
                    let known = SortBy::ALL.iter().find(|(by, _)| *by == sort.by);
                    put(w, known.map_or("", |(_, name)| name));
                });
                charset_and_key(w, program);
            }
            Command::Thread { by: uid, algorithm, program } => {
                by(w, *uid, "THREAD");
                let known = ThreadBy::ALL.iter().find(|(by, _)| by == algorithm);
                put(w, &format!(" {}", known.map_or("", |(_, name)| name)));
                charset_and_key(w, program);
            }
            Command::Fetch { by: uid, set, items, modifiers: asked } => {
                by(w, *uid, "FETCH");
                put(w, &format!(" {} ", set_text(set)));
                list(w, items, |w, item| put(w, &fetched(item)));
                let mut modifiers = Vec::new();
                let since = asked.changed_since.map(|since| format!("CHANGEDSINCE {since}"));
                modifiers.extend(since);
                if asked.vanished {
                    modifiers.push("VANISHED".to_owned());
                }
                modifiers.extend(asked.partial.map(|(a, b)| format!("PARTIAL {a}:{b}")));
                if !modifiers.is_empty() {
                    put(w, &format!(" ({})", modifiers.join(" ")));
                }
            }
            Command::Store { by: uid, set, unchanged_since, action, silent, flags } => {
                by(w, *uid, "STORE");
                put(w, &format!(" {} ", set_text(set)));
                if let Some(since) = unchanged_since {
                    put(w, &format!("(UNCHANGEDSINCE {since}) "));
                }
                put(
                    w,
                    match action {
                        StoreAction::Set => "",
                        StoreAction::Add => "+",
                        StoreAction::Remove => "-",
                    },
                );
                put(w, if *silent { "FLAGS.SILENT " } else { "FLAGS " });
                list(w, flags, |w, flag| put(w, flag.name()));
            }
            Command::Copy { by: uid, set, to, moving } => {
                by(w, *uid, if *moving { "MOVE" } else { "COPY" });
                put(w, &format!(" {} ", set_text(set)));
                astring(w, to.0.as_bytes());
            }
            Command::GetQuota(root) => {
                put(w, "GETQUOTA ");
                astring(w, root.as_bytes());
            }
            Command::GetQuotaRoot(name) => named(w, "GETQUOTAROOT", name),
            Command::GenUrlAuth(urls) => {
                put(w, "GENURLAUTH");
                for (url, mechanism) in urls {
                    put(w, " ");
                    string(w, url.as_bytes());
                    put(w, &format!(" {mechanism}"));
                }
            }
            Command::UrlFetch(urls) => {
                put(w, "URLFETCH");
                for url in urls {
                    put(w, " ");
                    string(w, url.as_bytes());
                }
            }
            Command::ResetKey { name, mechanisms } => {
                put(w, "RESETKEY");
                if let Some(name) = name {
                    put(w, " ");
                    astring(w, name.0.as_bytes());
                }
                mechanisms.iter().for_each(|name| put(w, &format!(" {name}")));
            }
            Command::GetAcl(name) => named(w, "GETACL", name),
            Command::MyRights(name) => named(w, "MYRIGHTS", name),
            Command::ListRights { name, identifier } => {
                named(w, "LISTRIGHTS", name);
                put(w, " ");
                astring(w, identifier.as_bytes());
            }
            Command::DeleteAcl { name, identifier } => {
                named(w, "DELETEACL", name);
                put(w, " ");
                astring(w, identifier.as_bytes());
            }
            Command::SetAcl { name, identifier, change, rights } => {
                named(w, "SETACL", name);
                put(w, " ");
                astring(w, identifier.as_bytes());
                let sign = match change {
                    AclChange::Set => "",
                    AclChange::Add => "+",
                    AclChange::Remove => "-",
                };
                put(w, &format!(" \"{sign}{rights}\""));
            }
            Command::GetMetadata { name, entries, depth, max_size } => {
                let mut options = Vec::new();
                options.extend(max_size.map(|size| format!("MAXSIZE {size}")));
                options.extend(match depth {
                    Depth::Zero => None,
                    Depth::One => Some("DEPTH 1".to_owned()),
                    Depth::Infinity => Some("DEPTH infinity".to_owned()),
                });
                put(w, "GETMETADATA ");
                if !options.is_empty() {
                    put(w, &format!("({}) ", options.join(" ")));
                }
                astring(w, name.0.as_bytes());
                put(w, " ");
                list(w, entries, |w, entry| astring(w, entry.as_bytes()));
            }
            Command::SetMetadata { name, entries } => {
                named(w, "SETMETADATA", name);
                put(w, " ");
                list(w, entries, |w, (entry, value)| {
                    astring(w, entry.as_bytes());
                    put(w, " ");
                    match value {
                        Some(value) => string(w, value),
                        None => put(w, "NIL"),
                    }
                });
            }
        }
    }
}

fn put(w: &mut Vec<u8>, text: &str) {
    w.extend_from_slice(text.as_bytes());
}

fn by(w: &mut Vec<u8>, by: By, name: &str) {
    put(w, if by == By::Uid { "UID " } else { "" });
    put(w, name);
}

fn named(w: &mut Vec<u8>, command: &str, name: &Name) {
    put(w, command);
    put(w, " ");
    astring(w, name.0.as_bytes());
}

fn astring(w: &mut Vec<u8>, bytes: &[u8]) {
    match std::str::from_utf8(bytes).is_ok_and(is_astring) {
        true => w.extend_from_slice(bytes),
        false => string(w, bytes),
    }
}

fn string(w: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.len() > 1_000 || bytes.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
        put(w, &format!("{{{}+}}\r\n", bytes.len()));
        w.extend_from_slice(bytes);
        return;
    }
    quoted(w, bytes);
}

fn list<T>(w: &mut Vec<u8>, all: &[T], mut one: impl FnMut(&mut Vec<u8>, &T)) {
    w.push(b'(');
    for (index, item) in all.iter().enumerate() {
        if index > 0 {
            w.push(b' ');
        }
        one(w, item);
    }
    w.push(b')');
}

fn set_text(set: &SequenceSet) -> String {
    let SequenceSet::Ranges(ranges) = set else { return "$".into() };
    let number = |number: &Number| match number {
        Number::Of(number) => number.to_string(),
        Number::Largest => "*".into(),
    };
    let one = |(first, last): &(Number, Number)| match first == last {
        true => number(first),
        false => format!("{}:{}", number(first), number(last)),
    };
    ranges.iter().map(one).collect::<Vec<_>>().join(",")
}

fn write_list(w: &mut Vec<u8>, all: &List) {
    put(w, "LIST ");
    let options = [
        (all.subscribed, "SUBSCRIBED"),
        (all.remote, "REMOTE"),
        (all.recursive, "RECURSIVEMATCH"),
        (all.special_use, "SPECIAL-USE"),
    ];
    let chosen: Vec<&str> = options.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
    if all.extended {
        put(w, &format!("({}) ", chosen.join(" ")));
    }
    astring(w, all.reference.0.as_bytes());
    put(w, " ");
    match all.patterns.as_slice() {
        [one] => string(w, one.as_bytes()),
        many => list(w, many, |w, pattern| string(w, pattern.as_bytes())),
    }
    let returned = &all.returned;
    if *returned == Default::default() {
        return;
    }
    put(w, " RETURN (");
    let mut options = Vec::new();
    for (is, name) in [
        (returned.subscribed, "SUBSCRIBED"),
        (returned.children, "CHILDREN"),
        (returned.special_use, "SPECIAL-USE"),
        (returned.my_rights, "MYRIGHTS"),
    ] {
        if is {
            options.push(name.to_owned());
        }
    }
    if let Some(items) = &returned.status {
        let names: Vec<_> = items.iter().map(|item| item.name()).collect();
        options.push(format!("STATUS ({})", names.join(" ")));
    }
    put(w, &options.join(" "));
    put(w, ")");
}

fn appended(w: &mut Vec<u8>, message: &Appended) {
    put(w, " ");
    if !message.flags.is_empty() {
        list(w, &message.flags, |w, flag| put(w, flag.name()));
        put(w, " ");
    }
    if let Some(date) = message.date {
        let time = mapi::FileTime::from_unix(date, 0);
        let (year, month, day, hour, minute, second) = time.to_civil();
        let month = MONTHS[usize::from(month - 1)];
        put(w, &format!("\"{day:02}-{month}-{year:04} {hour:02}:{minute:02}:{second:02} +0000\" "));
    }
    if !message.pieces.is_empty() {
        put(w, "CATENATE ");
        list(w, &message.pieces, |w, piece| match piece {
            Piece::Url(url) => {
                put(w, "URL ");
                string(w, url.as_bytes());
            }
            Piece::Text(bytes) => {
                put(w, &format!("TEXT {{{}+}}\r\n", bytes.len()));
                w.extend_from_slice(bytes);
            }
        });
        return;
    }
    put(w, if message.binary { "~" } else { "" });
    put(w, &format!("{{{}+}}\r\n", message.bytes.len()));
    w.extend_from_slice(&message.bytes);
}

fn returned(w: &mut Vec<u8>, program: &Program) {
    let Some(all) = &program.returned else { return };
    put(w, " RETURN ");
    list(w, all, |w, one| match one {
        Return::Min => put(w, "MIN"),
        Return::Max => put(w, "MAX"),
        Return::All => put(w, "ALL"),
        Return::Count => put(w, "COUNT"),
        Return::Save => put(w, "SAVE"),
        Return::Update => put(w, "UPDATE"),
        Return::Context => put(w, "CONTEXT"),
        Return::Partial(first, last) => put(w, &format!("PARTIAL {first}:{last}")),
    });
}

fn charset_and_key(w: &mut Vec<u8>, program: &Program) {
    put(w, " ");
    astring(w, program.charset.as_deref().unwrap_or("UTF-8").as_bytes());
    put(w, " ");
    key(w, &program.key);
}

fn key(w: &mut Vec<u8>, search: &Key) {
    let text = |w: &mut Vec<u8>, name: &str, text: &str| {
        put(w, name);
        put(w, " ");
        string(w, text.as_bytes());
    };
    match search {
        Key::All => put(w, "ALL"),
        Key::And(keys) => list(w, keys, key),
        Key::Or(a, b) => {
            put(w, "OR ");
            key(w, a);
            put(w, " ");
            key(w, b);
        }
        Key::Not(inner) => {
            put(w, "NOT ");
            key(w, inner);
        }
        Key::Sequence(set) => put(w, &set_text(set)),
        Key::Uid(set) => put(w, &format!("UID {}", set_text(set))),
        Key::Flag(Flag::Keyword(word)) => put(w, &format!("KEYWORD {word}")),
        Key::Flag(flag) => put(w, &flag.name()[1..]),
        Key::Recent => put(w, "RECENT"),
        Key::Header(name, value) => {
            text(w, "HEADER", name);
            text(w, "", value);
        }
        Key::Bcc(value) => text(w, "BCC", value),
        Key::Cc(value) => text(w, "CC", value),
        Key::From(value) => text(w, "FROM", value),
        Key::To(value) => text(w, "TO", value),
        Key::Subject(value) => text(w, "SUBJECT", value),
        Key::Body(value) => text(w, "BODY", value),
        Key::Text(value) => text(w, "TEXT", value),
        Key::Larger(size) => put(w, &format!("LARGER {size}")),
        Key::Smaller(size) => put(w, &format!("SMALLER {size}")),
        Key::Before(day) => put(w, &format!("BEFORE {}", date(*day))),
        Key::On(day) => put(w, &format!("ON {}", date(*day))),
        Key::Since(day) => put(w, &format!("SINCE {}", date(*day))),
        Key::SavedBefore(day) => put(w, &format!("SAVEDBEFORE {}", date(*day))),
        Key::SavedOn(day) => put(w, &format!("SAVEDON {}", date(*day))),
        Key::SavedSince(day) => put(w, &format!("SAVEDSINCE {}", date(*day))),
        Key::SaveDateSupported => put(w, "SAVEDATESUPPORTED"),
        Key::SentBefore(day) => put(w, &format!("SENTBEFORE {}", date(*day))),
        Key::SentOn(day) => put(w, &format!("SENTON {}", date(*day))),
        Key::SentSince(day) => put(w, &format!("SENTSINCE {}", date(*day))),
        Key::Older(seconds) => put(w, &format!("OLDER {seconds}")),
        Key::Younger(seconds) => put(w, &format!("YOUNGER {seconds}")),
        Key::ModSeq(sequence) => put(w, &format!("MODSEQ {sequence}")),
        Key::EmailId(id) => text(w, "EMAILID", id),
        Key::ThreadId(id) => text(w, "THREADID", id),
    }
}

fn date(days: i32) -> String {
    let time = mapi::FileTime::from_unix(i64::from(days) * 86_400, 0);
    let (year, month, day, ..) = time.to_civil();
    format!("{day}-{}-{year:04}", MONTHS[usize::from(month - 1)])
}

fn fetched(item: &Fetched) -> String {
    let part = |part: &[u32]| part.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
    let bounds = |partial: &Option<(u32, u32)>| {
        partial.map_or(String::new(), |(offset, length)| format!("<{offset}.{length}>"))
    };
    let peeked = |peek: &bool| if *peek { ".PEEK" } else { "" };
    match item {
        Fetched::Envelope => "ENVELOPE".into(),
        Fetched::Flags => "FLAGS".into(),
        Fetched::InternalDate => "INTERNALDATE".into(),
        Fetched::Size => "RFC822.SIZE".into(),
        Fetched::Uid => "UID".into(),
        Fetched::Structure { extended: true } => "BODYSTRUCTURE".into(),
        Fetched::Structure { extended: false } => "BODY".into(),
        Fetched::Body(body) => {
            let (peek, partial) = (peeked(&body.peek), bounds(&body.partial));
            format!("BODY{peek}[{}]{partial}", body.section.spec())
        }
        Fetched::Whole => "RFC822".into(),
        Fetched::Header => "RFC822.HEADER".into(),
        Fetched::Text => "RFC822.TEXT".into(),
        Fetched::Binary { part: number, partial, peek } => {
            format!("BINARY{}[{}]{}", peeked(peek), part(number), bounds(partial))
        }
        Fetched::BinarySize(number) => format!("BINARY.SIZE[{}]", part(number)),
        Fetched::ModSeq => "MODSEQ".into(),
        Fetched::EmailId => "EMAILID".into(),
        Fetched::ThreadId => "THREADID".into(),
        Fetched::SaveDate => "SAVEDATE".into(),
        Fetched::Preview { lazy: true } => "PREVIEW (LAZY)".into(),
        Fetched::Preview { lazy: false } => "PREVIEW".into(),
    }
}
