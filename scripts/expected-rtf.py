#!/usr/bin/env python3
"""What RTFDE finds encapsulated in the rich text of the corpus's MSG files.

    pip install extract-msg RTFDE
    scripts/expected-rtf.py CORPUS/msg > testsuite/data/expected-rtf.tsv

One line a file: its name, html or text, and the SHA-256 of the content with `&nbsp;` as the character and
runs of white space as one space, since encapsulation may change white space ([MS-OXRTFEX] 1.3). crates/formats/
tests/expected_rtf.rs compares.
"""

import hashlib
import importlib.metadata
import pathlib
import sys

import extract_msg
from compressed_rtf import decompress
from RTFDE.deencapsulate import DeEncapsulator


def content(path):
    with extract_msg.openMsg(path, strict=False) as message:
        rtf = DeEncapsulator(decompress(message.compressedRtf))
    rtf.deencapsulate()
    found = rtf.html if rtf.content_type == "html" else rtf.text
    return rtf.content_type, found if isinstance(found, str) else found.decode()


def main():
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("RTFDE", "extract-msg")]
    print(f"# By {', '.join(versions)}: file, kind, SHA-256.")
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.msg")):
        try:
            kind, found = content(path)
        except Exception:  # no rich text, none that encapsulates, or a file that the package cannot read
            continue
        squeezed = " ".join(found.replace("&nbsp;", "\u00a0").split())
        print(path.name, kind, hashlib.sha256(squeezed.encode()).hexdigest(), sep="\t")


main()
