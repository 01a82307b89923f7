"""Frames that cost the connection: which code, at which level."""

import struct

from pika.spec import Basic, Channel, Confirm, Connection, Exchange, Queue, Tx

from peer import BODY, CONTENT_HEADER, HEARTBEAT, METHOD, frame, method_frame
from steps import call, consume, count, named, publish, queue, raw


def bytes_of(class_id, method_id, arguments=b"", channel=1):
    return frame(METHOD, channel, struct.pack(">HH", class_id, method_id) + arguments)


PUBLISH = method_frame(1, Basic.Publish(0, "", "q"))


def header(size, class_id=60, flags=0, weight=0, channel=1, properties=b""):
    fixed = struct.pack(">HHQH", class_id, weight, size, flags)
    return frame(CONTENT_HEADER, channel, fixed + properties)


def table(content):
    """A content header with this table of headers."""
    return PUBLISH + header(0, flags=0x2000, properties=struct.pack(">I", len(content)) + content)


def faults(cases):
    """Each on a connection of its own, unless the broker puts up with the one before."""
    return [named(name, raw(data)) for name, data in cases.items()]


SCENARIOS = {
    "frames": faults(
        {
            "without its end": frame(METHOD, 1, b"")[:-1] + b"\0",
            "of an unknown type": frame(77, 1, b"?"),
            "of type 0": frame(0, 1, b"?"),
            "larger than agreed": struct.pack(">BHI", METHOD, 1, 131073) + bytes(131073) + b"\xce",
            "of just what was agreed": frame(BODY, 1, bytes(131064)),
            "a heartbeat": frame(HEARTBEAT, 0, b""),
            "a heartbeat on a channel": frame(HEARTBEAT, 1, b""),
            "a heartbeat with a payload": frame(HEARTBEAT, 0, b"x"),
            "an empty method": frame(METHOD, 1, b""),
            "half a method": frame(METHOD, 1, b"\0\x32"),
        }
    ),
    "methods": faults(
        {
            "an unknown class": bytes_of(99, 10),
            "an unknown method": bytes_of(50, 99),
            "cut short": bytes_of(50, 10, b"\0"),
            "too long": frame(METHOD, 1, b"\0\x32\0\x0a\0\0\x01q\0\0\0\0\0more"),
            "a name longer than its frame": bytes_of(50, 10, b"\0\0\xc8q"),
            "a table longer than its frame": bytes_of(50, 10, b"\0\0\x01q\0\xff\xff\xff\xff"),
            "a name that is not UTF-8": bytes_of(50, 10, b"\0\0\x02\xc3\x28\0\0\0\0\0"),
            "a table value of unknown type": bytes_of(50, 10, b"\0\0\x01q\0\0\0\0\x04\x01hQ\0"),
        }
    ),
    "content": [
        queue(),
        *faults(
            {
                "a body without its header": PUBLISH + frame(BODY, 1, b"m"),
                "a header without its method": header(1),
                "a body nobody announced": frame(BODY, 1, b"m"),
                "a method in place of a header": PUBLISH + PUBLISH,
                "a method in place of a body": PUBLISH + header(5) + PUBLISH,
                "more body than announced": PUBLISH + header(2) + frame(BODY, 1, b"four"),
                "an empty body frame": PUBLISH + header(1) + frame(BODY, 1, b"") + frame(BODY, 1, b"m"),
                "a body for none": PUBLISH + header(0) + frame(BODY, 1, b"m"),
                "a header of another class": PUBLISH + header(1, class_id=50),
                "a header with a weight": PUBLISH + header(0, weight=7),
                "a header cut short": PUBLISH + frame(CONTENT_HEADER, 1, b"\0\x3c\0\0\0"),
                "content on channel 0": header(1, channel=0),
                "a body that is too large": PUBLISH + header(2**63 - 1),
                "a body of 16 EiB": PUBLISH + header(2**64 - 1),
            }
        ),
        count(),
    ],
    "properties": [
        queue(),
        *faults(
            {
                "cut short": PUBLISH + header(0, flags=0x8000, properties=b"\x09x"),
                "announced and missing": PUBLISH + header(0, flags=0x8000),
                "behind the last": PUBLISH + header(0, properties=b"more"),
                "flags that go on": PUBLISH + header(0, flags=1, properties=b"\0\0"),
                "an unknown flag": PUBLISH + header(0, flags=2),
                "not UTF-8": PUBLISH + header(0, flags=0x8000, properties=b"\x02\xc3\x28"),
                "a value of unknown type": table(b"\x01hQ\0"),
                "a table longer than its frame": PUBLISH
                + header(0, flags=0x2000, properties=b"\xff\xff\xff\xff"),
                "a name longer than its table": table(b"\xffh"),
                "a value longer than its table": table(b"\x01hS\0\0\0\xff"),
                "a name without a value": table(b"\x01h"),
                "a name twice": table(b"\x01ht\0\x01ht\x01"),
            }
        ),
        count(),
    ],
    "wrong places": [
        call(Queue.Declare(queue="q"), 0, wait=("connection.close",)),
        call(Channel.Open(), 0, wait=("connection.close",)),
        call(Basic.Ack(1), 0, wait=("connection.close",)),
        named("a channel never opened", call(Queue.Declare(queue="q"), 7, bare=True)),
        named("content on a channel never opened", raw(header(1, channel=7), ("connection.close",), probe=False)),
        named("a close of a channel never opened", call(Channel.Close(200, "bye", 0, 0), 7, bare=True)),
        named("a channel opened twice", call(Channel.Open(), bare=True)),
        call(Connection.Open("/"), 1),
        call(Connection.Close(200, "bye", 0, 0), 1),
        named(
            "content on a closed channel",
            raw(
                method_frame(1, Channel.Close(200, "bye", 0, 0)) + header(1),
                ("channel.close-ok", "connection.close"),
                probe=False,
            ),
        ),
    ],
    "what only brokers send": [
        named(f"{class_id}.{method_id}", raw(bytes_of(class_id, method_id, arguments)))
        for class_id, method_id, arguments in [
            (20, 11, bytes(4)),
            (20, 21, b"\1"),
            (20, 41, b""),
            (30, 11, bytes(2)),
            (40, 11, b""),
            (50, 11, b"\x01q" + bytes(8)),
            (60, 11, b""),
            (60, 31, b"\x01t"),
            (60, 60, b"\x01t" + bytes(11)),
            (60, 72, b"\0"),
            (85, 11, b""),
            (90, 11, b""),
        ]
    ],
    "what is not implemented": [
        queue(),
        publish("q", immediate=True),
        call(Basic.Qos(prefetch_size=10)),
        call(Channel.Flow(False)),
        call(Basic.Recover(False)),
        call(Basic.RecoverAsync(False)),
    ],
    "what is hardly used": [
        raw(bytes_of(30, 10, b"\x01/\x1f"), ("access.request-ok",)),
        call(Exchange.Bind(destination="amq.fanout", source="amq.direct", nowait=True)),
        call(Exchange.Unbind(destination="amq.fanout", source="amq.direct", nowait=True)),
        call(Channel.Close(200, "done", 0, 0)),
    ],
    "modes of a channel": [
        call(Tx.Select()),
        named("confirms after transactions", call(Confirm.Select())),
        call(Confirm.Select()),
        named("transactions after confirms", call(Tx.Select())),
        named("a commit of none", call(Tx.Commit())),
        named("a rollback of none", call(Tx.Rollback())),
    ],
    "a consumer tag used twice": [queue(), consume(), consume()],
}
