//! RTF as mail carries it: compressed ([MS-OXRTFCP]), with HTML or text inside ([MS-OXRTFEX]), or genuine
//! RTF, which is turned into HTML and text.

mod compressed;
mod reader;
mod to_html;
mod tokens;
mod writer;

pub use compressed::{
    CompressedRtfError, MAX_RTF, compress, decompress, decompress_beginning, store,
};
pub use reader::{Encapsulated, de_encapsulate, to_text};
pub use to_html::to_html;
pub use writer::{from_html, from_text};
