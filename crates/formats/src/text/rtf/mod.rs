//! RTF as mail carries it: compressed ([MS-OXRTFCP]), with HTML or text inside ([MS-OXRTFEX]), or plain RTF
//! of which only the text is wanted.

mod compressed;
mod reader;
mod tokens;

pub use compressed::{CompressedRtfError, MAX_RTF, compress, decompress};
pub use reader::{Encapsulated, de_encapsulate, to_text};
