"""From the greeting to the open connection, and how it ends before that.

RabbitMQ takes some seconds to close a connection that is not open yet; so these scenarios, which
leave nothing behind, are played all at once.
"""

import struct

from pika.spec import Channel, Connection

from peer import HEADER
from steps import call, connect, raw

CLOSED = ("connection.close",)
GONE = ("end of stream",)
TELLS = {"authentication_failure_close": True}
GREETED = connect("a", open=False)


def start_ok(user="guest", password=None, mechanism="PLAIN", capabilities=TELLS, response=None):
    """`connection.start-ok`; who announces nothing is not told why it is refused."""
    properties = {"capabilities": capabilities, "product": "differential"}
    password = user if password is None else password
    response = f"\0{user}\0{password}" if response is None else response
    return Connection.StartOk(properties, mechanism, response, "en_US")


def login(wait=CLOSED, locale=None, **settings):
    method = start_ok(**settings)
    method.locale = locale or method.locale
    return call(method, 0, wait=wait)


def tune_ok(channel_max, frame_max, heartbeat, wait=()):
    return call(Connection.TuneOk(channel_max, frame_max, heartbeat), 0, wait=wait)


def open_host(name="/", wait=("connection.open-ok",)):
    return call(Connection.Open(name), 0, wait=wait)


TUNED = [GREETED, login(["connection.tune"])]
TUNE_OK = tune_ok(2047, 131072, 0)
OPENED = [*TUNED, TUNE_OK, open_host()]


def amqplain(*pairs):
    """A table without its length, as RabbitMQ's client writes it."""
    return b"".join(
        bytes([len(name)]) + name + b"S" + struct.pack(">I", len(value)) + value
        for name, value in pairs
    )


NAME, WORD = (b"LOGIN", b"guest"), (b"PASSWORD", b"guest")

#: Attempts to log in, each on a connection of its own, and what the broker does about it.
LOGINS = {
    "a wrong password": {"password": "no"},
    "a wrong password of who cannot be told": {"password": "no", "capabilities": {}, "wait": GONE},
    "no password": {"password": ""},
    "no such user": {"user": "nobody"},
    "an unknown mechanism": {"mechanism": "MAGIC"},
    "the mechanism in small letters": {"mechanism": "plain"},
    "an empty response": {"response": ""},
    "a response without zeros": {"response": "guest"},
    "a response with one zero": {"response": "\0guest"},
    "a response for somebody else": {"response": "boss\0guest\0guest"},
    "AMQPLAIN": {"mechanism": "AMQPLAIN", "response": amqplain(NAME, WORD), "wait": ["connection.tune"]},
    "AMQPLAIN without a password": {"mechanism": "AMQPLAIN", "response": amqplain(NAME)},
    "AMQPLAIN that is no table": {"mechanism": "AMQPLAIN", "response": b"\xffno"},
    "another locale": {"locale": "de_DE", "wait": ["connection.tune"]},
}

#: Answers to `connection.tune`, and whether the broker goes on.
TUNES = {
    "nothing limited further": (0, 0, 0),
    "what was offered": (2047, 131072, 60),
    "one channel": (1, 131072, 0),
    "more channels": (2048, 131072, 0),
    "all channels": (65535, 131072, 0),
    "larger frames": (2047, 131073, 0),
    "the largest frames": (2047, 2**32 - 1, 0),
    "frames of 8,192 bytes": (2047, 8192, 0),
    "frames of 4,096 bytes": (2047, 4096, 0),
    "frames of 4,095 bytes": (2047, 4095, 0),
    "frames of 1 byte": (2047, 1, 0),
    "the longest heartbeat": (2047, 131072, 65535),
}

#: What comes to a client that speaks another protocol; and to one that may be greeted.
TURNED_AWAY = ("protocol header", "end of stream")
ANSWERED = ("protocol header|connection.start",)

TOGETHER = True

SCENARIOS = {
    "what a broker says first": [
        connect("a", open=False, greet=False),
        raw(HEADER, ("connection.start",), probe=False),
        login(["connection.tune"]),
    ],
    **{
        f"another protocol: {name}": [
            connect("a", open=False, greet=False),
            raw(data, wait, probe=False),
        ]
        for name, (data, wait) in {
            "AMQP 1.0": (b"AMQP\x00\x01\x00\x00", TURNED_AWAY),
            # Who greets such a client waits for its answer then, and gives up at a time of its own.
            "AMQP 0-9": (b"AMQP\x01\x01\x00\x09", ANSWERED),
            "AMQP 0-8": (b"AMQP\x01\x01\x08\x00", ANSWERED),
            "HTTP": (b"GET / HTTP/1.1\r\n\r\n", TURNED_AWAY),
            "zeros": (bytes(8), TURNED_AWAY),
        }.items()
    },
    **{f"login: {name}": [GREETED, login(**settings)] for name, settings in LOGINS.items()},
    **{
        f"tuned to {name}": [*TUNED, tune_ok(*tune), open_host()]
        for name, tune in TUNES.items()
    },
    "no heartbeat comes": [
        *TUNED,
        tune_ok(2047, 131072, 1),
        open_host(),
        raw(b"", ("end of stream",), "silence", probe=False),
    ],
    **{
        f"virtual host {name}": [*TUNED, TUNE_OK, open_host(host, CLOSED)]
        for name, host in {"unknown": "nowhere", "without a name": "", "of 255 bytes": "x" * 255}.items()
    },
    "virtual host without a permission": [
        GREETED,
        login(["connection.tune"], user="limited"),
        TUNE_OK,
        open_host("/bounded", CLOSED),
    ],
    **{
        f"out of turn: {name}": steps
        for name, steps in {
            "tuned before login": [GREETED, tune_ok(2047, 131072, 0, CLOSED)],
            "opened before login": [GREETED, open_host("/", CLOSED)],
            "secured unasked": [GREETED, call(Connection.SecureOk("x"), 0, CLOSED)],
            "a channel before login": [GREETED, call(Channel.Open(), 1, CLOSED, bare=True)],
            "opened before tuned": [*TUNED, open_host("/", CLOSED)],
            "logged in twice": [*TUNED, login()],
            "tuned twice": [*TUNED, TUNE_OK, tune_ok(2047, 131072, 0, CLOSED)],
            "a channel before open": [*TUNED, TUNE_OK, call(Channel.Open(), 1, CLOSED, bare=True)],
            "tuned when open": [*OPENED, tune_ok(2047, 131072, 0, CLOSED)],
            "opened when open": [*OPENED, open_host("/", CLOSED)],
            "logged in when open": [*OPENED, login()],
            "the broker's own method": [*OPENED, call(Connection.Blocked("why"), 0, CLOSED)],
        }.items()
    },
    **{
        f"leaving {name}": [*steps, call(Connection.Close(200, "done", 0, 0), 0)]
        for name, steps in {
            "before login": [GREETED],
            "before tuning": TUNED,
            "before opening": [*TUNED, TUNE_OK],
            "when open": OPENED,
        }.items()
    },
    "a limit of channels": [
        *TUNED,
        tune_ok(10, 131072, 0),
        open_host(),
        call(Channel.Open(), 10),
        call(Channel.Open(), 11),
    ],
    "all channels of the broker": [*OPENED, call(Channel.Open(), 2047), call(Channel.Open(), 2048)],
}
