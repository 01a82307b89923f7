"""Publishes and consumes while the node that serves is killed, knowing the addresses of both.

failover.py URI URI CONTROL

Numbered persistent messages are published to the durable queue "failover", each once more until it
is confirmed, while a consumer takes and settles them. After the first third the control socket is
told to `kill` the node that serves. All numbers must reach the consumer, those that come for the
first time in order. Prints the longest time between two confirms, in milliseconds.
"""

import socket
import sys
import threading
import time

import pika
from pika.exceptions import AMQPError

QUEUE = "failover"
COUNT = 1500
DEADLINE = time.monotonic() + 90

#: What the client makes of a list: it tries one after the other, and begins anew after the last.
NODES = [pika.URLParameters(uri) for uri in sys.argv[1:3]]
for node in NODES:
    node.connection_attempts = 1
    node.socket_timeout = 2
NODES[-1].connection_attempts = 100
NODES[-1].retry_delay = 0.1


def command(word):
    host, port = sys.argv[3].rsplit(":", 1)
    with socket.create_connection((host, int(port))) as control:
        control.sendall(word.encode() + b"\n")
        assert control.makefile().readline() == "done\n"


def through_failures(work):
    """Calls `work` with a channel, and with another one when its connection breaks."""
    while True:
        assert time.monotonic() < DEADLINE, f"{work.__name__} does not get on"
        try:
            channel = pika.BlockingConnection(NODES).channel()
            channel.queue_declare(QUEUE, durable=True)
            return work(channel)
        except (AMQPError, OSError):
            continue


confirmed = 0
longest = 0.0


def publish(channel):
    global confirmed, longest
    channel.confirm_delivery()
    last = time.monotonic()
    if confirmed:
        last = publish.last
    while confirmed < COUNT:
        body = b"%d" % confirmed
        channel.basic_publish("", QUEUE, body, pika.BasicProperties(delivery_mode=2))
        now = time.monotonic()
        longest = max(longest, now - last)
        last = publish.last = now
        confirmed += 1
        if confirmed == COUNT // 3:
            command("kill")


seen = set()


def consume(channel):
    channel.basic_qos(prefetch_count=50)
    for method, _, body in channel.consume(QUEUE, inactivity_timeout=1):
        assert time.monotonic() < DEADLINE, f"{len(seen)} of {COUNT} came"
        if method is not None:
            number = int(body)
            first = number not in seen
            assert not first or number == len(seen), f"{number} came as number {len(seen)}"
            seen.add(number)
            channel.basic_ack(method.delivery_tag)
        if len(seen) == COUNT:
            return


consumer = threading.Thread(target=through_failures, args=[consume])
consumer.start()
through_failures(publish)
consumer.join()
assert seen == set(range(COUNT)), f"{len(seen)} of {COUNT} came"
print(round(longest * 1000))
