"""A consistent hash exchange sends every key the same way, by the weights of its bindings."""

import pika

from ferry import connect, equal

connection = connect()
channel = connection.channel()


def collect(queue):
    """Everything in the queue."""
    bodies = []
    while (body := channel.basic_get(queue, auto_ack=True)[2]) is not None:
        bodies.append(body)
    return bodies


def shares(exchange, send):
    """What each queue gets of a thousand messages with 500 keys, after its weights are checked."""
    for queue, weight in {"light": "1", "heavy": "3"}.items():
        channel.queue_declare(queue)
        channel.queue_bind(queue, exchange, weight)
    for number in range(1000):
        send(b"%d" % (number % 500))
    light, heavy = collect("light"), collect("heavy")
    equal(len(light) + len(heavy), 1000)
    equal(set(light) & set(heavy), set())
    assert 0 < len(light) < len(heavy), f"{len(light)} and {len(heavy)}"


channel.exchange_declare("by-key", "x-consistent-hash")
shares("by-key", lambda body: channel.basic_publish("by-key", body.decode(), body))

by_header = {"hash-header": "customer"}
channel.exchange_declare("by-header", "x-consistent-hash", arguments=by_header)
shares(
    "by-header",
    lambda body: channel.basic_publish(
        "by-header", "same", body, pika.BasicProperties(headers={"customer": body.decode()})
    ),
)

by_property = {"hash-property": "message_id"}
channel.exchange_declare("by-property", "x-consistent-hash", arguments=by_property)
shares(
    "by-property",
    lambda body: channel.basic_publish(
        "by-property", "same", body, pika.BasicProperties(message_id=body.decode())
    ),
)
connection.close()
