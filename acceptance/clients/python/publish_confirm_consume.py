"""A persistent message is confirmed, delivered once, acknowledged and gone."""

import pika

from ferry import depth, equal, open_channel, take

channel = open_channel()
channel.queue_declare("work", durable=True)
channel.confirm_delivery()
for number in range(100):
    channel.basic_publish(
        "",
        "work",
        b"message %d" % number,
        pika.BasicProperties(delivery_mode=2, message_id=str(number)),
        mandatory=True,
    )
equal(depth(channel, "work"), 100)
for number, (method, properties, body) in enumerate(take(channel, "work", 100)):
    equal(body, b"message %d" % number)
    equal(properties.message_id, str(number))
    equal(properties.delivery_mode, 2)
    equal(method.redelivered, False)
    equal((method.exchange, method.routing_key), ("", "work"))
    channel.basic_ack(method.delivery_tag)
channel.cancel()
equal(depth(channel, "work"), 0)
