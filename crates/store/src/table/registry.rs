//! The views that are open on a mailbox, so that equal queries share one.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::{Query, View};

/// INVARIANT: weak entries only; an entry leaves with its view.
#[derive(Default)]
pub(crate) struct Views {
    views: Mutex<Vec<(Query, Weak<View>)>>,
}

impl Views {
    pub(crate) fn find(&self, query: &Query) -> Option<Arc<View>> {
        let views = self.views.lock();
        views.iter().find(|(known, _)| known == query).and_then(|(_, view)| view.upgrade())
    }

    /// Registers a view, unless another was faster: then that one is returned.
    pub(crate) fn add(&self, query: &Query, view: Arc<View>) -> Arc<View> {
        let mut views = self.views.lock();
        let faster =
            views.iter().find(|(known, _)| known == query).and_then(|(_, view)| view.upgrade());
        if let Some(faster) = faster {
            // The view that lost is dropped outside the lock, which its Drop takes.
            drop(views);
            return faster;
        }
        views.retain(|(_, view)| view.strong_count() > 0);
        views.push((query.clone(), Arc::downgrade(&view)));
        view
    }

    /// Called by a view that is being dropped.
    pub(crate) fn forget_dead(&self) {
        self.views.lock().retain(|(_, view)| view.strong_count() > 0);
    }

    pub(crate) fn all(&self) -> Vec<Arc<View>> {
        self.views.lock().iter().filter_map(|(_, view)| view.upgrade()).collect()
    }
}
