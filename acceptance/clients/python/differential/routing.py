"""Which queues a message reaches."""

from pika.spec import Exchange, Queue

from steps import RETURNED, bind, call, count, exchange, get, named, publish, queue
from tables import Typed


def matches(rule, *headers):
    """Which messages a header binding takes: the count after each."""
    steps = [exchange("e", "headers"), queue(), bind(arguments=rule)]
    for table in headers:
        steps += [publish("", exchange="e", headers=table), named(f"with {table}", count())]
    return steps


def topics(pattern, *keys):
    steps = [exchange("e", "topic"), queue(), bind(key=pattern)]
    for key in keys:
        steps += [publish(key, exchange="e"), named(f"after {key!r}", count())]
    return steps


ANYWHERE = True
SCENARIOS = {
    "copies": [
        queue("q"),
        queue("cc"),
        queue("bcc"),
        publish("q", headers={"CC": ["cc"], "BCC": ["bcc"], "h": 1}),
        get("q"),
        get("cc"),
        get("bcc"),
        publish("q", headers={"BCC": ["bcc"]}),
        get("q"),
        publish("nowhere", headers={"CC": ["nowhere else"]}, mandatory=True, wait=RETURNED),
        publish("nowhere", headers={"BCC": ["nowhere else"]}, mandatory=True, wait=RETURNED),
    ],
    "one copy for each queue": [
        exchange("e", "topic"),
        queue(),
        bind(key="a.*"),
        bind(key="*.b"),
        publish("a.b", exchange="e", headers={"CC": ["a.b", "a.c"]}),
        count(),
    ],
    "the alternate exchange": [
        exchange("other", "fanout"),
        exchange("e", "direct", {"alternate-exchange": "other"}),
        publish("k", exchange="e", mandatory=True, wait=RETURNED),
        queue(),
        bind("q", "other"),
        publish("k", exchange="e", mandatory=True),
        get(),
    ],
    "an alternate exchange that is missing": [
        exchange("e", "direct", {"alternate-exchange": "missing"}),
        publish("k", exchange="e", mandatory=True, wait=RETURNED),
        publish("k", exchange="e"),
    ],
    "alternate exchanges in a circle": [
        exchange("e", "direct", {"alternate-exchange": "f"}),
        exchange("f", "direct", {"alternate-exchange": "e"}),
        publish("k", exchange="e", mandatory=True, wait=RETURNED),
    ],
    "an alternate exchange behind another": [
        exchange("f", "direct", {"alternate-exchange": "amq.fanout"}),
        exchange("e", "fanout"),
        call(Exchange.Bind(destination="f", source="e")),
        queue(),
        bind("q", "amq.fanout"),
        publish("k", exchange="e"),
        count(),
    ],
    "exchanges in a circle": [
        exchange("e", "topic"),
        exchange("f", "topic"),
        call(Exchange.Bind(destination="f", source="e", routing_key="#")),
        call(Exchange.Bind(destination="e", source="f", routing_key="#")),
        queue(),
        bind(key="k"),
        publish("k", exchange="f"),
        count(),
        call(Exchange.Unbind(destination="e", source="f", routing_key="#")),
        publish("k", exchange="f"),
        count(),
        call(Exchange.Bind(destination="e", source="e", routing_key="#")),
        publish("k", exchange="e"),
        count(),
    ],
    "bound twice": [
        exchange("e", "direct"),
        queue(),
        bind(key="k"),
        bind(key="k"),
        bind(key="k", arguments={"a": 1}),
        publish("k", exchange="e"),
        count(),
        call(Queue.Unbind(queue="q", exchange="e", routing_key="k")),
        publish("k", exchange="e"),
        count(),
        call(Queue.Unbind(queue="q", exchange="e", routing_key="k", arguments={"a": 1})),
        publish("k", exchange="e"),
        count(),
    ],
    "an exchange gone with its last binding": [
        exchange("e", "fanout", auto_delete=True),
        queue(),
        bind(),
        call(Queue.Unbind(queue="q", exchange="e")),
        exchange("e", "fanout", passive=True),
        exchange("e", "fanout", auto_delete=True),
        bind(),
        call(Queue.Delete(queue="q")),
        exchange("e", "fanout", passive=True),
    ],
    "a deleted exchange leaves its queues": [
        exchange("e", "fanout"),
        queue(),
        bind(),
        call(Exchange.Delete(exchange="e")),
        exchange("e", "fanout"),
        publish("", exchange="e", mandatory=True, wait=RETURNED),
    ],
    "one of a ring": [
        exchange("ring", "x-consistent-hash"),
        publish("k", exchange="ring", mandatory=True, wait=RETURNED),
        queue(),
        bind("q", "ring", "1"),
        publish("any key", exchange="ring", mandatory=True),
        count(),
        exchange("by header", "x-consistent-hash", {"hash-header": "h"}),
        bind("q", "by header", "3"),
        publish("", exchange="by header", headers={"h": "x"}),
        publish("", exchange="by header"),
        count(),
    ],
    "to one end of a ring each, whatever the weights": [
        exchange("ring", "x-consistent-hash"),
        exchange("light", "fanout"),
        exchange("heavy", "fanout"),
        queue(),
        bind("q", "light"),
        bind("q", "heavy"),
        call(Exchange.Bind(destination="light", source="ring", routing_key="1")),
        call(Exchange.Bind(destination="heavy", source="ring", routing_key="20")),
        *(publish(f"key {number}", exchange="ring") for number in range(20)),
        count(),
        call(Exchange.Unbind(destination="light", source="ring", routing_key="1")),
        *(publish(f"key {number}", exchange="ring") for number in range(20)),
        count(),
    ],
    **{
        f"topic {pattern!r}": topics(pattern, *keys)
        for pattern, keys in {
            "#": ["", "a", "a.b.c", "."],
            "*": ["", "a", "a.b", "."],
            "a.#": ["a", "a.", "a.b.c", "b.a", "ab"],
            "#.b": ["b", "a.b", "a.a.b", "a.b.a"],
            "a.*.#": ["a", "a.b", "a.b.c", "a."],
            "*.#.*": ["a", "a.b", "a.b.c", "."],
            "#.#": ["", "a", "a.b"],
            "#.*.#": ["", "a", "a.b"],
            "": ["", "a", "."],
            "a..b": ["a..b", "a.b", "a.c.b"],
            "a*": ["a*", "ab"],
            "A": ["a", "A"],
        }.items()
    },
    "headers: all": matches(
        {"x-match": "all", "a": 1, "b": "x"},
        {"a": 1, "b": "x"},
        {"a": 1, "b": "x", "c": 3},
        {"a": 1},
        {"a": "1", "b": "x"},
        {"a": Typed("l", 1), "b": "x"},
        {"a": Typed("d", 1.0), "b": "x"},
        None,
    ),
    "headers: any": matches({"x-match": "any", "a": 1, "b": "x"}, {"a": 1}, {"a": 2}, {"b": "x"}, {}),
    "headers: there, whatever it is": matches({"a": None}, {"a": 1}, {"a": None}, {"b": 1}),
    "headers: those of the broker": matches(
        {"x-match": "all", "x-a": 1}, {"x-a": 2}, {"x-a": 1}, None
    ),
    "headers: all, with those of the broker": matches(
        {"x-match": "all-with-x", "x-a": 1}, {"x-a": 2}, {"x-a": 1}, None
    ),
    "headers: any, with those of the broker": matches(
        {"x-match": "any-with-x", "x-a": 1, "b": 1}, {"x-a": 2}, {"x-a": 1}, {"b": 1}, None
    ),
    "headers: any of none": matches({"x-match": "any"}, {"a": 1}, None),
    "headers: all of none": matches({}, {"a": 1}, None),
    "headers: of other types": matches(
        {"bool": True, "list": [1], "table": {"a": 1}},
        {"bool": True, "list": [1], "table": {"a": 1}},
        {"bool": True, "list": [2], "table": {"a": 1}},
        {"bool": "true", "list": [1], "table": {"a": 1}},
    ),
    "headers: text and bytes": matches({"a": "x"}, {"a": Typed("x", b"x")}, {"a": "x"}),
}
