//! Actions of rules ([MS-OXORULE] 2.2.5).
//!
//! Standard rules come in ROPs, with counts and sizes of two bytes; extended rules stand in messages, with four.
//! Their layouts differ in two more places: where a message is moved to, and which message is the template of a
//! reply.

use crate::guid::Guid;
use crate::ids::{FolderId, MessageId};
use crate::named::PropertyName;
use crate::row::TaggedValue;
use crate::rule::{read_names, write_names};
use crate::value::CountWidth;
use crate::wire::{Reader, Wire, WireError};

/// Which of the two layouts actions have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleForm {
    Standard,
    Extended,
}

impl RuleForm {
    fn width(self) -> CountWidth {
        match self {
            RuleForm::Standard => CountWidth::Two,
            RuleForm::Extended => CountWidth::Four,
        }
    }
}

/// RuleAction ([MS-OXORULE] 2.2.5): the blocks in the order in which they are done.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuleActions(pub Vec<ActionBlock>);

/// ActionBlock ([MS-OXORULE] 2.2.5.1)
#[derive(Debug, Clone, PartialEq)]
pub struct ActionBlock {
    /// [MS-OXORULE] 2.2.5.1.1
    pub flavor: u32,
    /// Kept for the client.
    pub flags: u32,
    pub action: Action,
}

/// ActionData ([MS-OXORULE] 2.2.5.1.2), by the type of the action.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Move(Destination),
    Copy(Destination),
    Reply(Template),
    OofReply(Template),
    /// Bytes that only a client understands.
    Defer(Vec<u8>),
    /// The bounce code.
    Bounce(u32),
    Forward(Vec<RecipientBlock>),
    Delegate(Vec<RecipientBlock>),
    Tag(TaggedValue),
    Delete,
    MarkAsRead,
    /// A type that is not defined.
    Other {
        kind: u8,
        data: Vec<u8>,
    },
}

pub const OP_MOVE: u8 = 0x01;
pub const OP_COPY: u8 = 0x02;
pub const OP_REPLY: u8 = 0x03;
pub const OP_OOF_REPLY: u8 = 0x04;
pub const OP_DEFER_ACTION: u8 = 0x05;
pub const OP_BOUNCE: u8 = 0x06;
pub const OP_FORWARD: u8 = 0x07;
pub const OP_DELEGATE: u8 = 0x08;
pub const OP_TAG: u8 = 0x09;
pub const OP_DELETE: u8 = 0x0a;
pub const OP_MARK_AS_READ: u8 = 0x0b;

/// Flavors of OP_FORWARD ([MS-OXORULE] 2.2.5.1.1).
pub const FORWARD_PRESERVE_SENDER: u32 = 0x01;
pub const FORWARD_UNCHANGED: u32 = 0x02;
pub const FORWARD_AS_ATTACHMENT: u32 = 0x04;
pub const FORWARD_AS_TEXT_MESSAGE: u32 = 0x08;
/// Flavors of OP_REPLY and OP_OOF_REPLY: not to the sender; with the server's own text.
pub const REPLY_NOT_TO_SENDER: u32 = 0x01;
pub const REPLY_STOCK_TEXT: u32 = 0x02;

/// Bounce codes ([MS-OXORULE] 2.2.5.1.2.5).
pub const BOUNCE_TOO_LARGE: u32 = 0x0d;
pub const BOUNCE_FORM: u32 = 0x1f;
pub const BOUNCE_DENIED: u32 = 0x26;

/// Where a message goes ([MS-OXORULE] 2.2.5.1.2.1).
#[derive(Debug, Clone, PartialEq)]
pub struct Destination {
    /// FolderInThisStore; extended rules have none, their folders are in the mailbox.
    pub in_this_store: u8,
    pub store: Vec<u8>,
    /// A ServerEid, or the entry id of a folder in an extended rule; what a client likes if it is elsewhere.
    pub folder: Vec<u8>,
}

/// Which message is the template of a reply ([MS-OXORULE] 2.2.5.1.2.2).
#[derive(Debug, Clone, PartialEq)]
pub enum Template {
    Ids {
        folder: FolderId,
        message: MessageId,
        id: Guid,
    },
    /// The entry id of the message.
    Entry {
        message: Vec<u8>,
        id: Guid,
    },
}

/// RecipientBlockData ([MS-OXORULE] 2.2.5.1.2.4.1)
#[derive(Debug, Clone, PartialEq)]
pub struct RecipientBlock {
    pub reserved: u8,
    pub values: Vec<TaggedValue>,
}

impl Action {
    /// ActionType
    pub fn kind(&self) -> u8 {
        match self {
            Action::Move(_) => OP_MOVE,
            Action::Copy(_) => OP_COPY,
            Action::Reply(_) => OP_REPLY,
            Action::OofReply(_) => OP_OOF_REPLY,
            Action::Defer(_) => OP_DEFER_ACTION,
            Action::Bounce(_) => OP_BOUNCE,
            Action::Forward(_) => OP_FORWARD,
            Action::Delegate(_) => OP_DELEGATE,
            Action::Tag(_) => OP_TAG,
            Action::Delete => OP_DELETE,
            Action::MarkAsRead => OP_MARK_AS_READ,
            Action::Other { kind, .. } => *kind,
        }
    }
}

impl ActionBlock {
    /// Why a server cannot take it, if it cannot: flavors that do not go together, counts that are zero, codes
    /// that are not defined ([MS-OXORULE] 2.2.5.1).
    pub fn fault(&self) -> Option<&'static str> {
        let flavor = self.flavor;
        match &self.action {
            Action::Other { .. } => Some("an action that is not defined"),
            Action::Reply(_) | Action::OofReply(_) => {
                // Other bits are ignored (R702).
                (flavor & 3 == REPLY_NOT_TO_SENDER | REPLY_STOCK_TEXT)
                    .then_some("two flavors of a reply")
            }
            Action::Forward(recipients) => {
                let alone = [FORWARD_AS_ATTACHMENT, FORWARD_AS_TEXT_MESSAGE];
                let clash = alone.iter().any(|bit| flavor & bit != 0 && flavor & 0x0f != *bit);
                match clash {
                    true => Some("flavors of a forward that exclude each other"),
                    false => recipients_fault(recipients),
                }
            }
            _ if flavor != 0 => Some("a flavor where there is none"),
            Action::Delegate(recipients) => recipients_fault(recipients),
            Action::Bounce(code) => {
                let known = [BOUNCE_TOO_LARGE, BOUNCE_FORM, BOUNCE_DENIED].contains(code);
                (!known).then_some("a bounce code that is not defined")
            }
            _ => None,
        }
    }
}

fn recipients_fault(recipients: &[RecipientBlock]) -> Option<&'static str> {
    match recipients {
        [] => Some("nobody to send to"),
        all if all.iter().any(|one| one.values.is_empty()) => {
            Some("a recipient without properties")
        }
        _ => None,
    }
}

impl RuleActions {
    pub fn read_as(r: &mut Reader<'_>, form: RuleForm) -> Result<Self, WireError> {
        let width = form.width();
        let count = width.read(r)?;
        let mut blocks = Vec::with_capacity(r.capacity(count, 11));
        for _ in 0..count {
            let size = width.read(r)?;
            let mut r = r.sub(size, "as many bytes of a rule action as its size says")?;
            blocks.push(read_block(&mut r, form)?);
            r.finish("nothing behind the data of a rule action")?;
        }
        Ok(RuleActions(blocks))
    }

    pub fn write_as(&self, w: &mut Vec<u8>, form: RuleForm) {
        let width = form.width();
        let count = width.write(w, self.0.len());
        for block in self.0.iter().take(count) {
            let mut bytes = Vec::new();
            write_block(&mut bytes, block, form);
            width.write(w, bytes.len());
            w.extend_from_slice(&bytes);
        }
    }

    /// From the value of PidTagRuleActions.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes);
        let actions = RuleActions::read_as(&mut r, RuleForm::Standard)?;
        r.finish("nothing behind the rule actions")?;
        Ok(actions)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Vec::new();
        self.write_as(&mut w, RuleForm::Standard);
        w
    }
}

fn read_block(r: &mut Reader<'_>, form: RuleForm) -> Result<ActionBlock, WireError> {
    let kind = u8::read(r)?;
    let (flavor, flags) = (u32::read(r)?, u32::read(r)?);
    let action = match kind {
        OP_MOVE => Action::Move(read_destination(r, form)?),
        OP_COPY => Action::Copy(read_destination(r, form)?),
        OP_REPLY => Action::Reply(read_template(r, form)?),
        OP_OOF_REPLY => Action::OofReply(read_template(r, form)?),
        OP_DEFER_ACTION => Action::Defer(r.rest().to_vec()),
        OP_BOUNCE => Action::Bounce(u32::read(r)?),
        OP_FORWARD => Action::Forward(read_recipients(r, form)?),
        OP_DELEGATE => Action::Delegate(read_recipients(r, form)?),
        OP_TAG => Action::Tag(TaggedValue::read_as(r, form.width())?),
        OP_DELETE => Action::Delete,
        OP_MARK_AS_READ => Action::MarkAsRead,
        kind => Action::Other { kind, data: r.rest().to_vec() },
    };
    Ok(ActionBlock { flavor, flags, action })
}

fn write_block(w: &mut Vec<u8>, block: &ActionBlock, form: RuleForm) {
    block.action.kind().write(w);
    block.flavor.write(w);
    block.flags.write(w);
    match &block.action {
        Action::Move(to) | Action::Copy(to) => {
            if form == RuleForm::Standard {
                to.in_this_store.write(w);
            }
            write_sized(w, &to.store, form);
            write_sized(w, &to.folder, form);
        }
        Action::Reply(template) | Action::OofReply(template) => write_template(w, template, form),
        Action::Defer(data) | Action::Other { data, .. } => w.extend_from_slice(data),
        Action::Bounce(code) => code.write(w),
        Action::Forward(recipients) | Action::Delegate(recipients) => {
            (recipients.len() as u32).write(w);
            for recipient in recipients {
                recipient.reserved.write(w);
                (recipient.values.len() as u32).write(w);
                recipient.values.iter().for_each(|value| value.write_as(w, form.width()));
            }
        }
        Action::Tag(value) => value.write_as(w, form.width()),
        Action::Delete | Action::MarkAsRead => {}
    }
}

fn read_sized(r: &mut Reader<'_>, form: RuleForm) -> Result<Vec<u8>, WireError> {
    let size = form.width().read(r)?;
    Ok(r.bytes(size, "as many bytes as their size says")?.to_vec())
}

fn write_sized(w: &mut Vec<u8>, bytes: &[u8], form: RuleForm) {
    let size = form.width().write(w, bytes.len());
    w.extend_from_slice(&bytes[..size]);
}

fn read_destination(r: &mut Reader<'_>, form: RuleForm) -> Result<Destination, WireError> {
    let in_this_store = match form {
        RuleForm::Standard => u8::read(r)?,
        RuleForm::Extended => 1,
    };
    Ok(Destination { in_this_store, store: read_sized(r, form)?, folder: read_sized(r, form)? })
}

fn read_template(r: &mut Reader<'_>, form: RuleForm) -> Result<Template, WireError> {
    Ok(match form {
        RuleForm::Standard => Template::Ids {
            folder: FolderId::read(r)?,
            message: MessageId::read(r)?,
            id: Guid::read(r)?,
        },
        RuleForm::Extended => Template::Entry { message: read_sized(r, form)?, id: Guid::read(r)? },
    })
}

fn write_template(w: &mut Vec<u8>, template: &Template, form: RuleForm) {
    let (none, empty) = ((FolderId::NONE, MessageId::NONE), Vec::new());
    let (ids, entry, id) = match template {
        Template::Ids { folder, message, id } => ((*folder, *message), &empty, id),
        Template::Entry { message, id } => (none, message, id),
    };
    match form {
        RuleForm::Standard => {
            ids.0.write(w);
            ids.1.write(w);
        }
        RuleForm::Extended => write_sized(w, entry, form),
    }
    id.write(w);
}

fn read_recipients(r: &mut Reader<'_>, form: RuleForm) -> Result<Vec<RecipientBlock>, WireError> {
    let count = u32::read(r)? as usize;
    let mut recipients = Vec::with_capacity(r.capacity(count, 5));
    for _ in 0..count {
        let reserved = u8::read(r)?;
        let count = u32::read(r)? as usize;
        // Such a value has five bytes at least.
        let mut values = Vec::with_capacity(r.capacity(count, 5));
        for _ in 0..count {
            values.push(TaggedValue::read_as(r, form.width())?);
        }
        recipients.push(RecipientBlock { reserved, values });
    }
    Ok(recipients)
}

/// PidTagExtendedRuleMessageActions ([MS-OXORULE] 2.2.4.1.9)
#[derive(Debug, Clone, PartialEq)]
pub struct ExtendedRuleActions {
    /// The names of the named properties in the actions ([MS-OXORULE] 2.2.4.2).
    pub names: Vec<(u16, PropertyName)>,
    /// 1
    pub version: u32,
    pub actions: RuleActions,
}

impl Wire for ExtendedRuleActions {
    fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(ExtendedRuleActions {
            names: read_names(r)?,
            version: u32::read(r)?,
            actions: RuleActions::read_as(r, RuleForm::Extended)?,
        })
    }

    fn write(&self, w: &mut Vec<u8>) {
        write_names(w, &self.names);
        self.version.write(w);
        self.actions.write_as(w, RuleForm::Extended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tags;

    fn block(action: Action) -> ActionBlock {
        ActionBlock { flavor: 0, flags: 0x11, action }
    }

    fn every() -> Vec<ActionBlock> {
        let to = Destination { in_this_store: 1, store: vec![7], folder: vec![1; 21] };
        let (folder, message) = (FolderId::own(5), MessageId::own(9));
        let values = vec![TaggedValue::new(tags::DISPLAY_NAME, "Ann")];
        let recipients = vec![RecipientBlock { reserved: 0, values }];
        let template = Template::Ids { folder, message, id: Guid([3; 16]) };
        [
            Action::Move(to.clone()),
            Action::Copy(to),
            Action::Reply(template.clone()),
            Action::OofReply(template),
            Action::Defer(vec![1, 2, 3]),
            Action::Bounce(BOUNCE_DENIED),
            Action::Forward(recipients.clone()),
            Action::Delegate(recipients),
            Action::Tag(TaggedValue::new(tags::IMPORTANCE, 2)),
            Action::Delete,
            Action::MarkAsRead,
        ]
        .map(block)
        .to_vec()
    }

    #[test]
    fn every_action_survives_in_both_forms() {
        let actions = RuleActions(every());
        assert_eq!(RuleActions::parse(&actions.to_bytes()), Ok(actions.clone()));
        let kinds: Vec<u8> = actions.0.iter().map(|block| block.action.kind()).collect();
        assert_eq!(kinds, (1..=11).collect::<Vec<u8>>());
        let mut extended = ExtendedRuleActions { names: Vec::new(), version: 1, actions };
        for block in &mut extended.actions.0 {
            if let Action::Reply(template) | Action::OofReply(template) = &mut block.action {
                *template = Template::Entry { message: vec![4; 70], id: Guid([3; 16]) };
            }
        }
        assert_eq!(ExtendedRuleActions::from_wire(&extended.to_wire()), Ok(extended));
    }

    /// [MS-OXORULE] 2.2.5.1: sizes of two bytes, and what is counted by them.
    #[test]
    fn a_standard_action_has_its_layout() {
        let actions = RuleActions(vec![block(Action::MarkAsRead)]);
        let expected = [1, 0, 9, 0, 0x0b, 0, 0, 0, 0, 0x11, 0, 0, 0];
        assert_eq!(actions.to_bytes(), expected);
        let mut w = Vec::new();
        actions.write_as(&mut w, RuleForm::Extended);
        assert_eq!(w, [1, 0, 0, 0, 9, 0, 0, 0, 0x0b, 0, 0, 0, 0, 0x11, 0, 0, 0]);
        // Bytes that no field accounts for.
        assert!(RuleActions::parse(&[1, 0, 10, 0, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0, 7]).is_err());
    }

    #[test]
    fn what_no_server_can_do_is_a_fault() {
        assert!(every().iter().all(|block| block.fault().is_none()));
        let recipients = || {
            vec![RecipientBlock {
                reserved: 0,
                values: vec![TaggedValue::new(tags::DISPLAY_NAME, "a")],
            }]
        };
        let forward =
            |flavor| ActionBlock { flavor, flags: 0, action: Action::Forward(recipients()) };
        for fine in [1, 2, 3, 4, 8, 0x10] {
            assert_eq!(forward(fine).fault(), None, "{fine}");
        }
        for wrong in [5, 6, 9, 12] {
            assert!(forward(wrong).fault().is_some(), "{wrong}");
        }
        for action in [
            Action::Bounce(1),
            Action::Forward(Vec::new()),
            Action::Delegate(vec![RecipientBlock { reserved: 0, values: Vec::new() }]),
            Action::Other { kind: 12, data: Vec::new() },
        ] {
            assert!(block(action.clone()).fault().is_some(), "{action:?}");
        }
        let flavored = ActionBlock { flavor: 1, flags: 0, action: Action::Delete };
        assert!(flavored.fault().is_some());
    }
}
