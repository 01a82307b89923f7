"""A consumer holds no more unacknowledged deliveries than its prefetch allows."""

import time

from ferry import PATIENCE_S, connect, equal

connection = connect()
channel = connection.channel()
channel.queue_declare("q")
for number in range(10):
    channel.basic_publish("", "q", b"%d" % number)

seen = []
channel.basic_qos(prefetch_count=3)
channel.basic_consume("q", lambda _c, method, _p, body: seen.append((method, body)))


def settle_at(deliveries, expected, channel):
    """As many deliveries come as expected, and a round trip behind them brings no other."""
    end = time.monotonic() + PATIENCE_S
    while len(deliveries) < expected and time.monotonic() < end:
        connection.process_data_events(0.1)
    channel.queue_declare("q", passive=True)
    connection.process_data_events(0)
    equal(len(deliveries), expected)


settle_at(seen, 3, channel)
channel.basic_ack(seen[0][0].delivery_tag)
settle_at(seen, 4, channel)
channel.basic_ack(seen[3][0].delivery_tag, multiple=True)
settle_at(seen, 7, channel)
equal([int(body) for _, body in seen], list(range(7)))

# The limit of the whole channel holds over its consumers together.
shared = connection.channel()
for queue in ["a", "b"]:
    shared.queue_declare(queue)
    for number in range(5):
        shared.basic_publish("", queue, b"x")
shared.basic_qos(prefetch_count=4, global_qos=True)
together = []
for queue in ["a", "b"]:
    shared.basic_consume(queue, lambda _c, method, _p, _b: together.append(method))
settle_at(together, 4, shared)
shared.basic_ack(together[0].delivery_tag)
settle_at(together, 5, shared)

# No prefetch: everything at once.
free = connection.channel()
free.queue_declare("free")
for _ in range(50):
    free.basic_publish("", "free", b"x")
everything = []
free.basic_consume("free", lambda _c, method, _p, _b: everything.append(method), auto_ack=True)
settle_at(everything, 50, free)
