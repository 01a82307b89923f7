"""A queue that is full lets its oldest messages go, or turns publishers away with a nack."""

import pika

from ferry import channel_refused, connect, depth, equal

connection = connect()
channel = connection.channel()
channel.confirm_delivery()


def bodies(queue):
    found = []
    while (got := channel.basic_get(queue, auto_ack=True))[0] is not None:
        found.append(got[2])
    return found


channel.queue_declare("oldest", durable=True, arguments={"x-max-length": 3})
for number in range(10):
    channel.basic_publish("", "oldest", b"%d" % number, pika.BasicProperties(delivery_mode=2))
equal(bodies("oldest"), [b"7", b"8", b"9"])

channel.queue_declare("bytes", arguments={"x-max-length-bytes": 10})
for body in (b"aaaa", b"bbbb", b"cccc"):
    channel.basic_publish("", "bytes", body)
equal(bodies("bytes"), [b"bbbb", b"cccc"])

arguments = {"x-max-length": 2, "x-overflow": "reject-publish"}
channel.queue_declare("full", durable=True, arguments=arguments)
outcomes = []
for number in range(4):
    try:
        channel.basic_publish("", "full", b"%d" % number, pika.BasicProperties(delivery_mode=2))
        outcomes.append("ack")
    except pika.exceptions.NackError:
        outcomes.append("nack")
equal(outcomes, ["ack", "ack", "nack", "nack"])
equal(bodies("full"), [b"0", b"1"])
channel.basic_publish("", "full", b"room again")
equal(depth(channel, "full"), 1)

for name, value, why in [
    ("x-max-length", -1, "{value_negative,-1}"),
    ("x-max-length-bytes", "1", '"expected integer, got longstr"'),
    ("x-overflow", "foo", "invalid_overflow"),
]:
    channel = connection.channel()
    with channel_refused(406, f"invalid arg '{name}' for queue 'q' in vhost '/': {why}"):
        channel.queue_declare("q", arguments={name: value})
