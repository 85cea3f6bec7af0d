//! The owner tree of one Session Context and the handles by which a client names its nodes.
//!
//! A handle is a slot's index with a generation, so that a late release of a handle whose slot has a new
//! tenant harms nothing. Below a logon, an object may own others: a message its attachments, an attachment
//! its embedded message and its streams. Clients should release what is owned before its owner
//! ([MS-OXCROPS] 3.1.5.3), but many do not; so an owner that was released first loses its handle at once
//! and goes when the last thing that it owns goes. A logon takes everything under it along at once.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use mapi::ErrorCode;
pub use mapi_rop::handle::Handle;

/// The bits of a handle that are the slot's index; the others are its generation.
const INDEX_BITS: u32 = 13;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;
/// The last index is not used, so that no handle is 0xFFFFFFFF ([MS-OXCROPS] 3.2.5.1 R4560).
const MAX_SLOTS: usize = INDEX_MASK as usize;
const MAX_GENERATION: u32 = u32::MAX >> INDEX_BITS;

fn index_of(handle: Handle) -> usize {
    (handle.0 & INDEX_MASK) as usize
}

fn generation_of(handle: Handle) -> u32 {
    handle.0 >> INDEX_BITS
}

/// A node that is known to be there: the result of resolving a handle. Good until the next release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeId(usize);

/// All slots are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// A burst does not keep its memory for the life of the session: what is beyond a few slots is given back.
pub struct Tree<T> {
    /// The last slot has a node.
    slots: Vec<Slot<T>>,
    /// Slots without a node, the lowest first, so that the highest become free. What is beyond the last slot is
    /// stale.
    free: BinaryHeap<Reverse<u16>>,
    /// The slots that were given back: none had a higher generation, and as many were the most.
    ///
    /// INVARIANT: a slot that comes again begins above it, so no handle names two objects.
    past: Past,
    /// The Logon Map ([MS-OXCROPS] 3.2.1): logon ids with their nodes.
    logons: Vec<(u8, NodeId)>,
}

#[derive(Default)]
struct Past {
    generation: u32,
    slots: usize,
}

/// Slots, and logons, that a session keeps room for.
const ROOM: usize = 8;

struct Slot<T> {
    /// Of the node in the slot, or of the last one that was. Handed out from 1 on.
    generation: u32,
    node: Option<Node<T>>,
}

struct Node<T> {
    logon_id: u8,
    owner: Option<NodeId>,
    owned: u32,
    /// False once the client released the handle.
    has_handle: bool,
    object: T,
}

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Tree {
            slots: Vec::new(),
            free: BinaryHeap::new(),
            past: Past::default(),
            logons: Vec::new(),
        }
    }
}

impl<T> Tree<T> {
    /// The node of a logon id.
    pub fn logon(&self, logon_id: u8) -> Option<NodeId> {
        self.logons.iter().find(|(id, _)| *id == logon_id).map(|(_, node)| *node)
    }

    /// The logons by their ids.
    pub fn logons(&self) -> impl Iterator<Item = (u8, NodeId)> {
        self.logons.iter().copied()
    }

    /// The objects under a logon that the client has handles to.
    pub fn handles(&self, logon_id: u8) -> impl Iterator<Item = (Handle, &T)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(move |(index, slot)| {
            let node = slot.node.as_ref()?;
            let handle = Handle(slot.generation << INDEX_BITS | index as u32);
            (node.has_handle && node.logon_id == logon_id).then_some((handle, &node.object))
        })
    }

    /// The objects under a logon that the client has handles to.
    pub fn objects_mut(&mut self, logon_id: u8) -> impl Iterator<Item = &mut T> {
        let nodes = self.slots.iter_mut().filter_map(|slot| slot.node.as_mut());
        let own = nodes.filter(move |node| node.has_handle && node.logon_id == logon_id);
        own.map(|node| &mut node.object)
    }

    /// Resolves a handle for a ROP that runs on `logon_id` ([MS-OXCROPS] 3.2.5.4).
    ///
    /// # Errors
    /// ecNullObject for a handle that never stood for an object, ecInvalidObject for a released one,
    /// ecAccessDenied for one of another logon.
    pub fn resolve(&self, handle: Handle, logon_id: u8) -> Result<NodeId, ErrorCode> {
        let (id, node) = self.find(handle)?;
        match node.logon_id == logon_id {
            true => Ok(id),
            false => Err(ErrorCode::ACCESS_DENIED),
        }
    }

    /// As [`Tree::resolve`] for a handle that may be of another logon: the destination of a copy.
    pub fn resolve_any(&self, handle: Handle) -> Result<NodeId, ErrorCode> {
        self.find(handle).map(|(id, _)| id)
    }

    /// The node of the logon that a node stands under.
    pub fn logon_of(&self, id: NodeId) -> Option<NodeId> {
        let node = self.slots.get(id.0)?.node.as_ref()?;
        self.logon(node.logon_id)
    }

    fn find(&self, handle: Handle) -> Result<(NodeId, &Node<T>), ErrorCode> {
        let never = ErrorCode::NULL_OBJECT;
        if handle == Handle::NONE || generation_of(handle) == 0 {
            return Err(never);
        }
        let Some(slot) = self.slots.get(index_of(handle)) else {
            let was =
                index_of(handle) < self.past.slots && generation_of(handle) <= self.past.generation;
            return Err(if was { ErrorCode::INVALID_OBJECT } else { never });
        };
        if generation_of(handle) > slot.generation {
            return Err(never);
        }
        match &slot.node {
            Some(node) if node.has_handle && slot.generation == generation_of(handle) => {
                Ok((NodeId(index_of(handle)), node))
            }
            _ => Err(ErrorCode::INVALID_OBJECT),
        }
    }

    /// Adds a logon. One that had the same id is dropped with everything under it ([MS-OXCROPS] 3.1.4.2
    /// R4586).
    pub fn insert_logon(&mut self, logon_id: u8, object: T) -> Result<Handle, Full> {
        if let Some(old) = self.logon(logon_id) {
            self.drop_logon(old, logon_id);
        }
        let handle = self.insert_node(logon_id, None, object)?;
        self.logons.push((logon_id, NodeId(index_of(handle))));
        Ok(handle)
    }

    /// Adds an object under a logon, owned by `owner` if it cannot be without it.
    pub fn insert(
        &mut self,
        logon_id: u8,
        owner: Option<NodeId>,
        object: T,
    ) -> Result<Handle, Full> {
        let handle = self.insert_node(logon_id, owner, object)?;
        if let Some(owner) = owner.and_then(|id| self.node_mut(id)) {
            owner.owned += 1;
        }
        Ok(handle)
    }

    fn insert_node(
        &mut self,
        logon_id: u8,
        owner: Option<NodeId>,
        object: T,
    ) -> Result<Handle, Full> {
        let index = match self.free.pop() {
            Some(Reverse(index)) if usize::from(index) < self.slots.len() => usize::from(index),
            _ if self.slots.len() < MAX_SLOTS => {
                // The others are stale too.
                self.free.clear();
                self.slots.push(Slot { generation: self.past.generation, node: None });
                self.slots.len() - 1
            }
            _ => return Err(Full),
        };
        let slot = &mut self.slots[index];
        slot.generation = match slot.generation {
            MAX_GENERATION => 1,
            generation => generation + 1,
        };
        slot.node = Some(Node { logon_id, owner, owned: 0, has_handle: true, object });
        Ok(Handle(slot.generation << INDEX_BITS | index as u32))
    }

    pub fn get(&self, id: NodeId) -> Option<&T> {
        self.slots.get(id.0)?.node.as_ref().map(|node| &node.object)
    }

    pub fn get_mut(&mut self, id: NodeId) -> Option<&mut T> {
        self.node_mut(id).map(|node| &mut node.object)
    }

    /// Two nodes at once; None if one is not there or they are the same.
    pub fn get_two_mut(&mut self, a: NodeId, b: NodeId) -> Option<(&mut T, &mut T)> {
        let [a, b] = self.slots.get_disjoint_mut([a.0, b.0]).ok()?;
        Some((&mut a.node.as_mut()?.object, &mut b.node.as_mut()?.object))
    }

    pub fn owner(&self, id: NodeId) -> Option<NodeId> {
        self.slots.get(id.0)?.node.as_ref()?.owner
    }

    /// The nodes that a node owns.
    pub fn owned_by(&self, id: NodeId) -> Vec<NodeId> {
        let owned = self.slots.get(id.0).and_then(|slot| slot.node.as_ref()).map_or(0, |n| n.owned);
        if owned == 0 {
            return Vec::new();
        }
        let is_owned = |index: &usize| {
            self.slots[*index].node.as_ref().is_some_and(|node| node.owner == Some(id))
        };
        (0..self.slots.len()).filter(is_owned).map(NodeId).collect()
    }

    /// Whether nothing else stands under a node's logon.
    pub fn is_alone(&self, id: NodeId) -> bool {
        let Some(logon_id) = self.slots.get(id.0).and_then(|s| s.node.as_ref()).map(|n| n.logon_id)
        else {
            return true;
        };
        let mut nodes =
            self.slots.iter().enumerate().filter_map(|(i, s)| Some((i, s.node.as_ref()?)));
        nodes.all(|(index, node)| index == id.0 || node.logon_id != logon_id)
    }

    /// Releases a node: the handle is gone at once; the object goes when nothing that it owns is left. A
    /// logon goes with everything under it.
    pub fn release(&mut self, id: NodeId) {
        let Some(node) = self.node_mut(id) else { return };
        node.has_handle = false;
        let logon_id = node.logon_id;
        if self.logon(logon_id) == Some(id) {
            return self.drop_logon(id, logon_id);
        }
        self.drop_if_idle(id);
    }

    /// The objects, for counting and for ends that need a last act.
    pub fn objects(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|slot| slot.node.as_ref()).map(|node| &node.object)
    }

    fn drop_if_idle(&mut self, id: NodeId) {
        let mut next = Some(id);
        while let Some(id) = next {
            let Some(node) = self.node_mut(id) else { return };
            if node.has_handle || node.owned > 0 {
                return;
            }
            next = node.owner;
            self.vacate(id);
            if let Some(owner) = next.and_then(|owner| self.node_mut(owner)) {
                owner.owned -= 1;
            }
        }
    }

    fn drop_logon(&mut self, logon: NodeId, logon_id: u8) {
        self.logons.retain(|(_, node)| *node != logon);
        if fewer(self.logons.len(), self.logons.capacity()) {
            self.logons.shrink_to(ROOM.max(2 * self.logons.len()));
        }
        for index in (0..self.slots.len()).rev() {
            let node = self.slots.get(index).and_then(|slot| slot.node.as_ref());
            if node.is_some_and(|node| node.logon_id == logon_id) && NodeId(index) != logon {
                self.vacate(NodeId(index));
            }
        }
        self.vacate(logon);
    }

    fn vacate(&mut self, id: NodeId) {
        let Some(slot) = self.slots.get_mut(id.0) else { return };
        if slot.node.take().is_none() {
            return;
        }
        // Below MAX_SLOTS: 13 bits.
        self.free.push(Reverse(id.0 as u16));
        self.past.slots = self.past.slots.max(self.slots.len());
        while let Some(Slot { generation, node: None }) = self.slots.last() {
            self.past.generation = self.past.generation.max(*generation);
            self.slots.pop();
        }
        let len = self.slots.len();
        if fewer(len, self.slots.capacity()) {
            self.slots.shrink_to(ROOM.max(2 * len));
            self.free.retain(|Reverse(index)| usize::from(*index) < len);
            self.free.shrink_to(ROOM.max(2 * len));
        }
    }

    fn node_mut(&mut self, id: NodeId) -> Option<&mut Node<T>> {
        self.slots.get_mut(id.0)?.node.as_mut()
    }
}

/// Whether so few are left that room is given back.
fn fewer(len: usize, capacity: usize) -> bool {
    capacity > ROOM && capacity >= 4 * len
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    /// Writes its name down when it is dropped.
    struct Probe(&'static str, Rc<RefCell<Vec<&'static str>>>);

    impl Drop for Probe {
        fn drop(&mut self) {
            self.1.borrow_mut().push(self.0);
        }
    }

    #[test]
    fn codes_for_handles_that_name_nothing() {
        // MS-OXCROPS R457301, R457302, R457303
        let mut tree = Tree::default();
        let logon = tree.insert_logon(0, ()).unwrap();
        tree.insert_logon(1, ()).unwrap();
        let folder = tree.insert(0, None, ()).unwrap();
        assert_eq!(tree.resolve(Handle::NONE, 0), Err(ErrorCode::NULL_OBJECT));
        assert_eq!(tree.resolve(Handle(0), 0), Err(ErrorCode::NULL_OBJECT));
        assert_eq!(tree.resolve(Handle(folder.0 + 1), 0), Err(ErrorCode::NULL_OBJECT));
        assert_eq!(tree.resolve(folder, 1), Err(ErrorCode::ACCESS_DENIED));
        let id = tree.resolve(folder, 0).unwrap();
        tree.release(id);
        assert_eq!(tree.resolve(folder, 0), Err(ErrorCode::INVALID_OBJECT));
        let again = tree.insert(0, None, ()).unwrap();
        assert_ne!(again, folder);
        assert_eq!(tree.resolve(folder, 0), Err(ErrorCode::INVALID_OBJECT));
        assert!(tree.resolve(logon, 0).is_ok());
    }

    #[test]
    fn an_owner_released_first_waits_for_what_it_owns() {
        let drops = Rc::new(RefCell::new(Vec::new()));
        let probe = |name| Probe(name, Rc::clone(&drops));
        let mut tree = Tree::default();
        tree.insert_logon(7, probe("logon")).unwrap();
        let message = tree.insert(7, None, probe("message")).unwrap();
        let message_id = tree.resolve(message, 7).unwrap();
        let attachment = tree.insert(7, Some(message_id), probe("attachment")).unwrap();
        let attachment_id = tree.resolve(attachment, 7).unwrap();
        let stream = tree.insert(7, Some(attachment_id), probe("stream")).unwrap();
        tree.release(message_id);
        assert_eq!(tree.resolve(message, 7), Err(ErrorCode::INVALID_OBJECT));
        assert_eq!(tree.owner(attachment_id), Some(message_id));
        tree.release(attachment_id);
        assert!(drops.borrow().is_empty());
        tree.release(tree.resolve(stream, 7).unwrap());
        assert_eq!(*drops.borrow(), ["stream", "attachment", "message"]);
    }

    #[test]
    fn a_logon_takes_everything_along() {
        let drops = Rc::new(RefCell::new(Vec::new()));
        let probe = |name| Probe(name, Rc::clone(&drops));
        let mut tree = Tree::default();
        let logon = tree.insert_logon(0, probe("logon")).unwrap();
        tree.insert_logon(1, probe("other")).unwrap();
        let message = tree.insert(0, None, probe("message")).unwrap();
        let id = tree.resolve(message, 0).unwrap();
        tree.insert(0, Some(id), probe("attachment")).unwrap();
        tree.release(tree.resolve(logon, 0).unwrap());
        assert_eq!(drops.borrow().len(), 3);
        assert_eq!(drops.borrow().last(), Some(&"logon"));
        // MS-OXCROPS R4586: the same logon id again releases the logon that had it.
        tree.insert_logon(1, probe("again")).unwrap();
        assert_eq!(drops.borrow().last(), Some(&"other"));
        drop(tree);
        assert_eq!(drops.borrow().len(), 5);
    }

    #[test]
    fn slots_are_bounded_and_come_back() {
        let mut tree = Tree::default();
        let handles: Vec<Handle> =
            (0..MAX_SLOTS).map(|_| tree.insert(0, None, ()).unwrap()).collect();
        assert_eq!(tree.insert(0, None, ()), Err(Full));
        assert!(!handles.contains(&Handle::NONE));
        tree.release(tree.resolve(handles[5], 0).unwrap());
        assert!(tree.insert(0, None, ()).is_ok());
    }

    #[test]
    fn a_burst_gives_its_room_back_and_no_handle_names_two_objects() {
        let mut tree = Tree::default();
        let logon = tree.insert_logon(0, 0).unwrap();
        let mut seen = std::collections::HashSet::from([logon]);
        for round in 1..=5 {
            let open: Vec<Handle> =
                (0..500).map(|_| tree.insert(0, None, round).unwrap()).collect();
            assert!(open.iter().all(|handle| seen.insert(*handle)), "a handle came again");
            let kept = tree.resolve(open[20], 0).unwrap();
            for handle in open.iter().filter(|handle| **handle != open[20]) {
                tree.release(tree.resolve(*handle, 0).unwrap());
                assert_eq!(tree.resolve(*handle, 0), Err(ErrorCode::INVALID_OBJECT));
            }
            // What is still there is below, whatever was above it.
            assert_eq!(tree.get(kept), Some(&round));
            assert!(tree.slots.capacity() <= 44 && tree.free.capacity() <= 44);
            tree.release(kept);
            assert_eq!((tree.slots.len(), tree.slots.capacity()), (1, ROOM));
            assert!(tree.free.capacity() <= ROOM);
            assert!(seen.iter().all(
                |old| *old == logon || tree.resolve(*old, 0) == Err(ErrorCode::INVALID_OBJECT)
            ));
        }
        let never = Handle(Handle::NONE.0 - 1);
        assert_eq!(tree.resolve(never, 0), Err(ErrorCode::NULL_OBJECT));
        for id in 1..=255 {
            tree.insert_logon(id, 0).unwrap();
        }
        for id in 1..=255 {
            tree.release(tree.logon(id).unwrap());
        }
        assert!(tree.logons.capacity() <= ROOM && tree.slots.capacity() <= ROOM);
    }
}
