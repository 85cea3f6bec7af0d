//! A profile: the message services of a user.

use std::sync::Arc;

use crate::MessageStoreProvider;
#[cfg(any(feature = "http-client", feature = "loopback"))]
use crate::Result;

/// The message services that a session logs on to, the default store's first.
///
/// ```
/// # #[cfg(feature = "loopback")] {
/// use mapi_session::Profile;
///
/// let profile = Profile::in_memory("me@example.test")?;
/// # }
/// # Ok::<(), mapi_session::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Profile {
    pub(crate) services: Vec<Arc<dyn MessageStoreProvider>>,
}

impl Profile {
    /// A profile for a server that speaks MAPI/HTTP, at the address of its base, such as
    /// `http://127.0.0.1:8480`: see [`crate::Http`].
    ///
    /// # Errors
    ///
    /// [`crate::Error::Url`] for a URL that cannot be used. Whether the server is there and takes the
    /// password shows at the logon.
    #[cfg(feature = "http-client")]
    pub fn http(url: &str, user: &str, password: &str) -> Result<Self> {
        Ok(Profile::new(crate::Http::new(url, user, password)?))
    }

    /// A profile for a new store in memory with one account, for tests and examples:
    /// [`crate::Loopback::in_memory`].
    ///
    /// # Errors
    ///
    /// [`crate::Error::Store`] if the address is not one.
    #[cfg(feature = "loopback")]
    pub fn in_memory(address: &str) -> Result<Self> {
        Ok(Profile::new(crate::Loopback::in_memory(address)?))
    }

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
