//! From a path to what stands there.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
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
    pub metrics: bool,
}

pub async fn route(
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
