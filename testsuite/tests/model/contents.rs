//! What is in messages: a large property that is written by streams, attachments, embedded messages, and copies of
//! all that from one message to another.

use mapi::wire::Counted;
use mapi::{ErrorCode, FolderId, MessageId, PropertyProblem, PropertyTag, TaggedValue, tags};
use mapi_rop::irregular::ReadStreamRequest;
use mapi_rop::message::{
    AttachmentIdBody, AttachmentTableFlags, GetAttachmentTableRequest, LOGON_CODE_PAGE,
    OpenAttachmentFlags, OpenAttachmentRequest, OpenEmbeddedMessageRequest, OpenMessageFlags,
    SaveChangesRequest, SaveFlags,
};
use mapi_rop::property::{CopyFlags, CopyPropertiesRequest, CopyToRequest};
use mapi_rop::stream::{
    OpenStreamRequest, SeekStreamRequest, SetStreamSizeRequest, StreamMode, StreamOrigin,
    WriteStreamRequest,
};
use mapi_rop::{Empty, Handle, RopRequest, RopResponse};
use proptest::collection::vec;
use proptest::prelude::*;
use testsuite::raw::{Answer, Client};

use crate::compare::{all_rows, int, same};
use crate::run::{Outcome, Run};

/// What is written by streams.
const BLOB: PropertyTag = tags::REPORT_TAG;
const BY_VALUE: i32 = 1;
const EMBEDDED: i32 = 5;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Content {
    pub blob: Option<Vec<u8>>,
    pub attachments: Vec<Attachment>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Attachment {
    Bytes(Vec<u8>),
    /// A message with a subject, and what is in it.
    Message(String, Content),
}

#[derive(Debug, Clone)]
pub enum Op {
    /// Writes a stream in some steps.
    Stream {
        folder: u8,
        message: u8,
        create: bool,
        steps: Vec<Step>,
        commit: bool,
    },
    Attach {
        folder: u8,
        message: u8,
        size: u32,
    },
    /// A message in a message, so many deep, with an attachment in the innermost.
    Embed {
        folder: u8,
        message: u8,
        depth: u8,
        size: u32,
    },
    Detach {
        folder: u8,
        message: u8,
        attachment: u8,
    },
    CopyTo {
        from: (u8, u8),
        to: (u8, u8),
        copy: Copy,
    },
    CopyProperties {
        from: (u8, u8),
        to: (u8, u8),
        copy: Copy,
    },
    /// Changes everything and saves nothing.
    Forget {
        folder: u8,
        message: u8,
    },
    Read {
        folder: u8,
        message: u8,
    },
}

#[derive(Debug, Clone)]
pub struct Copy {
    importance: bool,
    blob: bool,
    attachments: bool,
    sub_objects: bool,
    no_overwrite: bool,
}

#[derive(Debug, Clone)]
pub enum Step {
    /// So many bytes of one kind, at a place.
    Write {
        at: u32,
        size: u32,
        byte: u8,
    },
    Resize(u32),
}

fn size() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0..300u32, 1 => 4_000..9_000u32, 1 => 60_000..140_000u32]
}

pub fn one() -> impl Strategy<Value = Op> {
    let number = || 0..8u8;
    let step = prop_oneof![
        4 => (size(), size(), any::<u8>())
            .prop_map(|(at, size, byte)| Step::Write { at, size, byte }),
        1 => size().prop_map(Step::Resize),
    ];
    let place = || (0..8u8, 0..8u8);
    let copy = || {
        (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
            |(importance, blob, attachments, sub_objects, no_overwrite)| Copy {
                importance,
                blob,
                attachments,
                sub_objects,
                no_overwrite,
            },
        )
    };
    prop_oneof![
        3 => (number(), number(), any::<bool>(), vec(step, 0..4), any::<bool>()).prop_map(
            |(folder, message, create, steps, commit)| Op::Stream {
                folder, message, create, steps, commit
            }
        ),
        2 => (number(), number(), size())
            .prop_map(|(folder, message, size)| Op::Attach { folder, message, size }),
        2 => (number(), number(), 1..4u8, size()).prop_map(|(folder, message, depth, size)| {
            Op::Embed { folder, message, depth, size }
        }),
        1 => (number(), number(), number()).prop_map(|(folder, message, attachment)| {
            Op::Detach { folder, message, attachment }
        }),
        2 => (place(), place(), copy()).prop_map(|(from, to, copy)| Op::CopyTo { from, to, copy }),
        2 => (place(), place(), copy())
            .prop_map(|(from, to, copy)| Op::CopyProperties { from, to, copy }),
        1 => place().prop_map(|(folder, message)| Op::Forget { folder, message }),
        2 => place().prop_map(|(folder, message)| Op::Read { folder, message }),
    ]
}

impl Run<'_> {
    pub fn content_step(&mut self, who: usize, op: &Op) -> Outcome {
        match op {
            Op::Stream { folder, message, create, steps, commit } => {
                self.write_stream(who, (*folder, *message), *create, steps, *commit)
            }
            Op::Attach { folder, message, size } => {
                let bytes = pattern(*size);
                self.change_content(who, (*folder, *message), |client, message, content| {
                    attach(client, message, &Attachment::Bytes(bytes.clone()))?;
                    content.attachments.push(Attachment::Bytes(bytes));
                    Ok(())
                })
            }
            Op::Embed { folder, message, depth, size } => {
                let mut attachment = Attachment::Bytes(pattern(*size));
                for level in 0..*depth {
                    let content = Content { blob: None, attachments: vec![attachment] };
                    attachment = Attachment::Message(format!("level {level}"), content);
                }
                self.change_content(who, (*folder, *message), |client, message, content| {
                    attach(client, message, &attachment)?;
                    content.attachments.push(attachment);
                    Ok(())
                })
            }
            Op::Detach { folder, message, attachment } => {
                self.change_content(who, (*folder, *message), |client, message, content| {
                    let numbers = attachments(client, message)?;
                    if numbers.is_empty() {
                        return Ok(());
                    }
                    let at = usize::from(*attachment) % numbers.len();
                    let request = AttachmentIdBody { attachment: numbers[at].0 };
                    client.call(message, RopRequest::DeleteAttachment(request))?;
                    content.attachments.remove(at);
                    Ok(())
                })
            }
            Op::CopyTo { from, to, copy } => self.copy_to(who, *from, *to, copy),
            Op::CopyProperties { from, to, copy } => self.copy_properties(who, *from, *to, copy),
            Op::Forget { folder, message } => self.forget(who, (*folder, *message)),
            Op::Read { folder, message } => match self.pick(*folder, *message) {
                Some((folder, id)) => self.compare_content(who, self.id(folder), id),
                None => Ok(()),
            },
        }
    }

    /// Opens a message, changes what is in it, in the model too, and saves it.
    fn change_content(
        &mut self,
        who: usize,
        (folder, message): (u8, u8),
        change: impl FnOnce(&mut Client, Handle, &mut Content) -> Answer<()>,
    ) -> Outcome {
        let Some((folder, id)) = self.pick(folder, message) else { return Ok(()) };
        let folder = self.id(folder);
        let mut content = self.content(id);
        let client = &mut self.clients[who];
        let work = || -> Answer<MessageId> {
            let message = client.open_message(folder, id, OpenMessageFlags::READ_WRITE)?;
            change(client, message, &mut content)?;
            let saved = client.save(message, SaveFlags::NONE);
            client.release(message);
            saved
        };
        same("a change of what is in a message", work(), Ok(id))?;
        self.note_saved(folder, id).content = content;
        self.compare_content(who, folder, id)
    }

    fn content(&mut self, id: MessageId) -> Content {
        self.model.message(id).expect("a message that was picked").content.clone()
    }

    fn write_stream(
        &mut self,
        who: usize,
        place: (u8, u8),
        create: bool,
        steps: &[Step],
        commit: bool,
    ) -> Outcome {
        self.change_content(who, place, |client, message, content| {
            let mode = if create { StreamMode::Create } else { StreamMode::ReadWrite };
            let stream = match (open_stream(client, message, BLOB, mode), &content.blob, create) {
                (Ok(stream), _, true) => {
                    content.blob = Some(Vec::new());
                    stream
                }
                (Ok(stream), Some(_), false) => stream,
                // It has to be there, unless it is made.
                (Err(ErrorCode::NOT_FOUND), None, false) => return Ok(()),
                (other, ..) => panic!("a stream: {other:?}"),
            };
            let blob = content.blob.get_or_insert_default();
            for step in steps {
                match step {
                    Step::Write { at, size, byte } => {
                        let (at, bytes) = (*at as usize, vec![*byte; *size as usize]);
                        write(client, stream, at as i64, &bytes)?;
                        // A seek beyond the end lengthens it, also if nothing is written there.
                        let end = at + bytes.len();
                        blob.resize(blob.len().max(end), 0);
                        blob[at..end].copy_from_slice(&bytes);
                    }
                    Step::Resize(size) => {
                        let request = SetStreamSizeRequest { size: u64::from(*size) };
                        client.call(stream, RopRequest::SetStreamSize(request))?;
                        blob.resize(*size as usize, 0);
                    }
                }
            }
            // What was written is in the message when it is saved, committed or not.
            if commit {
                client.call(stream, RopRequest::CommitStream(Empty))?;
                client.release(stream);
            }
            Ok(())
        })
    }

    fn copy_to(&mut self, who: usize, from: (u8, u8), to: (u8, u8), copy: &Copy) -> Outcome {
        // The subject tells messages apart, so it stays.
        let mut excluded = vec![tags::SUBJECT];
        excluded.extend((!copy.importance).then_some(tags::IMPORTANCE));
        excluded.extend((!copy.blob).then_some(BLOB));
        excluded.extend((!copy.attachments).then_some(tags::MESSAGE_ATTACHMENTS));
        let flags = if copy.no_overwrite { CopyFlags::NO_OVERWRITE } else { CopyFlags::NONE };
        let body = RopRequest::CopyTo(CopyToRequest {
            want_asynchronous: false,
            want_sub_objects: copy.sub_objects,
            flags,
            excluded: Counted::from(excluded),
        });
        let attachments = copy.attachments && copy.sub_objects;
        self.copy(who, from, to, body, &Copy { attachments, ..copy.clone() }, &[])
    }

    fn copy_properties(
        &mut self,
        who: usize,
        from: (u8, u8),
        to: (u8, u8),
        copy: &Copy,
    ) -> Outcome {
        let mut wanted = Vec::new();
        wanted.extend(copy.importance.then_some(tags::IMPORTANCE));
        wanted.extend(copy.blob.then_some(BLOB));
        wanted.extend(copy.attachments.then_some(tags::MESSAGE_ATTACHMENTS));
        let flags = if copy.no_overwrite { CopyFlags::NO_OVERWRITE } else { CopyFlags::NONE };
        let body = RopRequest::CopyProperties(CopyPropertiesRequest {
            want_asynchronous: false,
            flags,
            tags: Counted::from(wanted.clone()),
        });
        self.copy(who, from, to, body, copy, &wanted)
    }

    /// From one message to another. `asked` are properties that have to be there, or are told as problems.
    fn copy(
        &mut self,
        who: usize,
        from: (u8, u8),
        to: (u8, u8),
        body: RopRequest,
        copy: &Copy,
        asked: &[PropertyTag],
    ) -> Outcome {
        let (Some((source, from)), Some((target, to))) =
            (self.pick(from.0, from.1), self.pick(to.0, to.1))
        else {
            return Ok(());
        };
        if from == to {
            return Ok(());
        }
        let (source, target) = (self.id(source), self.id(target));
        let client = &mut self.clients[who];
        let work = || -> Answer<Vec<PropertyProblem>> {
            let from = client.open_message(source, from, OpenMessageFlags::NONE)?;
            let to = client.open_message(target, to, OpenMessageFlags::READ_WRITE)?;
            let answer = client.call_two(from, to, body)?.0;
            client.save(to, SaveFlags::NONE)?;
            client.release(to);
            client.release(from);
            match answer {
                RopResponse::CopyTo(answer) => Ok(answer.problems.items),
                RopResponse::CopyProperties(answer) => Ok(answer.problems.items),
                other => panic!("{other:?}"),
            }
        };
        let problems = work().map_err(|code| format!("a copy: {code}"))?;
        let original = self.model.message(from).expect("a message that was picked").clone();
        let missing: Vec<PropertyProblem> = asked
            .iter()
            .zip(0..)
            .filter(|(tag, _)| **tag == BLOB && original.content.blob.is_none())
            .map(|(tag, index)| PropertyProblem { index, tag: *tag, error: ErrorCode::NOT_FOUND })
            .collect();
        same("problems of a copy", problems, missing)?;
        let message = self.note_saved(target, to);
        // Every message has an importance.
        if copy.importance && !copy.no_overwrite {
            message.importance = original.importance;
        }
        let content = &mut message.content;
        if copy.blob
            && original.content.blob.is_some()
            && !(copy.no_overwrite && content.blob.is_some())
        {
            content.blob = original.content.blob;
        }
        if copy.attachments && (!copy.no_overwrite || content.attachments.is_empty()) {
            content.attachments = original.content.attachments;
        }
        self.compare_content(who, target, to)
    }

    fn forget(&mut self, who: usize, (folder, message): (u8, u8)) -> Outcome {
        let Some((folder, id)) = self.pick(folder, message) else { return Ok(()) };
        let folder = self.id(folder);
        let client = &mut self.clients[who];
        let mut work = || -> Answer<()> {
            let message = client.open_message(folder, id, OpenMessageFlags::READ_WRITE)?;
            client.set(message, tags::SUBJECT, "forgotten")?;
            let stream = open_stream(client, message, BLOB, StreamMode::Create)?;
            write(client, stream, 0, b"forgotten")?;
            client.release(stream);
            attach(client, message, &Attachment::Bytes(pattern(70_000)))?;
            client.release(message);
            Ok(())
        };
        same("changes that are not saved", work(), Ok(()))?;
        self.compare_content(who, folder, id)
    }

    fn compare_content(&mut self, who: usize, folder: FolderId, id: MessageId) -> Outcome {
        let expected = self.content(id);
        let client = &mut self.clients[who];
        let mut work = || -> Answer<Content> {
            let message = client.open_message(folder, id, OpenMessageFlags::NONE)?;
            let content = read_content(client, message)?;
            client.release(message);
            Ok(content)
        };
        let found = work().map_err(|code| format!("what is in a message: {code}"))?;
        match found == expected {
            true => Ok(()),
            false => same("what is in a message", in_short(&found), in_short(&expected)),
        }
    }

    /// The content of every message.
    pub fn compare_contents(&mut self) -> Outcome {
        let all: Vec<(FolderId, MessageId)> = (0..self.model.folders.len())
            .flat_map(|at| {
                let folder = self.id(at);
                let messages = self.model.folders[at].messages.iter();
                messages.filter_map(move |message| Some((folder, message.id?)))
            })
            .collect();
        all.into_iter().try_for_each(|(folder, id)| self.compare_content(0, folder, id))
    }
}

/// Lengths and first bytes, for people.
fn in_short(content: &Content) -> String {
    let bytes =
        |bytes: &[u8]| format!("{} bytes {:02x?}..", bytes.len(), &bytes[..bytes.len().min(4)]);
    let attachments = content.attachments.iter().map(|attachment| match attachment {
        Attachment::Bytes(data) => bytes(data),
        Attachment::Message(subject, content) => format!("{subject}: {}", in_short(content)),
    });
    let blob = content.blob.as_ref().map(|blob| bytes(blob));
    format!("{blob:?}, {:?}", attachments.collect::<Vec<_>>())
}

/// Bytes that tell where they stand.
fn pattern(size: u32) -> Vec<u8> {
    (0..size).map(|at| (at % 251) as u8).collect()
}

fn attach(client: &mut Client, message: Handle, attachment: &Attachment) -> Answer<()> {
    let handle = client.open(message, RopRequest::CreateAttachment(Empty))?;
    match attachment {
        Attachment::Bytes(bytes) => {
            client.set(handle, tags::ATTACH_METHOD, BY_VALUE)?;
            let stream = open_stream(client, handle, tags::ATTACH_DATA_BINARY, StreamMode::Create)?;
            write(client, stream, 0, bytes)?;
            client.release(stream);
        }
        Attachment::Message(subject, content) => {
            client.set(handle, tags::ATTACH_METHOD, EMBEDDED)?;
            let inner = open_embedded(client, handle, OpenMessageFlags::CREATE)?;
            client.set_all(inner, &[TaggedValue::new(tags::SUBJECT, subject.as_str())])?;
            content.attachments.iter().try_for_each(|inside| attach(client, inner, inside))?;
            let body =
                RopRequest::SaveChangesMessage(SaveChangesRequest { flags: SaveFlags::NONE });
            client.call_two(inner, handle, body)?;
            client.release(inner);
        }
    }
    let body = RopRequest::SaveChangesAttachment(SaveChangesRequest { flags: SaveFlags::NONE });
    client.call_two(handle, message, body)?;
    client.release(handle);
    Ok(())
}

fn open_embedded(
    client: &mut Client,
    attachment: Handle,
    flags: OpenMessageFlags,
) -> Answer<Handle> {
    let request = OpenEmbeddedMessageRequest { code_page: LOGON_CODE_PAGE, flags };
    client.open(attachment, RopRequest::OpenEmbeddedMessage(request))
}

fn read_content(client: &mut Client, message: Handle) -> Answer<Content> {
    let blob = match open_stream(client, message, BLOB, StreamMode::ReadOnly) {
        Ok(stream) => Some(read_all(client, stream)?),
        Err(ErrorCode::NOT_FOUND) => None,
        Err(code) => return Err(code),
    };
    let mut content = Content { blob, attachments: Vec::new() };
    for (attachment, method) in attachments(client, message)? {
        let request = OpenAttachmentRequest { flags: OpenAttachmentFlags::NONE, attachment };
        let handle = client.open(message, RopRequest::OpenAttachment(request))?;
        content.attachments.push(match method {
            BY_VALUE => {
                let mode = StreamMode::ReadOnly;
                let stream = open_stream(client, handle, tags::ATTACH_DATA_BINARY, mode)?;
                Attachment::Bytes(read_all(client, stream)?)
            }
            _ => {
                let inner = open_embedded(client, handle, OpenMessageFlags::NONE)?;
                let subject = client.get(inner, tags::SUBJECT)?;
                let subject = subject.as_text().map(|text| text.to_string_lossy().into_owned());
                let inside = read_content(client, inner)?;
                client.release(inner);
                Attachment::Message(subject.unwrap_or_default(), inside)
            }
        });
        client.release(handle);
    }
    Ok(content)
}

/// Numbers and methods, in the order of the numbers.
fn attachments(client: &mut Client, message: Handle) -> Answer<Vec<(u32, i32)>> {
    let request = GetAttachmentTableRequest { flags: AttachmentTableFlags::NONE };
    let table = client.open(message, RopRequest::GetAttachmentTable(request))?;
    client.set_columns(table, &[tags::ATTACH_NUMBER, tags::ATTACH_METHOD])?;
    let rows = all_rows(client, table)?;
    client.release(table);
    let mut found: Vec<(u32, i32)> =
        rows.iter().map(|row| (int(row, 0) as u32, int(row, 1))).collect();
    found.sort_unstable();
    Ok(found)
}

fn open_stream(
    client: &mut Client,
    object: Handle,
    tag: PropertyTag,
    mode: StreamMode,
) -> Answer<Handle> {
    client.open(object, RopRequest::OpenStream(OpenStreamRequest { tag, mode }))
}

fn write(client: &mut Client, stream: Handle, at: i64, bytes: &[u8]) -> Answer<()> {
    let request = SeekStreamRequest { origin: StreamOrigin::Beginning, offset: at };
    client.call(stream, RopRequest::SeekStream(request))?;
    for part in bytes.chunks(30_000) {
        let request = WriteStreamRequest { data: part.to_vec().into() };
        match client.call(stream, RopRequest::WriteStream(request))? {
            RopResponse::WriteStream(answer) => {
                assert_eq!(usize::from(answer.written), part.len(), "all is written");
            }
            other => panic!("{other:?}"),
        }
    }
    Ok(())
}

/// Reads a stream to its end, and releases it.
fn read_all(client: &mut Client, stream: Handle) -> Answer<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let body = RopRequest::ReadStream(ReadStreamRequest::Count(30_000));
        match client.call(stream, body)? {
            RopResponse::ReadStream(answer) if answer.data.bytes.is_empty() => break,
            RopResponse::ReadStream(answer) => bytes.extend(answer.data.bytes),
            other => panic!("{other:?}"),
        }
    }
    client.release(stream);
    Ok(bytes)
}
