"""Every property and every type of header comes out exactly as it went in."""

import datetime
import decimal

import pika

from ferry import equal, open_channel

WHEN = datetime.datetime(2024, 2, 29, 12, 30, 45, tzinfo=datetime.timezone.utc)

HEADERS = {
    "true": True,
    "false": False,
    "zero": 0,
    "int32": -(2**31),
    "int64": 2**62,
    "negative int64": -(2**62),
    "decimal": decimal.Decimal("12.345"),
    "text": "grüße, 世界 🚢",
    "empty": "",
    "long text": "x" * 5_000,
    "bytes": b"\x00\xff\xce",
    "null": None,
    "when": WHEN,
    "list": [1, "two", [3, {"four": [True, None]}], {}],
    "table": {"a": {"b": {"c": "deep"}}, "": "empty key"},
    "k" * 128: "a long key",
}

PROPERTIES = {
    "content_type": "application/json",
    "content_encoding": "gzip",
    "headers": HEADERS,
    "delivery_mode": 1,
    "priority": 255,
    "correlation_id": "c-1",
    "reply_to": "amq.somewhere",
    "expiration": "60000",
    "message_id": "m" * 255,
    "timestamp": 1_700_000_000,
    "type": "order.created",
    "user_id": "guest",
    "app_id": "acceptance",
    "cluster_id": "c",
}

channel = open_channel()
channel.queue_declare("q")


def round_trip(properties):
    channel.basic_publish("", "q", b"", properties)
    _, received, _ = channel.basic_get("q", auto_ack=True)
    return received


received = round_trip(pika.BasicProperties(**PROPERTIES))
for name, expected in HEADERS.items():
    equal((name, received.headers[name]), (name, expected))
for name, expected in PROPERTIES.items():
    equal((name, getattr(received, name)), (name, expected))

# Nothing is added to a message that says nothing.
received = round_trip(pika.BasicProperties())
for name in PROPERTIES:
    equal((name, getattr(received, name)), (name, None))

# Each property alone, so that no flag hides behind another.
for name, value in PROPERTIES.items():
    received = round_trip(pika.BasicProperties(**{name: value}))
    present = {key: getattr(received, key) for key in PROPERTIES}
    equal({key: value for key, value in present.items() if value is not None}, {name: value})
