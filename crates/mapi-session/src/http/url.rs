//! The part of a URL that a MAPI/HTTP endpoint needs.

use crate::{Error, Result};

/// Where the mailbox endpoint is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) host: String,
    pub(super) port: u16,
    /// The path and query of requests, from the slash on.
    pub(super) target: String,
}

const PATH: &str = "/mapi/emsmdb";

impl Endpoint {
    /// From the server's base (`http://host:port`) or the whole endpoint, with or without `MailboxId`.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let bad = |reason| Err(Error::Url { url: url.to_owned(), reason });
        let Some((scheme, rest)) = url.split_once("://") else {
            return bad("it has no scheme; write http://HOST:PORT");
        };
        if scheme.eq_ignore_ascii_case("https") {
            return bad(
                "https is not spoken yet; use the server's http address, on this machine or over \
                 a tunnel that encrypts",
            );
        }
        if !scheme.eq_ignore_ascii_case("http") {
            return bad("only http is spoken; write http://HOST:PORT");
        }
        let cut = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(cut);
        if authority.contains('@') {
            return bad("user and password do not belong into it");
        }
        let Some((host, port)) = host_and_port(authority) else {
            return bad("its host or port is not valid; write http://HOST:PORT");
        };
        if !path.bytes().all(|byte| byte.is_ascii_graphic()) || path.contains('#') {
            return bad("its path holds characters that do not belong there");
        }
        let (path, query) = path.split_once('?').map_or((path, None), |(p, q)| (p, Some(q)));
        let base = path.trim_end_matches('/');
        let base = base.strip_suffix(PATH).unwrap_or(base);
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        Ok(Endpoint { host, port, target: format!("{base}{PATH}/{query}") })
    }

    /// For the Host header and for messages.
    pub(super) fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

fn host_and_port(authority: &str) -> Option<(String, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:%".contains(&byte);
    if host.is_empty() || !host.bytes().all(valid) {
        return None;
    }
    Some((host.to_owned(), port.map_or(Some(80), |port| port.parse().ok())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> (String, String) {
        let endpoint = Endpoint::parse(url).unwrap();
        (endpoint.authority(), endpoint.target)
    }

    #[test]
    fn base_and_endpoint_mean_the_same() {
        for url in
            ["http://mail.test:8080", "http://mail.test:8080/", "HTTP://mail.test:8080/mapi/emsmdb"]
        {
            assert_eq!(parsed(url), ("mail.test:8080".into(), "/mapi/emsmdb/".into()));
        }
        assert_eq!(
            parsed("http://[::1]/x/mapi/emsmdb/?MailboxId=a@b"),
            ("[::1]:80".into(), "/x/mapi/emsmdb/?MailboxId=a@b".into())
        );
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_a_reason() {
        for url in [
            "mail.test",
            "https://mail.test",
            "ftp://mail.test",
            "http://",
            "http://a:b",
            "http://u:p@h/",
            "http://h/ x",
            "http://h\r\nX: y/",
            "http://[::1",
        ] {
            assert!(matches!(Endpoint::parse(url), Err(Error::Url { .. })), "{url}");
        }
    }
}
