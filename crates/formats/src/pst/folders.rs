//! The walk through a file: which nodes there are, how they hang together, and in which order they are
//! visited ([MS-PST] 2.4.2 to 2.4.4).

use std::collections::{HashMap, HashSet};
use std::io::{Read, Seek};
use std::ops::ControlFlow;

use mapi::generated::tags;
use mapi::{PropertyBag, PropertyValue};

use super::criteria::{self, Criteria};
use super::message::{self, Source};
use super::ndb::{Database, Node, NodeId};
use super::object::{Object, Properties, Room, Single};
use super::{Folder, FolderKind, Item, Limits, MAX_FOLDER_DEPTH, PstError, Role, Visitor};
use crate::names::Names;
use crate::report::{Kind, Report};
use crate::values;

// Node types ([MS-PST] 2.2.2.1).
const FOLDER: u8 = 0x02;
const SEARCH_FOLDER: u8 = 0x03;
const MESSAGE: u8 = 0x04;
const ATTACHMENT: u8 = 0x05;
const SEARCH_CRITERIA: u8 = 0x07;
const ASSOCIATED: u8 = 0x08;
const CONTENTS_TABLE: u8 = 0x0e;
const ASSOCIATED_TABLE: u8 = 0x0f;

// Nodes with a fixed id ([MS-PST] 2.4.1).
const STORE: NodeId = NodeId(0x21);
const NAME_MAP: NodeId = NodeId(0x61);
const ROOT: NodeId = NodeId(0x122);
const RECEIVE_FOLDERS: NodeId = NodeId(0x62b);

/// The folder made for what hangs nowhere; no node has this id.
const RECOVERED: NodeId = NodeId(0);

/// PidTagExchangeRemoteHeader and PidTagMessageClass are the columns of the receive folder table.
const RECEIVE_FOLDER: u16 = 0x6605;

/// An open PST.
pub struct PstFile {
    db: Database,
    limits: Limits,
    names: Names,
    /// In the order of their ids.
    nodes: Vec<Node>,
    code_page: u32,
    roles: HashMap<NodeId, Role>,
    /// What opening the file found wrong.
    found: Report,
}

impl PstFile {
    /// Opens a file and reads its list of nodes: 32 bytes of memory for each.
    pub fn open<R: Read + Seek + 'static>(reader: R, limits: Limits) -> Result<Self, PstError> {
        let db = Database::open(reader)?;
        let mut file = PstFile {
            nodes: db.nodes(),
            db,
            limits,
            names: Names::default(),
            code_page: values::DEFAULT_CODE_PAGE,
            roles: HashMap::new(),
            found: Report::default(),
        };
        let mut found = Report::default();
        file.names = file.read_names(&mut found);
        file.read_store(&mut found);
        file.note_damage(&mut found);
        // The store's own properties are no one's messages.
        found.properties = Default::default();
        file.found = found;
        Ok(file)
    }

    /// How many nodes of each kind there are: what a walk is expected to carry.
    pub fn expected(&self) -> Report {
        let count = |kinds: &[u8]| {
            self.nodes.iter().filter(|node| kinds.contains(&node.id.kind())).count() as u64
        };
        let mut report = Report::default();
        report.folders.expected = count(&[FOLDER, SEARCH_FOLDER]);
        report.messages.expected = count(&[MESSAGE]);
        report.associated.expected = count(&[ASSOCIATED]);
        report
    }

    /// Visits all folders and messages, and tells what became of them.
    pub fn walk(&self, visitor: &mut dyn Visitor) -> Report {
        self.db.refill();
        let mut walk = Walk {
            file: self,
            children: self.children(),
            by_parent: self.messages_by_parent(),
            done: vec![false; self.nodes.len()],
            report: self.found.clone(),
        };
        let _ = walk.all(visitor);
        self.note_damage(&mut walk.report);
        walk.report
    }

    fn node(&self, id: NodeId) -> Option<&Node> {
        self.index(id).map(|index| &self.nodes[index])
    }

    fn index(&self, id: NodeId) -> Option<usize> {
        self.nodes.binary_search_by_key(&id, |node| node.id).ok()
    }

    fn room(&self) -> Room {
        Room { value: self.limits.value, left: self.limits.message.into() }
    }

    /// The indices of folders by their parents.
    fn children(&self) -> HashMap<NodeId, Vec<usize>> {
        let mut children: HashMap<NodeId, Vec<usize>> = HashMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            if is_folder(node.id) && node.id != ROOT {
                children.entry(node.parent).or_default().push(index);
            }
        }
        children
    }

    fn messages_by_parent(&self) -> Vec<u32> {
        let nodes = self.nodes.iter().enumerate();
        let mut indices: Vec<u32> =
            nodes.filter(|(_, node)| is_message(node.id)).map(|(index, _)| index as u32).collect();
        indices.sort_by_key(|index| self.nodes[*index as usize].parent);
        indices
    }

    fn note_damage(&self, report: &mut Report) {
        for (what, why) in self.db.take_damage() {
            report.refuse(Kind::Structure, what, why);
        }
    }

    fn properties(
        &self,
        node: &Node,
        names: &Names,
        report: &mut Report,
    ) -> Result<Properties, String> {
        let room = self.room();
        Object::open(&self.db, node.data, node.subnodes, &room, report)?.properties(
            names,
            &[],
            &room,
            report,
        )
    }

    // [MS-PST] 2.4.7.
    fn read_names(&self, report: &mut Report) -> Names {
        let Some(node) = self.node(NAME_MAP) else {
            report.refuse(Kind::Structure, "map of named properties", "its node is missing");
            return Names::default();
        };
        let room = self.room();
        let object = match Object::open(&self.db, node.data, node.subnodes, &room, report) {
            Ok(object) => object,
            Err(why) => {
                report.refuse(Kind::Structure, "map of named properties", why);
                return Names::default();
            }
        };
        let mut stream = |id| match object.value(id, &room) {
            Some(Ok(Single::Value(PropertyValue::Binary(bytes)))) => bytes,
            None => Vec::new(),
            other => {
                let why = format!("its stream {id} is {other:?}");
                report.refuse(Kind::Structure, "map of named properties", why);
                Vec::new()
            }
        };
        let (guids, entries, strings) = (stream(2), stream(3), stream(4));
        Names::read(&guids, &entries, &strings, report)
    }

    /// The store's code page, and what its special folders are.
    fn read_store(&mut self, report: &mut Report) {
        let mut roles = vec![(ROOT, Role::Root)];
        let mut bag_of = |id: NodeId| {
            let node = self.node(id)?;
            match self.properties(node, &self.names, report) {
                Ok(properties) => Some(properties.bag),
                Err(why) => {
                    report.refuse(Kind::Structure, format!("node {id}"), why);
                    None
                }
            }
        };
        let store = bag_of(STORE).unwrap_or_default();
        let root = bag_of(ROOT).unwrap_or_default();
        let mut role = |bag: &PropertyBag, tag, role| {
            roles.extend(bag.get(tag).and_then(node_of_entry_id).map(|id| (id, role)));
        };
        role(&store, tags::IPM_SUBTREE_ENTRY_ID, Role::IpmSubtree);
        role(&store, tags::IPM_WASTEBASKET_ENTRY_ID, Role::DeletedItems);
        role(&store, tags::IPM_OUTBOX_ENTRY_ID, Role::Outbox);
        role(&store, tags::IPM_SENT_MAIL_ENTRY_ID, Role::SentItems);
        role(&store, tags::FINDER_ENTRY_ID, Role::Finder);
        role(&store, tags::VIEWS_ENTRY_ID, Role::Views);
        role(&store, tags::COMMON_VIEWS_ENTRY_ID, Role::CommonViews);
        role(&root, tags::IPM_APPOINTMENT_ENTRY_ID, Role::Calendar);
        role(&root, tags::IPM_CONTACT_ENTRY_ID, Role::Contacts);
        role(&root, tags::IPM_JOURNAL_ENTRY_ID, Role::Journal);
        role(&root, tags::IPM_NOTE_ENTRY_ID, Role::Notes);
        role(&root, tags::IPM_TASK_ENTRY_ID, Role::Tasks);
        role(&root, tags::IPM_DRAFTS_ENTRY_ID, Role::Drafts);
        roles.extend(self.inbox().map(|id| (id, Role::Inbox)));
        self.code_page = values::code_page(&store).unwrap_or(self.code_page);
        for (id, role) in roles {
            self.roles.entry(id).or_insert(role);
        }
    }

    /// Where messages of every class are received: the row of the empty class ([MS-PST] 2.4.4).
    fn inbox(&self) -> Option<NodeId> {
        let node = self.node(RECEIVE_FOLDERS)?;
        let room = self.room();
        let mut lost = Report::default();
        let mut inbox = None;
        let object = Object::open(&self.db, node.data, node.subnodes, &room, &mut lost).ok()?;
        let _ = object.rows(&self.names, true, &room, &mut lost, |_, row, _| {
            let class = row.get(tags::MESSAGE_CLASS).and_then(PropertyValue::as_text);
            let folder =
                mapi::PropertyTag::from_parts(RECEIVE_FOLDER, mapi::PropertyType::INTEGER32);
            if class.is_none_or(|class| class.is_empty()) {
                inbox = row.get(folder).and_then(PropertyValue::as_i32).map(|id| NodeId(id as u32));
            }
        });
        inbox.filter(|id| is_folder(*id))
    }
}

/// One walk: what it has visited, and what it has to tell.
struct Walk<'f> {
    file: &'f PstFile,
    children: HashMap<NodeId, Vec<usize>>,
    /// The indices of messages in the order of their parents.
    by_parent: Vec<u32>,
    /// By the index of the node.
    done: Vec<bool>,
    report: Report,
}

impl Walk<'_> {
    fn all(&mut self, visitor: &mut dyn Visitor) -> ControlFlow<()> {
        if let Some(root) = self.file.index(ROOT) {
            self.tree(root, None, Vec::new(), visitor)?;
        }
        self.rest(visitor)
    }

    /// A folder and all below it, parents first.
    fn tree(
        &mut self,
        index: usize,
        parent: Option<NodeId>,
        path: Vec<String>,
        visitor: &mut dyn Visitor,
    ) -> ControlFlow<()> {
        let mut pending = vec![(index, parent, path)];
        while let Some((index, parent, mut path)) = pending.pop() {
            // A deeper one is left for the folder of what hangs nowhere.
            if path.len() >= MAX_FOLDER_DEPTH || std::mem::replace(&mut self.done[index], true) {
                continue;
            }
            let node = self.file.nodes[index];
            let folder = self.folder(&node, parent, &mut path);
            visitor.folder(&folder)?;
            self.report.carry(Kind::Folder);
            if folder.kind == FolderKind::Normal {
                self.contents(&folder, ASSOCIATED_TABLE, ASSOCIATED, visitor)?;
                self.contents(&folder, CONTENTS_TABLE, MESSAGE, visitor)?;
            }
            let children = self.children.get(&node.id).cloned().unwrap_or_default();
            pending.extend(
                children.into_iter().rev().map(|child| (child, Some(node.id), path.clone())),
            );
        }
        ControlFlow::Continue(())
    }

    /// Reads a folder, and adds its name to its path.
    fn folder(&mut self, node: &Node, parent: Option<NodeId>, path: &mut Vec<String>) -> Folder {
        let mut found = Report::default();
        let properties = self.file.properties(node, &self.file.names, &mut found);
        let properties = properties.unwrap_or_else(|why| {
            found.refuse(Kind::Structure, "properties", why);
            Properties::default()
        });
        let properties = values::to_unicode(properties.bag, self.file.code_page);
        let name = properties.text(tags::DISPLAY_NAME).filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| match node.id {
            ROOT => String::new(),
            id => format!("Folder {id}"),
        });
        if node.id != ROOT {
            path.push(name.clone());
        }
        let kind = match node.id.kind() {
            SEARCH_FOLDER => FolderKind::Search,
            _ => FolderKind::Normal,
        };
        let criteria = match kind {
            FolderKind::Search => self.criteria(node.id, &mut found),
            _ => Ok(None),
        };
        self.report.absorb(found, &place(path));
        Folder {
            id: node.id,
            parent,
            path: path.clone(),
            class: properties.text(tags::CONTAINER_CLASS),
            name,
            kind,
            role: self.file.roles.get(&node.id).copied(),
            properties,
            criteria,
        }
    }

    fn criteria(&self, folder: NodeId, report: &mut Report) -> Result<Option<Criteria>, String> {
        let Some(node) = self.file.node(folder.with_kind(SEARCH_CRITERIA)) else { return Ok(None) };
        let room = self.file.room();
        let object = Object::open(&self.file.db, node.data, node.subnodes, &room, report)?;
        let mut value = |id| match object.value(id, &room).transpose()? {
            None => Ok(None),
            Some(Single::Value(value)) => Ok(Some(value)),
            Some(Single::Object(_)) => Err(format!("its property {id:#06x} is an object")),
        };
        criteria::read(&mut value, &self.file.names, self.file.code_page)
    }

    /// The messages that a folder's table lists, and, if the table cannot be read, those that name the
    /// folder as their parent.
    fn contents(
        &mut self,
        folder: &Folder,
        table: u8,
        kind: u8,
        visitor: &mut dyn Visitor,
    ) -> ControlFlow<()> {
        let (ids, is_whole) = self.listed(folder, table);
        for id in ids {
            let Some(index) = self.file.index(id).filter(|_| id.kind() == kind) else {
                let what = format!("{}: message {id}", place(&folder.path));
                self.report.refuse(
                    kind_of(kind),
                    what,
                    "the folder's table lists it, its node is missing",
                );
                continue;
            };
            let parent = self.file.nodes[index].parent;
            let hangs_here = parent == folder.id
                || !self.file.node(parent).is_some_and(|node| is_folder(node.id));
            if hangs_here {
                self.message(folder, index, visitor)?;
            }
        }
        if is_whole {
            return ControlFlow::Continue(());
        }
        let nodes = &self.file.nodes;
        let start = self.by_parent.partition_point(|i| nodes[*i as usize].parent < folder.id);
        let end = self.by_parent.partition_point(|i| nodes[*i as usize].parent <= folder.id);
        for at in start..end {
            let index = self.by_parent[at] as usize;
            if self.file.nodes[index].id.kind() == kind {
                self.message(folder, index, visitor)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// The rows of a folder's table, and whether those are all.
    fn listed(&mut self, folder: &Folder, table: u8) -> (Vec<NodeId>, bool) {
        let mut ids = Vec::new();
        let Some(node) = self.file.node(folder.id.with_kind(table)) else {
            return (ids, false);
        };
        let room = self.file.room();
        let mut found = Report::default();
        let db = &self.file.db;
        let read =
            Object::open(db, node.data, node.subnodes, &room, &mut found).and_then(|object| {
                object.rows(&self.file.names, false, &room, &mut found, |id, _, _| ids.push(id))
            });
        if let Err(why) = read {
            found.refuse(Kind::Structure, "table of contents", why);
        }
        let is_whole = found.is_whole();
        self.report.absorb(found, &place(&folder.path));
        (ids, is_whole)
    }

    fn message(
        &mut self,
        folder: &Folder,
        index: usize,
        visitor: &mut dyn Visitor,
    ) -> ControlFlow<()> {
        if std::mem::replace(&mut self.done[index], true) {
            return ControlFlow::Continue(());
        }
        let node = self.file.nodes[index];
        let kind = kind_of(node.id.kind());
        let associated = kind == Kind::Associated;
        if !visitor.wants(node.id, associated) {
            self.report.carry(kind);
            return ControlFlow::Continue(());
        }
        let source =
            Source { db: &self.file.db, names: &self.file.names, code_page: self.file.code_page };
        let mut found = Report::default();
        let room = self.file.room();
        let read = message::read(&source, node.data, node.subnodes, &room, &mut found);
        self.file.note_damage(&mut found);
        let place = format!("{}: message {}", place(&folder.path), node.id);
        self.report.absorb(found, &place);
        match read {
            Ok(content) => {
                visitor.message(folder, Item { id: node.id, associated, content })?;
                self.report.carry(kind);
            }
            Err(why) => self.report.refuse(kind, place, why),
        }
        ControlFlow::Continue(())
    }

    /// Everything that the walk from the root did not meet.
    fn rest(&mut self, visitor: &mut dyn Visitor) -> ControlFlow<()> {
        let unmet = |walk: &Self, wanted: fn(NodeId) -> bool| -> Vec<usize> {
            let nodes = walk.file.nodes.iter().enumerate();
            nodes.filter(|(i, node)| wanted(node.id) && !walk.done[*i]).map(|(i, _)| i).collect()
        };
        for index in unmet(self, |id| id.kind() == ATTACHMENT) {
            let what = format!("attachment {}", self.file.nodes[index].id);
            self.report.refuse(Kind::Attachment, what, "it belongs to no message");
        }
        let folders = unmet(self, is_folder);
        let has_messages = !unmet(self, is_message).is_empty();
        if folders.is_empty() && !has_messages {
            return ControlFlow::Continue(());
        }
        let recovered = recovered();
        visitor.folder(&recovered)?;
        // Those whose parents do not exist first: the others may hang below them.
        let unmet_ids: HashSet<NodeId> =
            folders.iter().map(|index| self.file.nodes[*index].id).collect();
        let (tops, inner): (Vec<usize>, Vec<usize>) = folders
            .into_iter()
            .partition(|index| !unmet_ids.contains(&self.file.nodes[*index].parent));
        for index in tops.into_iter().chain(inner) {
            self.tree(index, Some(RECOVERED), recovered.path.clone(), visitor)?;
        }
        for index in unmet(self, is_message) {
            self.message(&recovered, index, visitor)?;
        }
        ControlFlow::Continue(())
    }
}

fn recovered() -> Folder {
    Folder {
        id: RECOVERED,
        parent: None,
        path: vec!["Recovered".into()],
        name: "Recovered".into(),
        class: Some("IPF.Note".into()),
        kind: FolderKind::Recovered,
        role: None,
        properties: PropertyBag::new(),
        criteria: Ok(None),
    }
}

fn is_folder(id: NodeId) -> bool {
    matches!(id.kind(), FOLDER | SEARCH_FOLDER)
}

fn is_message(id: NodeId) -> bool {
    matches!(id.kind(), MESSAGE | ASSOCIATED)
}

fn kind_of(kind: u8) -> Kind {
    match kind {
        ASSOCIATED => Kind::Associated,
        _ => Kind::Message,
    }
}

fn place(path: &[String]) -> String {
    format!("folder \"{}\"", path.join("/"))
}

/// The node in an entry id of the file's own ([MS-PST] 2.4.3.2).
fn node_of_entry_id(value: &PropertyValue) -> Option<NodeId> {
    let bytes = value.as_binary()?.get(20..24)?;
    let id = NodeId(u32::from_le_bytes(*bytes.first_chunk()?));
    is_folder(id).then_some(id)
}
