"""Messages of higher priority come first, those of one priority in their order."""

import pika

from ferry import channel_refused, connect, equal, take

connection = connect()
channel = connection.channel()
channel.confirm_delivery()
channel.queue_declare("q", durable=True, arguments={"x-max-priority": 5})
sent = [(b"a", 0), (b"b", 3), (b"c", 5), (b"d", 3), (b"e", 255), (b"f", None)]
for body, priority in sent:
    properties = pika.BasicProperties(priority=priority, delivery_mode=2)
    channel.basic_publish("", "q", body, properties)
deliveries = take(channel, "q", len(sent))
equal([body for _, _, body in deliveries], [b"c", b"e", b"b", b"d", b"a", b"f"])
equal(deliveries[1][1].priority, 255)

for value, why in [(-1, "{value_negative,-1}"), (256, "{max_value_exceeded,256}")]:
    channel = connection.channel()
    with channel_refused(406, f"invalid arg 'x-max-priority' for queue 'r' in vhost '/': {why}"):
        channel.queue_declare("r", arguments={"x-max-priority": value})
channel = connection.channel()
with channel_refused(406, "invalid arg 'x-max-priority'"):
    arguments = {"x-queue-type": "quorum", "x-max-priority": 5}
    channel.queue_declare("r", durable=True, arguments=arguments)
