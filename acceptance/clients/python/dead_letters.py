"""Messages that are rejected, expire or are too many go on, and tell where they died."""

import datetime
import time

import pika

from ferry import PATIENCE_S, channel_refused, connect, equal

connection = connect()
channel = connection.channel()
channel.confirm_delivery()


def arrival(queue):
    """The next message of the queue, once it is there."""
    deadline = time.monotonic() + PATIENCE_S
    while (got := channel.basic_get(queue, auto_ack=True))[0] is None:
        assert time.monotonic() < deadline, f"nothing came to {queue}"
        connection.sleep(0.02)
    return got


def reject(queue):
    method, _, _ = channel.basic_get(queue)
    channel.basic_reject(method.delivery_tag, requeue=False)


channel.exchange_declare("dlx", "fanout")
channel.queue_declare("dead", durable=True)
channel.queue_bind("dead", "dlx")
channel.queue_declare("src", durable=True, arguments={"x-dead-letter-exchange": "dlx"})

# It expires, and keeps its key and its further keys.
sent = pika.BasicProperties(
    delivery_mode=2, expiration="50", message_id="m", headers={"h": 1, "CC": ["copy"]}
)
channel.basic_publish("", "src", b"body", sent)
method, properties, body = arrival("dead")
equal((method.exchange, method.routing_key, body), ("dlx", "src", b"body"))
equal((properties.expiration, properties.message_id, properties.delivery_mode), (None, "m", 2))
headers = properties.headers
(death,) = headers.pop("x-death")
age = datetime.datetime.now(datetime.timezone.utc) - death.pop("time")
assert abs(age.total_seconds()) < 60 + PATIENCE_S, age
equal(
    death,
    {
        "count": 1,
        "reason": "expired",
        "queue": "src",
        "exchange": "",
        "routing-keys": ["src", "copy"],
        "original-expiration": "50",
    },
)
told = {"exchange": "", "queue": "src", "reason": "expired"}
for what, value in told.items():
    equal(headers.pop(f"x-first-death-{what}"), value)
    equal(headers.pop(f"x-last-death-{what}"), value)
equal(headers, {"h": 1, "CC": ["copy"]})

# Rejected twice with a key of its own: counted, and the latest death comes first.
arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
channel.queue_declare("again", arguments=arguments)
for count in (1, 2):
    channel.basic_publish("", "again", body, properties)
    reject("again")
    method, properties, body = arrival("dead")
    equal((method.exchange, method.routing_key), ("", "dead"))
    latest = properties.headers["x-death"][0]
    equal((latest["count"], latest["reason"], latest["queue"]), (count, "rejected", "again"))
assert "CC" not in properties.headers

# The retry of many applications: rejected to a queue that waits, back to the first, any number of
# times. Without a rejection a message would go round once.
channel.queue_declare(
    "work", arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "wait"}
)
channel.queue_declare(
    "wait",
    arguments={
        "x-message-ttl": 20,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": "work",
    },
)
channel.basic_publish("", "work", b"try")
for attempt in range(5):
    deadline = time.monotonic() + PATIENCE_S
    while (got := channel.basic_get("work"))[0] is None:
        assert time.monotonic() < deadline, "it did not come back"
        connection.sleep(0.02)
    method, properties, _ = got
    deaths = (properties.headers or {}).get("x-death", [])
    equal([death["count"] for death in deaths], [attempt] * 2 if attempt else [])
    channel.basic_reject(method.delivery_tag, requeue=False)

# Too many, from the head and before they come.
channel.queue_declare("few", arguments={"x-max-length": 1, **arguments})
for name in (b"old", b"new"):
    channel.basic_publish("", "few", name)
_, properties, body = arrival("dead")
equal((body, properties.headers["x-first-death-reason"]), (b"old", "maxlen"))
overflow = {"x-max-length": 1, "x-overflow": "reject-publish-dlx"}
channel.queue_declare("full", arguments={**overflow, **arguments})
channel.basic_publish("", "full", b"in")
try:
    channel.basic_publish("", "full", b"out")
    raise AssertionError("not refused")
except pika.exceptions.NackError:
    pass
_, properties, body = arrival("dead")
equal((body, properties.headers["x-death"][0]["reason"]), (b"out", "maxlen"))

# Nowhere to go.
channel.queue_declare("lost", arguments={"x-dead-letter-exchange": "no such exchange"})
channel.basic_publish("", "lost", b"")
reject("lost")

for wrong, words in [
    ({"x-dead-letter-routing-key": "k"}, "routing_key_but_no_dlx_defined"),
    ({"x-dead-letter-exchange": 1}, "invalid type 'signedint' for arg 'x-dead-letter-exchange'"),
]:
    channel = connection.channel()
    with channel_refused(406, words):
        channel.queue_declare("q", arguments=wrong)
