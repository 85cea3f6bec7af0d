"""Reads and sends with Python's own modules: without TLS, by the command for it, and with TLS at once."""

import imaplib
import poplib
import smtplib
import ssl
import sys

certificate, user, password = sys.argv[1:4]
pop, pops, imap, imaps, smtp, smtps = map(int, sys.argv[4:10])
host = "127.0.0.1"
trust = ssl.create_default_context(cafile=certificate)


def read_pop(client, secure):
    if secure == "command":
        assert "STLS" in client.capa()
        client.stls(context=trust)
    assert ("STLS" in client.capa()) == (secure == "")
    client.user(user)
    client.pass_(password)
    count, total = client.stat()
    sizes = [int(line.split()[1]) for line in client.list()[1]]
    assert len(sizes) == count and sum(sizes) == total
    for number, size in enumerate(sizes, 1):
        _, lines, octets = client.retr(number)
        assert sum(len(line) + 2 for line in lines) == size, (lines, size)
    assert client.retr(2)[1][-3:] == [b".", b"..dots", b"From the end"]
    assert client.top(2, 1)[1][-1] == b"."
    assert len({line.split()[1] for line in client.uidl()[1]}) == count
    client.dele(1)
    client.rset()
    client.quit()


def read_imap(client, secure):
    if secure == "command":
        assert "STARTTLS" in client.capabilities
        client.starttls(trust)
    assert ("STARTTLS" in client.capabilities) == (secure == "")
    client.login(user, password)
    assert client.select("INBOX")[0] == "OK"
    kind, data = client.uid("FETCH", "2", "(BODY.PEEK[TEXT])")
    assert kind == "OK" and data[0][1] == b".\r\n..dots\r\nFrom the end\r\n", data
    client.logout()


def send(client, secure):
    client.ehlo()
    if secure == "command":
        assert client.has_extn("starttls")
        client.starttls(context=trust)
        client.ehlo()
    assert client.has_extn("starttls") == (secure == "")
    client.login(user, password)
    client.sendmail(user, [user], f"From: {user}\r\nSubject: by smtplib\r\n\r\n.dot\r\n")
    client.quit()


for secure in ("", "command"):
    read_pop(poplib.POP3(host, pop, timeout=60), secure)
    read_imap(imaplib.IMAP4(host, imap, timeout=60), secure)
    send(smtplib.SMTP(host, smtp, timeout=60), secure)
read_pop(poplib.POP3_SSL(host, pops, context=trust, timeout=60), "at once")
read_imap(imaplib.IMAP4_SSL(host, imaps, ssl_context=trust, timeout=60), "at once")
send(smtplib.SMTP_SSL(host, smtps, context=trust, timeout=60), "at once")
print("all well")
