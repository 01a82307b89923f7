"""Transactions: what waits for the commit, and what does not."""

from pika.spec import Basic, Channel, Tx

from steps import RETURNED, arrival, call, connect, consume, count, counted, get, named, publish, queue

BEGUN = [queue(), call(Tx.Select())]

ANYWHERE = True
SCENARIOS = {
    "published and committed": [
        *BEGUN,
        publish("q", b"1"),
        publish("q", b"2"),
        count(),
        call(Tx.Commit()),
        counted(2, on="b"),
        get(on="b"),
        call(Tx.Commit()),
    ],
    "published and rolled back": [*BEGUN, publish("q"), call(Tx.Rollback()), call(Tx.Commit()), count()],
    "selected twice": [*BEGUN, publish("q"), call(Tx.Select()), call(Tx.Commit()), counted(1)],
    "acknowledged and committed": [
        *BEGUN,
        publish("q", on="b"),
        get(no_ack=False),
        call(Basic.Ack(1)),
        named("before the commit", count()),
        call(Tx.Commit()),
        call(Channel.Close(200, "bye", 0, 0)),
        counted(0, on="b"),
    ],
    "acknowledged and rolled back": [
        *BEGUN,
        publish("q", on="b"),
        get(no_ack=False),
        call(Basic.Ack(1)),
        call(Tx.Rollback()),
        call(Basic.Ack(1)),
        call(Tx.Commit()),
        call(Channel.Close(200, "bye", 0, 0)),
        counted(0, on="b"),
    ],
    "acknowledged twice before the commit": [
        *BEGUN,
        publish("q", on="b"),
        get(no_ack=False),
        call(Basic.Ack(1)),
        call(Basic.Ack(1)),
    ],
    "rejected and committed": [
        *BEGUN,
        publish("q", on="b"),
        get(no_ack=False),
        call(Basic.Reject(1, True)),
        named("before the commit", count()),
        call(Tx.Commit()),
        arrival(on="b"),
    ],
    "returned at the commit": [
        call(Tx.Select()),
        publish("nowhere", mandatory=True),
        call(Tx.Commit(), wait=(*RETURNED, "tx.commit-ok")),
    ],
    "refused within a transaction": [
        *BEGUN,
        publish("q"),
        publish("k", exchange="missing"),
        named("the channel anew", count()),
        call(Tx.Commit()),
        call(Tx.Select()),
        call(Basic.Ack(7)),
    ],
    "left with the channel": [
        *BEGUN,
        publish("q"),
        call(Channel.Close(200, "bye", 0, 0)),
        count(),
    ],
    "consumed while it lasts": [
        *BEGUN,
        publish("q", on="b"),
        consume(wait=("basic.consume-ok", "basic.deliver")),
        call(Basic.Ack(1)),
        call(Basic.Cancel(consumer_tag="t")),
        call(Tx.Commit()),
        connect("b"),
        counted(0, on="b"),
    ],
}
