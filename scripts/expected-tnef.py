#!/usr/bin/env python3
"""Writes testsuite/data/expected-tnef.json: what tnefparse sees in the sample TNEF streams.

    pip install tnefparse==1.4.0
    scripts/expected-tnef.py ../shared/corpus/tnef

tnefparse shares no code with this project. Properties are those of the list attMsgProps, attachments are
named by PidTagAttachLongFilename. A file that it refuses stands with its error.
"""

import hashlib
import json
import logging
import pathlib
import resource
import sys

from tnefparse import TNEF

logging.disable(logging.CRITICAL)
# tnefparse believes the counts of this file, and would fill any memory.
LEFT_OUT = {'oom.tnef'}
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
PROPERTIES = {'class': 0x001A, 'subject': 0x0037, 'sender': 0x0C1A, 'message_id': 0x1035}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def text(properties, tag):
    for found in properties:
        if found.name == tag and not found.guid:
            return found.data
    return None


def seen(data):
    stream = TNEF(data)
    result = {name: text(stream.mapiprops, tag) for name, tag in PROPERTIES.items()}
    result['attachments'] = [
        {
            'name': one.long_filename(),
            'size': len(one.data),
            'sha256': sha256(one.data),
            'mime': text(one.mapi_attrs, 0x370E),
        }
        for one in stream.attachments
    ]
    return result


def main():
    directory = pathlib.Path(sys.argv[1])
    files = {}
    for path in sorted(directory.iterdir()):
        if path.name in LEFT_OUT:
            continue
        data = path.read_bytes()
        try:
            files[path.name] = seen(data)
        except Exception as error:
            files[path.name] = {'error': f'{type(error).__name__}: {error}'[:200]}
    target = pathlib.Path(__file__).parent.parent / 'testsuite/data/expected-tnef.json'
    text = json.dumps({'tool': 'tnefparse 1.4.0', 'files': files}, indent=1, ensure_ascii=False)
    target.write_text(text + '\n')


if __name__ == '__main__':
    main()
