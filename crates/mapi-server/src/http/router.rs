//! From a path to what stands there.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, SET_COOKIE, STRICT_TRANSPORT_SECURITY};
use hyper::{Method, Request, Response, StatusCode};

use super::body::ResponseBody;
use super::connections::Connection;
use super::reply::plain;
use super::server::Shared;
use super::{endpoint, metrics};

/// What an address serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    pub mapi: bool,
    pub tls: bool,
    pub metrics: bool,
}

pub async fn route(
    shared: &Arc<Shared>,
    connection: &Connection,
    served: Served,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let mut response = dispatch(shared, connection, served, request).await;
    if served.tls {
        keep_secure(&mut response);
    }
    response
}

/// What came over TLS is to stay there: the host's next requests (RFC 6797 6.1), and the cookies (RFC 6265 4.1.2.5).
fn keep_secure(response: &mut Response<ResponseBody>) {
    let headers = response.headers_mut();
    headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    for (name, value) in headers.iter_mut() {
        if name == SET_COOKIE
            && let Ok(secure) = HeaderValue::from_bytes(&[value.as_bytes(), b"; Secure"].concat())
        {
            *value = secure;
        }
    }
}

async fn dispatch(
    shared: &Arc<Shared>,
    connection: &Connection,
    served: Served,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    match request.uri().path() {
        "/mapi/emsmdb" | "/mapi/emsmdb/" if served.mapi => {
            endpoint::answer(shared, connection, request).await
        }
        "/metrics" if served.metrics => match *request.method() {
            Method::GET | Method::HEAD => {
                connection.count_request();
                metrics_page(shared).await
            }
            _ => plain(StatusCode::METHOD_NOT_ALLOWED, "GET only.\n"),
        },
        _ => plain(StatusCode::NOT_FOUND, "There is nothing here.\n"),
    }
}

/// Reads /proc and asks the store, so it is written on a thread of the pool.
async fn metrics_page(shared: &Arc<Shared>) -> Response<ResponseBody> {
    let told = Arc::clone(shared);
    match shared.work(move || metrics::text(&told)).await {
        Ok(text) => {
            let mut response = Response::new(ResponseBody::whole(text));
            let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, kind);
            response
        }
        Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "The server is busy.\n"),
    }
}
