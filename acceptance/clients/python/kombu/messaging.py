"""kombu: declared entities, producers with retry, consumers, simple queues and broadcast."""

import socket
import sys

from kombu import Connection, Consumer, Exchange, Queue, binding
from kombu.common import Broadcast, maybe_declare

PATIENCE_S = 30


def equal(actual, expected):
    assert actual == expected, f"\nactual:   {actual!r:.500}\nexpected: {expected!r:.500}"


def drain(connection, inbox, count):
    while len(inbox) < count:
        connection.drain_events(timeout=PATIENCE_S)
    result, inbox[:] = list(inbox), []
    return result


def entities(connection):
    """Queues with bindings to several exchanges; compressed and plain messages."""
    events = Exchange("kombu.events", "topic", durable=False, auto_delete=True)
    tasks = Exchange("kombu.tasks", "direct", durable=True)
    queue = Queue(
        "kombu.inbox",
        bindings=[binding(events, "user.#"), binding(tasks, "tasks")],
        max_priority=5,
        expires=60,
        message_ttl=60,
        durable=True,
    )
    inbox = []

    def on_message(body, message):
        inbox.append((body, message.delivery_info["routing_key"], message.headers.get("h")))
        message.ack()

    with Consumer(connection, [queue], callbacks=[on_message], prefetch_count=1):
        producer = connection.Producer()
        producer.publish(
            {"a": [1, None]},
            exchange=events,
            routing_key="user.new",
            serializer="json",
            compression="gzip",
            headers={"h": 2**40},
        )
        # Apart, for the second has the higher priority.
        equal(drain(connection, inbox, 1), [({"a": [1, None]}, "user.new", 2**40)])
        producer.publish("plain", exchange=tasks, routing_key="tasks", priority=3, expiration=30)
        equal(drain(connection, inbox, 1), [("plain", "tasks", None)])


def retried(connection):
    """A producer whose connection is cut publishes over a new one."""
    queue = Queue("kombu.retried", durable=True)
    producer = connection.Producer()
    maybe_declare(queue, producer.channel)
    connection.connection.transport.sock.shutdown(socket.SHUT_RDWR)
    policy = {"max_retries": 5, "interval_start": 0, "interval_step": 0.1}
    producer.publish("kept", routing_key=queue.name, declare=[queue], retry=True, retry_policy=policy)
    with connection.SimpleQueue(queue) as simple:
        message = simple.get(timeout=PATIENCE_S)
        equal(message.payload, "kept")
        message.ack()
        equal(simple.qsize(), 0)


def broadcast(connection):
    """Every consumer of a broadcast queue gets a copy."""
    inbox = []

    def on_message(body, message):
        inbox.append(body)

    queues = [Broadcast("kombu.everyone"), Broadcast("kombu.everyone")]
    channels = [connection.channel() for _ in queues]
    for channel, queue in zip(channels, queues):
        Consumer(channel, [queue], callbacks=[on_message], no_ack=True).consume()
    exchange = Exchange("kombu.everyone", "fanout")
    connection.Producer().publish("hello", exchange=exchange)
    equal(drain(connection, inbox, 2), ["hello", "hello"])


with Connection(sys.argv[1], transport_options={"confirm_publish": True}) as connection:
    entities(connection)
    retried(connection)
    broadcast(connection)
