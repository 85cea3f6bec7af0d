//! Text in its foreign forms: code pages and character sets, HTML, RTF.

pub mod casemap;
pub mod charsets;
pub mod html;
mod links;
pub mod rtf;
mod symbols;
