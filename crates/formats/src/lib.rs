//! Foreign bytes to and from MessageContent: MIME, mbox, MSG, PST, RTF.
