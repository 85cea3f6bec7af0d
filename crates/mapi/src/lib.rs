//! The data of MAPI: property tags, values, rows, restrictions, entry ids, ids and id sets ([MS-OXCDATA], [MS-OXPROPS]).
