"""Messages and queues with a time to live go by themselves, and wrong times are refused."""

import time

import pika

from ferry import PATIENCE_S, channel_refused, connect, depth, equal, take

connection = connect()
channel = connection.channel()
channel.confirm_delivery()


def until(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        connection.sleep(0.02)


def publish(queue, body, **properties):
    properties = pika.BasicProperties(**properties)
    channel.basic_publish("", queue, body, properties, mandatory=True)


# Nobody asks for them, and still they go.
channel.queue_declare("ttl", durable=True, arguments={"x-message-ttl": 200})
for number in range(100):
    publish("ttl", b"%d" % number, delivery_mode=2)
until(lambda: depth(channel, "ttl") == 0)

# A consumer in time gets them.
channel.queue_declare("hour", arguments={"x-message-ttl": 3600_000})
publish("hour", b"in time")
equal([body for _, _, body in take(channel, "hour", 1)], [b"in time"])
channel.cancel()

# The time of each message counts at the head of the queue; the properties come as they were.
channel.queue_declare("own")
publish("own", b"long", expiration="3600000")
publish("own", b"short", expiration="1")
connection.sleep(0.1)
equal(depth(channel, "own"), 2)
method, properties, body = channel.basic_get("own", auto_ack=True)
equal((body, properties.expiration), (b"long", "3600000"))
equal(channel.basic_get("own", auto_ack=True)[0], None)

# A queue goes when nobody uses it. Looking at it would be a use.
channel.queue_declare("unused", arguments={"x-expires": 100})
connection.sleep(1)
with channel_refused(404, "no queue 'unused' in vhost '/'"):
    channel.queue_declare("unused", passive=True)

for name, value, why in [
    ("x-message-ttl", "60", '"expected integer, got longstr"'),
    ("x-message-ttl", -1, "{value_negative,-1}"),
    ("x-expires", 0, "{value_zero,0}"),
]:
    channel = connection.channel()
    with channel_refused(406, f"invalid arg '{name}' for queue 'q' in vhost '/': {why}"):
        channel.queue_declare("q", arguments={name: value})
channel = connection.channel()
with channel_refused(406, "inequivalent arg 'x-message-ttl'"):
    channel.queue_declare("ttl", durable=True, arguments={"x-message-ttl": 201})
channel = connection.channel()
channel.confirm_delivery()
with channel_refused(406, "invalid expiration 'soon': no_integer"):
    publish("hour", b"", expiration="soon")
