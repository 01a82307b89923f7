"""Open connections: limits that were agreed, limits of users and virtual hosts."""

from pika.spec import Basic, Channel, Connection, Queue

from steps import call, connect, consume, count, get, leave, publish, queue
from handshake import start_ok

SCENARIOS = {
    "frames as small as agreed": [
        connect("a", tune=(2047, 8192, 0)),
        queue(),
        publish("q", bytes(8184)),
        get(),
        connect("b"),
        publish("q", bytes(20_000), on="b"),
        get(),
        consume(no_ack=True),
        publish("q", bytes(8185), on="b"),
        count(wait=("basic.deliver", "queue.declare-ok"), unordered=True),
    ],
    "a new secret": [
        call(Connection.UpdateSecret("another", "it expires"), 0),
        queue(),
    ],
    "who takes no cancels": [
        connect("a", capabilities={}),
        queue(),
        consume(),
        connect("b"),
        call(Queue.Delete(queue="q"), on="b"),
        call(Basic.Cancel(consumer_tag="t")),
    ],
    "no more connections of a user": [
        connect("a", user="bounded"),
        connect("c", open=False),
        call(start_ok("bounded"), 0, wait=("connection.tune|connection.close",), on="c"),
        call(Connection.TuneOk(2047, 131072, 0), 0, on="c"),
        call(Connection.Open("/"), 0, on="c"),
        leave("a"),
    ],
    "no more channels of a user": [
        connect("a", user="bounded"),
        call(Channel.Open(), 2, bare=True),
        call(Channel.Open(), 3, bare=True),
    ],
    "no more connections of a virtual host": [
        connect("a", host="/bounded"),
        connect("c", open=False),
        call(start_ok(), 0, wait=("connection.tune",), on="c"),
        call(Connection.TuneOk(2047, 131072, 0), 0, on="c"),
        call(Connection.Open("/bounded"), 0, on="c"),
    ],
    "no more queues of a virtual host": [
        connect("a", host="/bounded"),
        queue("one", exclusive=True),
        queue("two", exclusive=True),
        queue("one", exclusive=True),
        queue("two", passive=True),
    ],
}
