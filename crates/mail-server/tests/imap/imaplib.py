# What Python's own client does with the server. Arguments: port, user, password.
import imaplib
import sys

port, user, password = sys.argv[1:]
MAIL = b"From: a@example.test\r\nSubject: hi\r\n\r\nHello\r\n"


def ok(answer):
    kind, data = answer
    assert kind == "OK", answer
    return data


m = imaplib.IMAP4("127.0.0.1", int(port))
try:
    m.login(user, "wrong")
    raise AssertionError("a wrong password was taken")
except imaplib.IMAP4.error:
    pass
ok(m.login(user, password))
ok(m.create("Work"))
assert any(b"Work" in line for line in ok(m.list()))
for n in range(3):
    ok(m.append("INBOX", r"(\Seen)" if n else None, None, MAIL))
assert ok(m.select("INBOX")) == [b"3"]
assert ok(m.search(None, "UNSEEN")) == [b"1"]
body = ok(m.fetch("1", "(RFC822)"))
assert body[0][1] == MAIL, body
assert ok(m.search(None, "UNSEEN")) == [b""]
ok(m.store("2", "+FLAGS", r"(\Deleted)"))
ok(m.copy("1", "Work"))
assert ok(m.expunge()) == [b"2"]
assert b"MESSAGES 1" in ok(m.status("Work", "(MESSAGES UNSEEN)"))[0]
ok(m.uid("MOVE", "3", "Work"))
assert ok(m.uid("SEARCH", "ALL")) == [b"1"]
ok(m.namespace())
ok(m.close())
ok(m.delete("Work"))
m.logout()
print("all well")
