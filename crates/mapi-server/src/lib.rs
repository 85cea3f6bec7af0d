//! MAPI/HTTP server: http -> session -> processor -> handles -> dispatch -> rop/*.
