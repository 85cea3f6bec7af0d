//! The remote operations protocol in both directions: MAPI/HTTP bodies, ROP buffers, the one table of ROPs ([MS-OXCROPS], [MS-OXCRPC], [MS-OXCMAPIHTTP]).
