"""Publishes COUNT persistent messages of 1 KiB, each confirmed, and ends when all are.

publish_many.py URI QUEUE COUNT
"""

import sys

import pika

from ferry import PATIENCE_S

queue, count = sys.argv[2], int(sys.argv[3])
PADDING = b"." * 1024
#: Published ahead of the confirms.
WINDOW = 2_000


class Publisher:
    """An asynchronous publisher that keeps a window of unconfirmed messages."""

    def __init__(self):
        parameters = pika.URLParameters(sys.argv[1])
        parameters.blocked_connection_timeout = PATIENCE_S
        self.sent = self.confirmed = 0
        self.connection = pika.SelectConnection(parameters, on_open_callback=self.opened)

    def opened(self, connection):
        connection.channel(on_open_callback=self.channel_opened)

    def channel_opened(self, channel):
        self.channel = channel
        channel.confirm_delivery(self.settled, callback=lambda _: self.declare())

    def declare(self):
        self.channel.queue_declare(queue, durable=True, callback=lambda _: self.publish())

    def settled(self, frame):
        assert isinstance(frame.method, pika.spec.Basic.Ack), frame
        assert frame.method.delivery_tag <= self.sent, frame
        self.confirmed = max(self.confirmed, frame.method.delivery_tag)
        if self.confirmed == count:
            self.connection.close()
            self.connection.ioloop.stop()
        elif self.sent - self.confirmed < WINDOW // 2:
            self.publish()

    def publish(self):
        persistent = pika.BasicProperties(delivery_mode=2)
        while self.sent < count and self.sent - self.confirmed < WINDOW:
            body = (b"%08d" % self.sent + PADDING)[:1024]
            self.channel.basic_publish("", queue, body, persistent)
            self.sent += 1


publisher = Publisher()
publisher.connection.ioloop.start()
assert publisher.confirmed == count, f"{publisher.confirmed} of {count} confirmed"
