#!/usr/bin/env python3
"""Writes testsuite/data/expected-msg.json: what extract-msg sees in the sample .msg files.

    pip install extract-msg==0.57.0
    scripts/expected-msg.py ../shared/corpus/msg

extract-msg shares no code with this project. Values are those of its API where it has one, and the
streams as it reads them otherwise. A file or a part that it refuses stands with its error.
"""

import datetime
import hashlib
import json
import logging
import pathlib
import sys
import warnings

import extract_msg
from extract_msg.enums import AttachmentType, ErrorBehavior

logging.disable(logging.CRITICAL)
warnings.simplefilter('ignore')


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def attempt(read):
    try:
        return read()
    except Exception as error:  # A part that fails must not hide the others.
        return {'error': f'{type(error).__name__}: {error}'[:200]}


def when(value):
    if value is None:
        return None
    if isinstance(value, str):
        return value
    return value.astimezone(datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')


def date(msg, tag):
    return when(msg.getPropertyVal(f'{tag:04X}0040'))


def recipient(one):
    return {
        'type': int(one.getPropertyVal('0C150003')) if one.getPropertyVal('0C150003') is not None else None,
        'name': one.getStringStream('__substg1.0_3001'),
        'email': one.getStringStream('__substg1.0_3003'),
    }


def attachment(one):
    name = one.getStringStream('__substg1.0_3707') or one.getStringStream('__substg1.0_3704')
    found = {'name': name, 'method': one.getPropertyVal('37050003')}
    if one.type == AttachmentType.MSG:
        found['message'] = message(one.data)
    elif isinstance(one.data, bytes):
        found.update(size=len(one.data), sha256=sha256(one.data))
    else:
        found['kind'] = type(one.data).__name__
    return found


def message(msg):
    text = lambda tag: msg.getStringStream(f'__substg1.0_{tag:04X}')
    body = text(0x1000)
    html = msg.getStream('__substg1.0_10130102')
    rtf = msg.getStream('__substg1.0_10090102')
    return {
        'class': attempt(lambda: text(0x001a)),
        'subject': attempt(lambda: text(0x0037)),
        'sender': attempt(lambda: text(0x0c1a)),
        'submitted': attempt(lambda: date(msg, 0x0039)),
        'delivered': attempt(lambda: date(msg, 0x0e06)),
        'body_sha256': None if body is None else sha256(body.encode()),
        'body_start': None if body is None else body[:60],
        'html_sha256': None if html is None else sha256(html),
        'rtf_sha256': None if rtf is None else sha256(rtf),
        'properties': attempt(lambda: len(msg.props)),
        **recipients(msg),
        # A signed message's attachments are also given as what its signature holds; those of the file
        # itself are wanted.
        'attachments': attempt(lambda: [attempt(lambda: attachment(a))
                                        for a in getattr(msg, 'rawAttachments', msg.attachments)]),
    }


def recipients(msg):
    """All of them, from the storages: only some of its classes list recipients. A long list is cut, and
    stands whole in the hash."""
    storages = sorted({parts[len(msg.prefixList)] for parts in msg.listDir(False, True)
                       if len(parts) > len(msg.prefixList)
                       and parts[len(msg.prefixList)].startswith('__recip_version1.0_#')})
    found = [recipient(extract_msg.Recipient(storage, msg, extract_msg.enums.RecipientType))
             for storage in storages]
    lines = [f"{one['type']}\t{one['name'] or ''}\t{one['email'] or ''}\n" for one in found]
    return {'recipient_count': len(found), 'recipients': found[:20],
            'recipients_sha256': sha256(''.join(lines).encode())}


def main():
    directory = pathlib.Path(sys.argv[1])
    files = {}
    for path in sorted(directory.glob('*.msg')):
        def read():
            with extract_msg.openMsg(path, errorBehavior=ErrorBehavior.SUPPRESS_ALL) as msg:
                return message(msg)
        files[path.name] = {'sha256': sha256(path.read_bytes()), **attempt(read)}
    target = pathlib.Path(__file__).parent.parent / 'testsuite/data/expected-msg.json'
    target.parent.mkdir(parents=True, exist_ok=True)
    tools = {'extract-msg': extract_msg.__version__}
    target.write_text(json.dumps({'tools': tools, 'files': files}, indent=1, ensure_ascii=False) + '\n')


main()
