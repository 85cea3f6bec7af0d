//! Who is there: SASL PLAIN (RFC 4616) and LOGIN over a verifier that the program passes.

use std::pin::Pin;

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use store::Account;

/// Verifies passwords. A hash costs milliseconds and megabytes, so it is not done on the reactor.
pub trait Verifier: Send + Sync + 'static {
    fn verify(&self, user: String, password: String) -> Verification;
}

pub type Verification = Pin<Box<dyn Future<Output = Result<Account, Refused>> + Send>>;

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Wrong credentials, or a disabled account: the answers do not tell which.
    #[error("the user name or the password is wrong")]
    Wrong,
    /// Too many passwords wait to be verified.
    #[error("the server is busy")]
    Busy,
    #[error("the server failed")]
    Failed,
}

/// The longest line of an exchange in base64 (RFC 4954 4 asks for 12,288).
pub const MAX_LINE: usize = 12_288;
/// Longer user names and passwords are refused.
const MAX_NAME: usize = 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    Plain,
    /// Nowhere but in draft-murchison-sasl-login, and in many programs.
    Login,
}

impl Mechanism {
    pub fn by_name(name: &str) -> Option<Mechanism> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        is("PLAIN").then_some(Mechanism::Plain).or(is("LOGIN").then_some(Mechanism::Login))
    }
}

/// An exchange on its way: bytes in, bytes out, no socket.
#[derive(Debug)]
pub enum Exchange {
    Plain,
    LoginUser,
    LoginPassword { user: String },
}

/// What comes next.
#[derive(PartialEq, Eq)]
pub enum Next {
    /// To be sent as it is, in base64.
    Challenge(&'static str),
    Verify {
        user: String,
        password: String,
    },
}

/// What came is no answer of the mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no answer of the mechanism")]
pub struct Malformed;

impl Exchange {
    /// Begins. `initial` is an answer in base64 that came with the command; `=` stands for an empty one.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn begin(
        mechanism: Mechanism,
        initial: Option<&str>,
    ) -> Result<(Exchange, Next), Malformed> {
        let mut exchange = match mechanism {
            Mechanism::Plain => Exchange::Plain,
            Mechanism::Login => Exchange::LoginUser,
        };
        let next = match (initial, mechanism) {
            (Some("="), _) => exchange.answer("")?,
            (Some(initial), _) => exchange.answer(initial)?,
            (None, Mechanism::Plain) => Next::Challenge(""),
            // "Username:"
            (None, Mechanism::Login) => Next::Challenge("VXNlcm5hbWU6"),
        };
        Ok((exchange, next))
    }

    /// Takes the client's answer, in base64.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn answer(&mut self, encoded: &str) -> Result<Next, Malformed> {
        if encoded.len() > MAX_LINE {
            return Err(Malformed);
        }
        let decoded = LENIENT.decode(encoded.trim()).map_err(|_| Malformed)?;
        match std::mem::replace(self, Exchange::Plain) {
            Exchange::Plain => plain(&decoded),
            Exchange::LoginUser => {
                let user = name(&decoded)?;
                *self = Exchange::LoginPassword { user };
                // "Password:"
                Ok(Next::Challenge("UGFzc3dvcmQ6"))
            }
            Exchange::LoginPassword { user } => {
                let password = String::from_utf8(decoded).map_err(|_| Malformed)?;
                Ok(Next::Verify { user: local(&user), password })
            }
        }
    }
}

/// Padding that is left out is no reason to keep somebody out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
);

/// `[authzid] NUL authcid NUL passwd` (RFC 4616 2). Nobody acts for another here.
fn plain(decoded: &[u8]) -> Result<Next, Malformed> {
    let mut parts = decoded.split(|byte| *byte == 0);
    let (Some(actor), Some(user), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Malformed);
    };
    let user = name(user)?;
    if !actor.is_empty() && !actor.eq_ignore_ascii_case(user.as_bytes()) {
        return Err(Malformed);
    }
    let password = String::from_utf8(password.to_vec()).map_err(|_| Malformed)?;
    Ok(Next::Verify { user: local(&user), password })
}

fn name(bytes: &[u8]) -> Result<String, Malformed> {
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed)?;
    match text.is_empty() || text.len() > MAX_NAME {
        true => Err(Malformed),
        false => Ok(text.to_owned()),
    }
}

/// Without a domain before a backslash, as over HTTP.
fn local(user: &str) -> String {
    user.rsplit_once('\\').map_or(user, |(_, user)| user).to_owned()
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    fn verify(next: Next) -> Option<(String, String)> {
        match next {
            Next::Verify { user, password } => Some((user, password)),
            Next::Challenge(_) => None,
        }
    }

    #[test]
    fn plain_is_read_as_the_rfc_says() {
        // RFC 4616 4
        let sent = BASE64_STANDARD.encode("\0tim\0tanstaaftanstaaf");
        let (_, next) = Exchange::begin(Mechanism::Plain, Some(&sent)).expect("right");
        assert_eq!(verify(next), Some(("tim".into(), "tanstaaftanstaaf".into())));
        let (mut exchange, next) = Exchange::begin(Mechanism::Plain, None).expect("right");
        assert!(next == Next::Challenge(""));
        let next = exchange.answer(&sent).expect("right");
        assert_eq!(verify(next), Some(("tim".into(), "tanstaaftanstaaf".into())));
        for wrong in ["tim\0x", "\0\0x", "kurt\0tim\0x", "\0tim\0x\0y", ""] {
            let sent = BASE64_STANDARD.encode(wrong);
            assert!(Exchange::begin(Mechanism::Plain, Some(&sent)).is_err(), "{wrong:?}");
        }
        assert!(Exchange::begin(Mechanism::Plain, Some("=")).is_err());
        assert!(Exchange::begin(Mechanism::Plain, Some("!!!")).is_err());
    }

    #[test]
    fn login_asks_twice() {
        let (mut exchange, next) = Exchange::begin(Mechanism::Login, None).expect("right");
        assert!(next == Next::Challenge("VXNlcm5hbWU6"));
        let next = exchange.answer(&BASE64_STANDARD.encode("DOM\\a@x")).expect("right");
        assert!(next == Next::Challenge("UGFzc3dvcmQ6"));
        let next = exchange.answer(&BASE64_STANDARD.encode("secret")).expect("right");
        assert_eq!(verify(next), Some(("a@x".into(), "secret".into())));
    }
}
