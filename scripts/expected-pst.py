#!/usr/bin/env python3
"""Writes testsuite/data/expected-pst.json: what libpff sees in the sample PST files.

    pip install libpff-python==20260926 && apt-get install pff-tools
    scripts/expected-pst.py ../shared/corpus/pst

The tools are libpff's Python binding, for folders, messages and their properties by node id, and
pffexport -m all (Debian's pff-tools), for messages within messages, which the binding does not reach,
and for counts of what it exports and recovers. Neither shares code with this project.
"""

import datetime
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

import pypff

SUBJECT = 0x0037
ATTACH_METHOD = 0x3705
EMBEDDED_MESSAGE = 5
NAMES = (0x3707, 0x3704)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def entries(item):
    return [item.get_record_set(s).get_entry(e)
            for s in range(item.number_of_record_sets)
            for e in range(item.get_record_set(s).number_of_entries)]


def value(item, tag):
    for entry in entries(item):
        if entry.entry_type == tag:
            return entry
    return None


def text(item, tag):
    entry = value(item, tag)
    return None if entry is None or entry.data is None else entry.data_as_string


def digest(item):
    """One hash over all properties with a fixed id, but for the subject, which carries a mark in the
    file: id, type and bytes of each, in the order of the ids."""
    lines = sorted((e.entry_type, e.value_type, e.data or b'') for e in entries(item)
                   if e.entry_type is not None and e.entry_type < 0x8000 and e.entry_type != SUBJECT)
    return sha256('\n'.join(f'{i:04x} {t:04x} {d.hex()}' for i, t, d in lines).encode())


def time(item, tag):
    entry = value(item, tag)
    if entry is None:
        return None
    ticks = int.from_bytes(entry.data, 'little')
    moment = datetime.datetime(1601, 1, 1) + datetime.timedelta(microseconds=ticks // 10)
    return moment.strftime('%Y-%m-%dT%H:%M:%SZ')


def attachments(item, exported):
    count = getattr(item, 'number_of_attachments', 0) or 0
    found = []
    for index in range(count):
        attachment = item.get_attachment(index)
        one = {
            'name': next((t for t in (text(attachment, n) for n in NAMES) if t), None),
            'method': value(attachment, ATTACH_METHOD).data_as_integer,
        }
        if one['method'] == EMBEDDED_MESSAGE:
            directory = exported / 'Attachments' / f'Attachment{index + 1:05}'
            one['message'] = embedded(next(directory.iterdir()))
        else:
            size = attachment.size
            attachment.seek_offset(0)
            data = attachment.read_buffer(size) if size else b''
            one.update(size=size, sha256=sha256(data))
        found.append(one)
    return found


def embedded(directory):
    """A message within a message, as pffexport wrote it."""
    headers = {}
    for name in ('OutlookHeaders.txt', 'Appointment.txt'):
        file = directory / name
        for line in file.read_text().split('\n') if file.exists() else []:
            key, colon, rest = line.partition(':')
            if colon:
                headers.setdefault(key, rest.strip())

    def moment(key):
        if key not in headers:
            return None
        return datetime.datetime.strptime(headers[key].split('.')[0], '%b %d, %Y %H:%M:%S') \
            .strftime('%Y-%m-%dT%H:%M:%SZ')
    recipients = directory / 'Recipients.txt'
    lines = recipients.read_text().split('\n') if recipients.exists() else []
    files = sorted((directory / 'Attachments').glob('*')) if (directory / 'Attachments').exists() else []
    return {
        'subject': headers.get('Subject'),
        'submitted': moment('Client submit time'),
        'delivered': moment('Delivery time'),
        'flags': int(headers['Flags'].split()[0], 16),
        'recipients': [line.partition(':')[2].strip() for line in lines
                       if line.startswith('Display name:')],
        # The file's name is a number and the attachment's name.
        'attachments': [{'name': file.name.partition('_')[2], 'size': file.stat().st_size,
                         'sha256': sha256(file.read_bytes())} for file in files if file.is_file()],
    }


def message(item, exported):
    subject = text(item, SUBJECT)
    if subject and subject[0] == '\x01':
        subject = subject[2:]
    body = text(item, 0x1000)
    html = value(item, 0x1013)
    rtf = value(item, 0x1009)
    recipients = getattr(item, 'recipients', None)
    names = []
    if recipients is not None:
        for s in range(recipients.number_of_record_sets):
            record = recipients.get_record_set(s)
            by_tag = {record.get_entry(e).entry_type: record.get_entry(e)
                      for e in range(record.number_of_entries)}
            names.append(by_tag[0x3001].data_as_string if 0x3001 in by_tag else None)
    return {
        'class': text(item, 0x001a),
        'subject': subject,
        'submitted': time(item, 0x0039),
        'delivered': time(item, 0x0e06),
        'flags': value(item, 0x0e07).data_as_integer,
        'body_sha256': None if body is None else sha256(body.encode()),
        'html_sha256': None if html is None else sha256(html.data or b''),
        'rtf_sha256': None if rtf is None else sha256(rtf.data or b''),
        'properties': len(entries(item)),
        'properties_sha256': digest(item),
        'recipients': names,
        'attachments': attachments(item, exported),
    }


def walk(folder, path, root, out):
    normal = folder.number_of_sub_messages
    folders = folder.number_of_sub_folders
    items = [folder.get_sub_item(i) for i in range(folder.number_of_sub_items)]
    associated = [i for i in items
                  if not isinstance(i, pypff.folder) and i.identifier & 0x1f == 0x08]
    out['folders'].append({
        'id': folder.identifier,
        'path': path,
        'class': text(folder, 0x3613),
        'messages': normal,
        'associated': len(associated),
    })
    directory = root.joinpath(*path)
    for index, item in enumerate([folder.get_sub_message(i) for i in range(normal)] + associated):
        one = {'id': item.identifier, 'folder': folder.identifier,
               'associated': item.identifier & 0x1f == 0x08}
        # pffexport numbers the messages of a folder in the same order, whatever it calls them.
        exported = next(directory.glob(f'[A-Z]*{index + 1:05}'), directory)
        one.update(message(item, exported))
        out['messages'].append(one)
    for index in range(folders):
        child = folder.get_sub_folder(index)
        walk(child, path + [child.name], root, out)


def pffexport(file, target):
    """Exports a file; returns how many items, and how many in space that the file has freed."""
    def items(root):
        # An item's directory is called by its kind and a number; one within Attachments is attached.
        return sum(1 for p in root.rglob('*')
                   if p.is_dir() and p.name[-5:].isdigit() and not p.name.startswith('Attachment')
                   and not p.name.startswith('Folder') and 'Attachments' not in p.parts)
    subprocess.run(['pffexport', '-q', '-m', 'all', '-t', str(target), str(file)],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    parts = {part: pathlib.Path(f'{target}.{part}') for part in ('export', 'orphans', 'recovered')}
    return {part: items(root) if root.exists() else 0 for part, root in parts.items()}


def main():
    files = {}
    for path in sorted(pathlib.Path(sys.argv[1]).glob('*.pst')):
        file = pypff.file()
        file.open(str(path))
        out = {'sha256': sha256(path.read_bytes()), 'folders': [], 'messages': []}
        with tempfile.TemporaryDirectory() as directory:
            target = pathlib.Path(directory) / 'out'
            out['pffexport'] = pffexport(path, target)
            walk(file.get_root_folder(), [], pathlib.Path(f'{target}.export'), out)
        out['messages'].sort(key=lambda m: m['id'])
        files[path.name] = out
    tools = {'libpff-python': pypff.get_version(),
             'pffexport': subprocess.run(['pffexport', '-V'], capture_output=True, text=True)
             .stdout.split('\n')[0].split()[-1]}
    target = pathlib.Path(__file__).parent.parent / 'testsuite/data/expected-pst.json'
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps({'tools': tools, 'files': files}, indent=1, ensure_ascii=False) + '\n')


main()
