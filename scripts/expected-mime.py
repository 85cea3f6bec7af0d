#!/usr/bin/env python3
"""What Python's own email package sees in the corpus of Internet messages.

    scripts/expected-mime.py CORPUS > testsuite/data/expected-mime.json

CORPUS holds the directories eml/ and mbox/. The output is the expectation against which
crates/formats/tests/expected_mime.rs compares what this project reads; nothing of this project takes part
in making it.
"""

import email
import email.policy
import hashlib
import json
import mailbox
import pathlib
import platform
import sys
from datetime import timezone


def attempt(function):
    """The value, or how the package failed on it."""
    try:
        return function()
    except Exception as error:  # the package raises all sorts of things on broken mail
        return {"error": type(error).__name__}


def digest(data):
    return hashlib.sha256(data).hexdigest()


def printable(text):
    return text.encode("utf-8", "replace").decode("utf-8")


def text_digest(text):
    """Of the text with bare line feeds and no white space at its end: what every reader should agree on."""
    text = printable(text).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").rstrip()
    return {"start": text[:60], "chars": len(text), "sha256": digest(text.encode())}


def date(message):
    header = message["date"]
    if header is None or header.datetime is None:
        return None
    value = header.datetime
    if value.tzinfo is None:
        value = value.replace(tzinfo=timezone.utc)
    return value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def addresses(message, name):
    found = []
    for header in message.get_all(name, []):
        for address in header.addresses:
            spec = "" if address.addr_spec == "<>" else address.addr_spec
            if address.display_name or spec:
                found.append([printable(address.display_name), printable(spec)])
    return found


def leaves(part):
    """Parts that hold something: no multiparts, and messages whole."""
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        for child in part.iter_parts():
            yield from leaves(child)
    else:
        yield part


def attachment(part):
    entry = {
        "name": attempt(lambda: part.get_filename() and printable(part.get_filename())),
        "type": part.get_content_type(),
    }
    if part.get_content_type() == "message/rfc822" and part.is_multipart():
        inner = part.get_payload(0)
        entry["subject"] = attempt(lambda: printable(str(inner["subject"] or "")).strip())
        return entry
    data = part.get_payload(decode=True)
    if data is None:  # message/partial and the like: the package parses them and keeps no bytes
        return entry
    entry["size"] = len(data)
    entry["sha256"] = digest(data)
    return entry


def body_text(part):
    return None if part is None else text_digest(part.get_content())


def describe(data):
    message = email.message_from_bytes(data, policy=email.policy.default)
    plain = attempt(lambda: message.get_body(("plain",)))
    html = attempt(lambda: message.get_body(("html",)))
    bodies = [part for part in (plain, html) if not isinstance(part, dict)]
    subject = attempt(lambda: message["subject"] and printable(str(message["subject"])).strip())
    return {
        "subject": subject or "",
        "date": attempt(lambda: date(message)),
        "from": attempt(lambda: addresses(message, "from")),
        "to": attempt(lambda: addresses(message, "to")),
        "cc": attempt(lambda: addresses(message, "cc")),
        "text": attempt(lambda: body_text(plain)),
        "html": attempt(lambda: body_text(html)),
        "attachments": attempt(
            lambda: [
                attachment(part)
                for part in leaves(message)
                if not any(part is body for body in bodies)
            ]
        ),
    }


def main():
    corpus = pathlib.Path(sys.argv[1])
    files = {}
    for path in sorted((corpus / "eml").iterdir()):
        files[f"eml/{path.name}"] = [describe(path.read_bytes())]
    for path in sorted((corpus / "mbox").iterdir()):
        box = mailbox.mbox(path, create=False)
        files[f"mbox/{path.name}"] = [describe(box.get_bytes(key)) for key in box.keys()]
    tool = f"Python {platform.python_version()}, packages email (policy.default) and mailbox"
    json.dump({"tool": tool, "files": files}, sys.stdout, indent=1, ensure_ascii=False, sort_keys=True)
    print()


main()
