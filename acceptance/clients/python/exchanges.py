"""Headers exchanges, alternate, internal and auto-delete exchanges work as RabbitMQ documents."""

import pika

from ferry import channel_refused, connect, equal

connection = connect()
channel = connection.channel()
channel.confirm_delivery()


def publish(exchange, key="", **properties):
    channel.basic_publish(
        exchange, key, b"m", pika.BasicProperties(**properties), mandatory=True
    )


def collect(*queues):
    """Which of the queues hold how many messages; they are empty afterwards."""
    return [channel.queue_purge(queue).method.message_count for queue in queues]


# Headers: all or any of them, with the names that begin with x- or without.
channel.exchange_declare("h", "headers", durable=True)
RULES = {
    "all": {"format": "pdf", "pages": 3},
    "any": {"x-match": "any", "format": "pdf", "pages": 3},
    "exists": {"format": None},
    "all-x": {"x-match": "all-with-x", "x-kind": "a"},
    "any-x": {"x-match": "any-with-x", "x-kind": "a", "format": "doc"},
    "everything": {},
}
for name, rule in RULES.items():
    channel.queue_declare(name)
    channel.queue_bind(name, "h", "ignored", rule)
MESSAGES = [
    ({"format": "pdf", "pages": 3}, ["all", "any", "exists", "everything"]),
    ({"format": "pdf"}, ["any", "exists", "everything"]),
    ({"format": 3}, ["exists", "everything"]),
    ({"pages": 3, "x-kind": "a"}, ["any", "all-x", "any-x", "everything"]),
    ({"pages": "3"}, ["everything"]),
    ({}, ["everything"]),
]
for headers, expected in MESSAGES:
    publish("h", headers=headers)
    counts = dict(zip(RULES, collect(*RULES)))
    equal(counts, {name: int(name in expected) for name in RULES})
publish("h")
equal(sum(collect(*RULES)), 1)
channel.queue_unbind("everything", "h", "ignored", {})
try:
    publish("h", headers={"format": 7, "other": True})
    publish("h", headers={"other": True})
except pika.exceptions.UnroutableError as returned:
    equal(returned.messages[0].properties.headers, {"other": True})
else:
    raise AssertionError("a message that no binding wants was not returned")
for preset in ["amq.headers", "amq.match"]:
    channel.exchange_declare(preset, "headers", durable=True)
    channel.queue_bind("any", preset, arguments={"a": 1})
    publish(preset, headers={"a": 1, "b": 2})
equal(collect("any"), [2])

# Alternate: what an exchange finds no way for, mandatory or not, goes there.
channel.exchange_declare("spare", "fanout", internal=True)
channel.exchange_declare("first", "direct", arguments={"alternate-exchange": "spare"})
channel.queue_declare("known")
channel.queue_declare("rest")
channel.queue_bind("known", "first", "known")
channel.queue_bind("rest", "spare")
publish("first", "known")
publish("first", "other")
equal(collect("known", "rest"), [1, 1])

# Auto-delete: an exchange goes with the last of its bindings, not before it had one.
channel.exchange_declare("brief", "topic", auto_delete=True)
channel.exchange_declare("brief", passive=True)
channel.queue_bind("known", "brief", "#")
channel.exchange_bind("first", "brief", "a")
channel.queue_unbind("known", "brief", "#")
channel.exchange_declare("brief", passive=True)
channel.exchange_unbind("first", "brief", "a")


def on_channel(code, word, action):
    with channel_refused(code, word):
        action(connection.channel())


on_channel(404, "brief", lambda c: c.exchange_declare("brief", passive=True))
on_channel(403, "spare", lambda c: c.basic_publish("spare", "", b"") or c.basic_qos())
on_channel(406, "x-match", lambda c: c.queue_bind("any", "h", "", {"x-match": "none"}))
on_channel(406, "x-match", lambda c: c.queue_bind("any", "h", "", {"x-match": 1}))
on_channel(
    406,
    "alternate-exchange",
    lambda c: c.exchange_declare("first", "direct", arguments={"alternate-exchange": "other"}),
)
on_channel(
    406,
    "alternate-exchange",
    lambda c: c.exchange_declare("odd", "direct", arguments={"alternate-exchange": 1}),
)
