"""Dead letters: where they go, and the headers that tell of it."""

from pika.spec import Basic, Queue

from steps import (
    ACK, arrival, bind, call, confirms, count, counted, exchange, get, publish, queue,
)  # fmt: skip

DLX = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
QUORUM = {"x-queue-type": "quorum"}


def dies(arguments, *steps):
    """A queue whose dead go to another, what kills there, and what arrives."""
    return [queue("dead"), queue("q", arguments={**DLX, **arguments}), *steps, arrival("dead")]


def quorum(arguments, *steps):
    return [
        queue("dead"),
        queue("q", durable=True, arguments={**QUORUM, **DLX, **arguments}),
        confirms(),
        *steps,
        arrival("dead"),
    ]


ANYWHERE = True
SCENARIOS = {
    "died: rejected": dies(
        {}, publish("q", headers={"h": 1}, delivery_mode=2), get(no_ack=False), call(Basic.Reject(1, False))
    ),
    "died: nacked, several": [
        *dies(
            {},
            publish("q", b"1"),
            publish("q", b"2"),
            get(no_ack=False),
            get(no_ack=False),
            call(Basic.Nack(2, True, False)),
        ),
        arrival("dead"),
    ],
    "died: expired in the queue": dies({"x-message-ttl": 20}, publish("q")),
    "died: expired of its own": dies({}, publish("q", expiration="20")),
    "died: expired at once": dies({"x-message-ttl": 0}, publish("q", expiration="5")),
    "died: too many": dies({"x-max-length": 1}, publish("q", b"old"), publish("q", b"new")),
    "died: too many bytes": dies({"x-max-length-bytes": 5}, publish("q", b"1234"), publish("q", b"56")),
    "died: turned away": dies(
        {"x-max-length": 1, "x-overflow": "reject-publish-dlx"},
        confirms(),
        publish("q", b"in", wait=ACK),
        publish("q", b"out", wait=ACK),
    ),
    "died: turned away for good": [
        queue("dead"),
        queue("q", arguments={**DLX, "x-max-length": 1, "x-overflow": "reject-publish"}),
        confirms(),
        publish("q", b"in", wait=ACK),
        publish("q", b"out", wait=ACK),
        count("dead"),
    ],
    "died twice": [
        queue("dead"),
        queue("second", arguments={**DLX, "x-message-ttl": 20}),
        queue("q", arguments={"x-dead-letter-exchange": "amq.direct", "x-message-ttl": 20}),
        bind("second", "amq.direct", "q"),
        publish("q"),
        arrival("dead"),
    ],
    "died of two causes": [
        queue("dead", arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "q"}),
        queue("q", arguments={**DLX}),
        publish("q", expiration="10"),
        arrival("dead", no_ack=False),
        call(Basic.Reject(1, False)),
        arrival("q", no_ack=False),
        call(Basic.Reject(2, False)),
        arrival("dead", no_ack=False),
        call(Basic.Reject(3, False)),
        arrival("q"),
    ],
    "died with copies": [
        queue("dead"),
        exchange("dlx", "fanout"),
        bind("dead", "dlx"),
        queue("q", arguments={"x-dead-letter-exchange": "dlx", "x-message-ttl": 20}),
        publish("q", headers={"CC": ["a", "b"], "BCC": ["c"]}),
        arrival("dead"),
    ],
    "died with copies and another key": dies(
        {"x-message-ttl": 20}, publish("q", headers={"CC": ["a", "dead"], "BCC": ["c"]})
    ),
    "died with copies that are routed": [
        queue("dead"),
        queue("q", arguments={"x-dead-letter-exchange": "amq.direct", "x-message-ttl": 20}),
        bind("dead", "amq.direct", "copy"),
        publish("q", headers={"CC": ["copy"]}),
        arrival("dead"),
    ],
    "died again and again": [
        queue("q", arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "q"}),
        publish("q"),
        get(no_ack=False),
        call(Basic.Reject(1, False)),
        arrival("q", no_ack=False),
        call(Basic.Reject(2, False)),
        arrival("q", no_ack=False),
    ],
    "expired in a circle": [
        queue("q", arguments={"x-dead-letter-exchange": "", "x-message-ttl": 20}),
        publish("q"),
        counted(0),
        queue("dead"),
        queue("wait", arguments={**DLX, "x-message-ttl": 100}),
        publish("wait"),
        arrival("dead"),
        count(),
    ],
    "expired in a circle of two": [
        queue("q", arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "r", "x-message-ttl": 10}),
        queue("r", arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "q", "x-message-ttl": 10}),
        publish("q"),
        counted(0, "q"),
        counted(0, "r"),
    ],
    "nowhere to go": [
        queue("q", arguments={"x-dead-letter-exchange": "missing"}),
        publish("q"),
        get(no_ack=False),
        call(Basic.Reject(1, False)),
        count(),
    ],
    "no routing key": [
        queue("dead"),
        queue("q", arguments={"x-dead-letter-exchange": "amq.topic"}),
        bind("dead", "amq.topic", "a.#"),
        exchange("e", "direct"),
        bind("q", "e", "a.b"),
        publish("a.b", exchange="e"),
        get(no_ack=False),
        call(Basic.Reject(1, False)),
        arrival("dead"),
    ],
    "headers that look like a death": dies(
        {},
        publish("q", headers={"x-death": "text", "x-first-death-queue": "mine"}),
        get(no_ack=False),
        call(Basic.Reject(1, False)),
    ),
    "purged and deleted, which is no death": [
        queue("dead"),
        queue("q", arguments=DLX),
        publish("q"),
        call(Queue.Purge(queue="q")),
        publish("q"),
        call(Queue.Delete(queue="q")),
        count("dead"),
    ],
    "counted returns": [
        queue("q", durable=True, arguments=QUORUM),
        confirms(),
        publish("q", wait=ACK),
        get(no_ack=False),
        call(Basic.Nack(1, False, True)),
        arrival("q", no_ack=False),
        call(Basic.Nack(2, False, True)),
        arrival("q", no_ack=False),
    ],
    "died: returned too often": quorum(
        {"x-delivery-limit": 1},
        publish("q", wait=ACK),
        get(no_ack=False),
        call(Basic.Nack(1, False, True)),
        arrival("q", no_ack=False),
        call(Basic.Nack(2, False, True)),
    ),
    "died: rejected by a quorum queue's reader": quorum(
        {}, publish("q", wait=ACK), get(no_ack=False), call(Basic.Reject(1, False))
    ),
    "died: expired in a quorum queue": quorum({"x-message-ttl": 20}, publish("q", wait=ACK)),
    "died: too many in a quorum queue": quorum(
        {"x-max-length": 1}, publish("q", b"1", wait=ACK), publish("q", b"2", wait=ACK)
    ),
}
