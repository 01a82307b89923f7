"""A stream keeps its messages: many read it, each from where it wants, and again."""

import time

import pika

from ferry import PATIENCE_S, channel_refused, connect, depth, equal

connection = connect()
publisher = connection.channel()
publisher.queue_declare("s", durable=True, arguments={"x-queue-type": "stream"})
publisher.confirm_delivery()
for number in range(100):
    # Transient ones are kept as well.
    mode = 1 + number % 2
    properties = pika.BasicProperties(delivery_mode=mode, headers={"n": number})
    publisher.basic_publish("", "s", b"%d" % number, properties, mandatory=True)
equal(depth(publisher, "s"), 100)


def read(start, count, prefetch=10):
    """Offsets of the next deliveries of a new consumer, each acknowledged."""
    channel = connection.channel()
    channel.basic_qos(prefetch_count=prefetch)
    offsets = []

    def on_message(channel, method, properties, body):
        if len(offsets) < count:
            offset = properties.headers["x-stream-offset"]
            equal((properties.headers["n"], int(body)), (offset, offset))
            offsets.append(offset)
            channel.basic_ack(method.delivery_tag)

    arguments = {} if start is None else {"x-stream-offset": start}
    channel.basic_consume("s", on_message, arguments=arguments)
    if start in (None, "next"):
        properties = pika.BasicProperties(headers={"n": 100})
        publisher.basic_publish("", "s", b"100", properties)
    end = time.monotonic() + PATIENCE_S
    while len(offsets) < count and time.monotonic() < end:
        connection.process_data_events(0.1)
    channel.close()
    return offsets


equal(read("first", 100), list(range(100)))
equal(read("first", 100, prefetch=1), list(range(100)))
equal(read(40, 60), list(range(40, 100)))
equal(read("last", 1), [99])
equal(read("1h", 100), list(range(100)))
equal(read(None, 1), [100])
equal(depth(publisher, "s"), 101)

# Refused in the known way.
with channel_refused(406, "prefetch"):
    connection.channel().basic_consume("s", lambda *_: None)
with channel_refused(406, "x-max-priority"):
    arguments = {"x-queue-type": "stream", "x-max-priority": 3}
    connection.channel().queue_declare("other", durable=True, arguments=arguments)
with channel_refused(406, "non-durable"):
    connection.channel().queue_declare("other", arguments={"x-queue-type": "stream"})
for attempt in [
    lambda channel: channel.basic_get("s"),
    lambda channel: channel.queue_purge("s"),
]:
    try:
        attempt(connect().channel())
    except pika.exceptions.ConnectionClosedByBroker as closed:
        equal(closed.reply_code, 540)
    else:
        raise AssertionError("not refused")

# The oldest go when there is too much.
arguments = {"x-queue-type": "stream", "x-max-length-bytes": 10_000, "x-max-age": "7D"}
publisher.queue_declare("short", durable=True, arguments=arguments)
for _ in range(100):
    publisher.basic_publish("", "short", bytes(1000))
end = time.monotonic() + PATIENCE_S
while depth(publisher, "short") > 9 and time.monotonic() < end:
    time.sleep(0.01)
equal(depth(publisher, "short"), 9)
