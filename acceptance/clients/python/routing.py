"""Direct, fanout and topic exchanges, and bindings between exchanges, route as documented."""

from ferry import channel_refused, connect, equal

connection = connect()
channel = connection.channel()


def collect(queue):
    """Everything in the queue."""
    bodies = []
    while True:
        _, _, body = channel.basic_get(queue, auto_ack=True)
        if body is None:
            return bodies
        bodies.append(body.decode())


# Direct: equal keys, and one copy for a queue however many of its bindings match.
channel.exchange_declare("d", "direct")
for queue, keys in {"one": ["a"], "two": ["a", "b", ""]}.items():
    channel.queue_declare(queue)
    for key in keys:
        channel.queue_bind(queue, "d", key)
for key in ["a", "b", "", "A", "a.b"]:
    channel.basic_publish("d", key, key)
equal(collect("one"), ["a"])
equal(collect("two"), ["a", "b", ""])
channel.queue_unbind("two", "d", "a")
channel.basic_publish("d", "a", "a")
equal((collect("one"), collect("two")), (["a"], []))

# Fanout: everything, whatever the key.
channel.exchange_declare("f", "fanout")
for queue in ["one", "two"]:
    channel.queue_bind(queue, "f", "ignored")
    channel.queue_bind(queue, "f", "ignored too")
channel.basic_publish("f", "x", "all")
equal((collect("one"), collect("two")), (["all"], ["all"]))

# Topic: `*` is one word, `#` is any number of them, none included.
TOPICS = [
    ("a.b", "a.b", True),
    ("a.b", "a.c", False),
    ("a.*", "a.b", True),
    ("a.*", "a", False),
    ("a.*", "a.b.c", False),
    ("a.#", "a", True),
    ("a.#", "a.b.c", True),
    ("#", "", True),
    ("#", "a.b.c", True),
    ("#.c", "a.b.c", True),
    ("#.c", "c", True),
    ("a.#.c", "a.c", True),
    ("a.#.c", "a.b.b.c", True),
    ("a.#.c", "a.b", False),
    ("*.*", "a.b", True),
    ("*", "", False),
    ("*.b", ".b", True),
    ("*.b", "b", False),
    ("#.#", "a", True),
    ("a*", "ab", False),
    ("a*", "a*", True),
    ("", "", True),
    ("", "a", False),
]
channel.exchange_declare("t", "topic")
channel.queue_declare("topics")
for pattern, key, matches in TOPICS:
    channel.queue_bind("topics", "t", pattern)
    channel.basic_publish("t", key, "m")
    equal((pattern, key, collect("topics") == ["m"]), (pattern, key, matches))
    channel.queue_unbind("topics", "t", pattern)

# Overlapping patterns still give one copy.
for pattern in ["a.*", "a.#", "#"]:
    channel.queue_bind("topics", "t", pattern)
channel.basic_publish("t", "a.b", "once")
equal(collect("topics"), ["once"])

# Exchange to exchange, through two hops, and cut again; a circle ends.
for name, kind in [("in", "topic"), ("middle", "fanout"), ("out", "direct")]:
    channel.exchange_declare(name, kind)
channel.exchange_bind("middle", "in", "orders.#")
channel.exchange_bind("out", "middle", "")
channel.exchange_bind("in", "out", "orders.new")
channel.queue_bind("one", "out", "orders.new")
channel.basic_publish("in", "orders.new", "far")
channel.basic_publish("in", "other", "lost")
equal(collect("one"), ["far"])
channel.exchange_unbind("out", "middle", "")
channel.basic_publish("in", "orders.new", "cut")
equal(collect("one"), [])

# The default exchange reaches every queue by name; it cannot be bound or published around.
channel.basic_publish("", "two", "direct")
equal(collect("two"), ["direct"])
for name in ["amq.direct", "amq.fanout", "amq.topic"]:
    channel.exchange_declare(name, passive=True)

# An internal exchange takes nothing from publishers, only from bindings.
channel.exchange_declare("inside", "fanout", internal=True)
channel.queue_bind("one", "inside", "")
channel.exchange_bind("inside", "d", "through")
channel.basic_publish("d", "through", "fed")
equal(collect("one"), ["fed"])
channel.basic_publish("inside", "", "refused")
with channel_refused(403, "inside"):
    channel.queue_declare("one", passive=True)
