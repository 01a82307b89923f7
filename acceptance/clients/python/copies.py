"""`CC` and `BCC` add routing keys; each queue gets one copy, and nobody sees `BCC`."""

import pika

from ferry import channel_refused, connect, depth, equal

connection = connect()
channel = connection.channel()
for queue in ["to", "cc", "bcc", "all"]:
    channel.queue_declare(queue)
    channel.queue_bind(queue, "amq.direct", queue)
for key in ["to", "cc", "bcc"]:
    channel.queue_bind("all", "amq.direct", key)

for exchange, queues in {"": ["to", "cc", "bcc"], "amq.direct": ["to", "cc", "bcc", "all"]}.items():
    headers = {"CC": ["cc", "to"], "BCC": ["bcc"], "kept": 1}
    channel.basic_publish(exchange, "to", b"x", pika.BasicProperties(headers=headers))
    for queue in queues:
        method, properties, _ = channel.basic_get(queue, auto_ack=True)
        equal(method.routing_key, "to")
        equal(properties.headers, {"CC": ["cc", "to"], "kept": 1})
        equal(depth(channel, queue), 0)

with channel_refused(406, "CC"):
    wrong = pika.BasicProperties(headers={"CC": "not a list"})
    channel.basic_publish("", "to", b"x", wrong)
    channel.queue_declare("", exclusive=True)
connection.close()
