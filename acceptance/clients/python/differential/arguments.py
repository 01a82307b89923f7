"""Arguments of queues, exchanges and bindings, right and wrong."""

from pika.spec import Queue

from peer import show
from steps import bind, call, count, exchange, get, named, publish, queue
from tables import Typed

DLX = "x-dead-letter-exchange"

#: Each is declared as the argument of a queue of its own.
CLASSIC = [
    {"x-message-ttl": 0},
    {"x-message-ttl": -1},
    {"x-message-ttl": "5"},
    {"x-message-ttl": 2**32 - 1},
    {"x-message-ttl": 2**32},
    {"x-message-ttl": 2**62},
    {"x-message-ttl": Typed("d", 1.5)},
    {"x-message-ttl": None},
    {"x-expires": 0},
    {"x-expires": -1},
    {"x-expires": 60000},
    {"x-expires": "60000"},
    {"x-expires": 2**40},
    {"x-max-length": 0},
    {"x-max-length": -1},
    {"x-max-length": "1"},
    {"x-max-length": Typed("b", 5)},
    {"x-max-length-bytes": 100},
    {"x-max-length-bytes": -100},
    {"x-overflow": "drop-head"},
    {"x-overflow": "reject-publish"},
    {"x-overflow": "reject-publish-dlx"},
    {"x-overflow": "explode"},
    {"x-overflow": 1},
    {DLX: "later"},
    {DLX: 1},
    {DLX: "", "x-dead-letter-routing-key": "k"},
    {DLX: "", "x-dead-letter-routing-key": 1},
    {"x-dead-letter-routing-key": "k"},
    {"x-dead-letter-strategy": "at-most-once"},
    {"x-dead-letter-strategy": "never"},
    {"x-max-priority": 0},
    {"x-max-priority": 10},
    {"x-max-priority": 255},
    {"x-max-priority": 256},
    {"x-max-priority": -1},
    {"x-max-priority": "10"},
    {"x-single-active-consumer": True},
    {"x-single-active-consumer": False},
    {"x-single-active-consumer": "yes"},
    {"x-queue-mode": "lazy"},
    {"x-queue-mode": "default"},
    {"x-queue-mode": "brisk"},
    {"x-queue-mode": 1},
    {"x-queue-version": 1},
    {"x-queue-version": 2},
    {"x-queue-version": 7},
    {"x-queue-type": "classic"},
    {"x-queue-type": "unheard-of"},
    {"x-queue-type": 1},
    {"x-queue-master-locator": "client-local"},
    {"x-queue-leader-locator": "client-local"},
    {"x-delivery-limit": 3},
    {"x-own": "anything"},
    {"x-own": {"nested": [1, None]}},
    {"own": None},
]

QUORUM = [
    ({}, {"durable": True}),
    ({}, {"durable": False}),
    ({}, {"durable": True, "exclusive": True}),
    ({}, {"durable": True, "auto_delete": True}),
    ({"x-delivery-limit": 3}, {"durable": True}),
    ({"x-delivery-limit": -2}, {"durable": True}),
    ({"x-delivery-limit": "3"}, {"durable": True}),
    ({"x-max-priority": 5}, {"durable": True}),
    ({"x-overflow": "reject-publish"}, {"durable": True}),
    ({"x-overflow": "reject-publish-dlx"}, {"durable": True}),
    ({"x-message-ttl": 60000}, {"durable": True}),
    ({"x-expires": 60000}, {"durable": True}),
    ({"x-single-active-consumer": True}, {"durable": True}),
    ({"x-queue-mode": "lazy"}, {"durable": True}),
    ({"x-dead-letter-strategy": "at-least-once"}, {"durable": True}),
    ({"x-quorum-initial-group-size": 1}, {"durable": True}),
    ({"x-max-in-memory-length": 5}, {"durable": True}),
]

#: A queue or exchange as it is, and what another declaration of it says instead.
FLAGS = [{"durable": True}, {"auto_delete": True}, {"exclusive": True}]
OF_QUEUES = {
    "x-message-ttl": (5, 6),
    "x-expires": (60000, 70000),
    "x-max-length": (1, 2),
    "x-max-length-bytes": (1, 2),
    "x-overflow": ("drop-head", "reject-publish"),
    DLX: ("a", "b"),
    "x-max-priority": (1, 2),
    "x-single-active-consumer": (True, False),
    "x-queue-mode": ("lazy", "default"),
    "x-own": (1, 2),
}


def title(arguments):
    return ", ".join(f"{name} {show(value)}" for name, value in arguments.items())


def declared(number, arguments, **flags):
    step = queue(f"q{number}", arguments=arguments, **flags)
    return named(title(arguments | flags) or "no arguments", step)


def declared_otherwise():
    """For each argument: declared with it, otherwise, without it, the same but of another width."""
    for number, (name, (value, other)) in enumerate(OF_QUEUES.items()):
        yield declared(number, {name: value})
        yield declared(number, {name: other})
        yield declared(number, {})
        yield declared(number, {name: value})
        if type(value) is int:
            yield declared(number, {name: Typed("s", value) if value < 2**15 else Typed("l", value)})


ANYWHERE = True
SCENARIOS = {
    "arguments of a queue": [
        declared(number, arguments) for number, arguments in enumerate(CLASSIC)
    ],
    "arguments of a quorum queue": [
        declared(number, {"x-queue-type": "quorum", **arguments}, **flags)
        for number, (arguments, flags) in enumerate(QUORUM)
    ],
    "a queue declared otherwise": [
        queue(durable=True),
        named("not durable", queue()),
        *(named(title(flags), queue(durable=True, **flags)) for flags in FLAGS[1:]),
        named("more arguments", queue(durable=True, arguments={"x-max-length": 1})),
        named("the same", queue(durable=True)),
        *declared_otherwise(),
    ],
    "a queue of another type": [
        queue(durable=True),
        named("its default said", queue(durable=True, arguments={"x-queue-type": "classic"})),
        named("another type", queue(durable=True, arguments={"x-queue-type": "quorum"})),
    ],
    "an exchange declared otherwise": [
        exchange("e", "direct"),
        named("type", exchange("e", "fanout")),
        named("durable", exchange("e", "direct", durable=True)),
        named("auto_delete", exchange("e", "direct", auto_delete=True)),
        named("internal", exchange("e", "direct", internal=True)),
        named("alternate", exchange("e", "direct", {"alternate-exchange": "x"})),
        named("an argument of its own", exchange("e", "direct", {"x-own": 1})),
        named("the same", exchange("e", "direct")),
        exchange("f", "fanout", {"alternate-exchange": "x"}),
        named("another alternate", exchange("f", "fanout", {"alternate-exchange": "y"})),
        named("no alternate", exchange("f", "fanout")),
    ],
    "types of exchanges": [
        named(repr(kind), exchange(f"e{number}", kind))
        for number, kind in enumerate(["headers", "x-consistent-hash", "", "unheard-of", "Direct"])
    ],
    "arguments of an exchange": [
        named(title(arguments), exchange(f"e{number}", kind, arguments))
        for number, (kind, arguments) in enumerate(
            [
                ("direct", {"alternate-exchange": 1}),
                ("direct", {"alternate-exchange": "e1"}),
                ("direct", {"own": [1]}),
                ("x-consistent-hash", {"hash-header": "h", "hash-property": "message_id"}),
                ("x-consistent-hash", {"hash-property": "weight"}),
                ("x-consistent-hash", {"hash-header": 1}),
            ]
        )
    ],
    "arguments of a header binding": [
        queue(),
        *(
            named(title(arguments), bind("q", "amq.headers", arguments=arguments))
            for arguments in [
                {"x-match": "all", "a": 1},
                {"x-match": "some", "a": 1},
                {"x-match": 1},
                {"x-match": "any-with-x", "x-a": "b"},
                {"x-match": "all-with-x", "x-a": "b"},
                {"a": {"nested": [1]}},
            ]
        ),
    ],
    "weights of a hash binding": [
        exchange("ring", "x-consistent-hash"),
        queue(),
        *(named(repr(key), bind("q", "ring", key)) for key in ("1", "0", "-1", "heavy", "")),
    ],
    "a name that the broker makes": [
        queue(""),
        call(Queue.Bind(exchange="amq.direct", routing_key="k")),
        publish("k", exchange="amq.direct"),
        get(""),
        call(Queue.Unbind(queue="", exchange="amq.direct", routing_key="k")),
        call(Queue.Purge()),
        call(Queue.Delete()),
    ],
    "an empty name, passively": [queue("", exclusive=True), queue("", passive=True)],
    "names": [
        named("255 bytes", queue("x" * 255)),
        named("no ASCII", exchange("ß" * 127, "direct")),
        named("spaces", queue(" a b ")),
        named("a line's end", queue("a\nb")),
        named("all signs", queue("/*#.%s~p{}'\"")),
    ],
    "declared passively with other flags": [
        queue(durable=True),
        queue(passive=True),
        exchange("amq.topic", "direct", passive=True),
        exchange("amq.topic", "unheard-of", passive=True),
        exchange("", "direct", passive=True),
    ],
    "without waiting": [
        call(Queue.Declare(queue="q", nowait=True)),
        call(Queue.Bind(queue="q", exchange="amq.direct", routing_key="k", nowait=True)),
        publish("k", exchange="amq.direct"),
        count(),
        call(Queue.Purge(queue="q", nowait=True)),
        count(),
        call(Queue.Delete(queue="q", nowait=True)),
        queue(passive=True),
        call(Queue.Declare(queue="q", passive=True, nowait=True)),
    ],
}
