"""py-amqp without kombu: confirms, returns, get, cancel, headers and refusals."""

import socket
import sys
import urllib.parse

import amqp
from amqp import exceptions

PATIENCE_S = 30

uri = urllib.parse.urlsplit(sys.argv[1])


def connect():
    connection = amqp.Connection(
        host=f"{uri.hostname}:{uri.port}",
        userid="guest",
        password="guest",
        confirm_publish=True,
        read_timeout=PATIENCE_S,
        write_timeout=PATIENCE_S,
    )
    connection.connect()
    return connection


def equal(actual, expected):
    assert actual == expected, f"\nactual:   {actual!r:.500}\nexpected: {expected!r:.500}"


def refused(error, word, action):
    channel = connection.channel()
    try:
        action(channel)
    except error as raised:
        assert word in str(raised), f"{word!r} is not in {raised!r}"
    else:
        raise AssertionError(f"not refused; expected {error}")


connection = connect()
channel = connection.channel()

# Published with confirms, got one by one with the count of those behind.
channel.queue_declare("bare", exclusive=True, auto_delete=False)
for number in range(3):
    channel.basic_publish(amqp.Message(f"{number}"), routing_key="bare")
for number in range(3):
    message = channel.basic_get("bare")
    equal((message.body, message.delivery_info["message_count"]), (f"{number}", 2 - number))
    channel.basic_ack(message.delivery_tag)
equal(channel.basic_get("bare"), None)

# Large, and with headers of every type that this client writes.
headers = {
    "text": "grüße 🚢",
    "number": 7,
    "big": 2**40,
    "half": 0.5,
    "flag": True,
    "nothing": None,
    "list": [1, "two", {"three": [3.5]}],
    "table": {"nested": {"deeper": False}},
}
body = b"\xce\x00" * (1024 * 1024)
channel.basic_publish(
    amqp.Message(body, application_headers=headers, delivery_mode=2, priority=4, message_id="m"),
    routing_key="bare",
)
message = channel.basic_get("bare", no_ack=True)
equal(message.body, body)
equal(message.properties.pop("application_headers"), headers)
equal(message.properties, {"delivery_mode": 2, "priority": 4, "message_id": "m"})

# Deliveries are held back by the prefetch count, and come again after a nack.
for number in range(3):
    channel.basic_publish(amqp.Message(f"{number}"), routing_key="bare")
channel.basic_qos(0, 2, False)
inbox = []
tag = channel.basic_consume("bare", callback=inbox.append)
while len(inbox) < 2:
    connection.drain_events(timeout=PATIENCE_S)
equal(channel.queue_declare("bare", passive=True).message_count, 1)
channel.basic_reject(inbox[0].delivery_tag, requeue=True)
while len(inbox) < 3:
    connection.drain_events(timeout=PATIENCE_S)
equal((inbox[2].body, inbox[2].delivery_info["redelivered"]), ("0", True))
channel.basic_cancel(tag)
channel.basic_recover(requeue=True)
equal(channel.queue_purge("bare"), 3)

# Returned.
returned = []
channel.events["basic_return"].add(lambda *told: returned.append(told))
channel.basic_publish(amqp.Message("lost"), routing_key="nowhere", mandatory=True)
while not returned:
    connection.drain_events(timeout=PATIENCE_S)
error, exchange, key, message = returned[0]
equal((error.reply_code, exchange, key, message.body), (312, "", "nowhere", "lost"))

# A queue that is full refuses.
arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
channel.queue_declare("full", exclusive=True, arguments=arguments)
channel.basic_publish(amqp.Message("in"), routing_key="full")
try:
    channel.basic_publish(amqp.Message("out"), routing_key="full")
    raise AssertionError("not refused")
except exceptions.MessageNacked:
    pass

# Mistakes cost the channel, not the connection.
refused(exceptions.NotFound, "no queue 'missing'", lambda c: c.queue_declare("missing", passive=True))
refused(exceptions.NotFound, "no exchange 'missing'", lambda c: c.queue_bind("bare", "missing"))
refused(
    exceptions.PreconditionFailed,
    "inequivalent arg 'type'",
    lambda c: c.exchange_declare("amq.topic", "direct", durable=True, auto_delete=False),
)
refused(exceptions.AccessRefused, "amq.", lambda c: c.queue_declare("amq.mine"))
other = connect()
try:
    other.channel().queue_declare("bare", passive=True)
    raise AssertionError("another's exclusive queue was declared")
except exceptions.ResourceLocked as raised:
    assert "exclusive access" in str(raised), raised
other.close()

# A cut connection is noticed, and what was not settled comes to the next one.
channel.queue_declare("kept", durable=True, auto_delete=False)
channel.basic_publish(amqp.Message("again", delivery_mode=2), routing_key="kept")
channel.basic_get("kept")
connection.transport.sock.shutdown(socket.SHUT_RDWR)
try:
    connection.drain_events(timeout=PATIENCE_S)
    raise AssertionError("the cut was not noticed")
except (OSError, exceptions.RecoverableConnectionError):
    pass
connection.collect()
connection = connect()
channel = connection.channel()
inbox = []
channel.basic_consume("kept", callback=inbox.append, no_ack=True)
while not inbox:
    connection.drain_events(timeout=PATIENCE_S)
equal((inbox[0].body, inbox[0].delivery_info["redelivered"]), ("again", True))
connection.close()
