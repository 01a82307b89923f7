"""A mandatory message that no queue takes comes back whole; others vanish, confirmed."""

import pika

from ferry import connect, equal

connection = connect()
channel = connection.channel()
channel.exchange_declare("empty", "direct")

channel.confirm_delivery()
try:
    channel.basic_publish(
        "empty", "key", b"body", pika.BasicProperties(message_id="m"), mandatory=True
    )
    raise AssertionError("an unroutable mandatory message was accepted")
except pika.exceptions.UnroutableError as unroutable:
    (message,) = unroutable.messages
    equal((message.method.reply_code, message.method.reply_text), (312, "NO_ROUTE"))
    equal((message.method.exchange, message.method.routing_key), ("empty", "key"))
    equal((message.properties.message_id, message.body), ("m", b"body"))

# Without the flag it is dropped and confirmed all the same.
channel.basic_publish("empty", "key", b"body")

# Without confirms the return comes too.
returned = []
plain = connection.channel()
plain.add_on_return_callback(lambda _c, method, _p, body: returned.append((method, body)))
plain.basic_publish("empty", "key", b"other", mandatory=True)
plain.queue_declare("", exclusive=True)
connection.process_data_events(0)
equal([body for _, body in returned], [b"other"])
