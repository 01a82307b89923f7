"""Who is served: consumers of higher priority first, or one alone; and who brings back too often."""

import pika

from ferry import PATIENCE_S, channel_refused, connect, equal, take

connection = connect()
channel = connection.channel()
served = []


def consume(queue, name, on=None, **settings):
    def on_message(on_channel, method, properties, body):
        served.append((name, body))
        on_channel.basic_ack(method.delivery_tag)

    return (on or channel).basic_consume(queue, on_message, **settings)


def serve(count):
    """Lets consumers work until they have been served so often."""
    for _ in range(int(PATIENCE_S / 0.05)):
        if len(served) >= count:
            break
        connection.process_data_events(0.05)
    result, served[:] = list(served), []
    return result


channel.queue_declare("ranked")
consume("ranked", "low")
consume("ranked", "high", arguments={"x-priority": 10})
for _ in range(3):
    channel.basic_publish("", "ranked", b"")
equal(serve(3), [("high", b"")] * 3)

channel.queue_declare("single", arguments={"x-single-active-consumer": True})
first = consume("single", "first")
consume("single", "second")
for number in range(3):
    channel.basic_publish("", "single", b"%d" % number)
equal([name for name, _ in serve(3)], ["first"] * 3)
channel.basic_cancel(first)
channel.basic_publish("", "single", b"")
equal(serve(1), [("second", b"")])
other = connection.channel()
with channel_refused(403, "in exclusive use"):
    other.basic_consume("single", lambda *_: None, exclusive=True)

# A message that comes back more often than the limit goes on, and says how often it came back.
channel = connection.channel()
channel.queue_declare("poison")
channel.queue_declare(
    "work",
    durable=True,
    arguments={
        "x-queue-type": "quorum",
        "x-delivery-limit": 2,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": "poison",
    },
)
channel.basic_publish("", "work", b"bad", pika.BasicProperties(headers={"h": "v"}))
for count in range(3):
    method, properties, body = channel.basic_get("work")
    headers = {"h": "v"} if count == 0 else {"h": "v", "x-delivery-count": count}
    equal((body, properties.headers, method.redelivered), (b"bad", headers, count > 0))
    channel.basic_nack(method.delivery_tag, requeue=True)
(dead,) = take(channel, "poison", 1)
equal(dead[1].headers["x-death"][0]["reason"], "delivery_limit")
equal(dead[2], b"bad")
channel.cancel()

channel = connection.channel()
with channel_refused(406, "invalid arg 'x-delivery-limit'"):
    channel.queue_declare("q", arguments={"x-delivery-limit": 3})
