//! A profile: the message services of a user.

use std::sync::Arc;

use crate::MessageStoreProvider;

/// The message services that a session logs on to, the default store's first.
///
/// ```
/// # #[cfg(feature = "loopback")] {
/// use mapi_session::{Loopback, Profile};
///
/// let profile = Profile::new(Loopback::in_memory("me@example.test")?);
/// # }
/// # Ok::<(), mapi_session::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Profile {
    pub(crate) services: Vec<Arc<dyn MessageStoreProvider>>,
}

impl Profile {
    /// A profile with one service, which has the default store.
    pub fn new(service: impl MessageStoreProvider + 'static) -> Self {
        Profile::default().service(service)
    }

    /// Adds a service. The first one has the default store.
    pub fn service(mut self, service: impl MessageStoreProvider + 'static) -> Self {
        self.services.push(Arc::new(service));
        self
    }
}
