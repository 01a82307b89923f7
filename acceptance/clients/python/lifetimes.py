"""Exclusive and auto-delete queues and exchanges go when they should and not before."""

from ferry import connect, equal

first, second = connect(), connect()
a, b = first.channel(), second.channel()


def exists(declare, name):
    channel = second.channel()
    try:
        declare(channel)(name, passive=True)
        channel.close()
        return True
    except Exception as error:
        equal(error.args[0], 404)
        return False


def queue(name):
    return exists(lambda channel: channel.queue_declare, name)


def exchange(name):
    return exists(lambda channel: channel.exchange_declare, name)


# The broker names a queue that has no name, and the name is usable.
named = a.queue_declare("", exclusive=True).method.queue
assert named.startswith("amq.gen-"), named
a.basic_publish("", named, b"x")
equal(a.basic_get(named)[2], b"x")
# An empty name afterwards means the queue declared last on this channel.
a.basic_publish("", named, b"y")
equal(a.basic_get("")[2], b"y")

# Auto-delete: not before the first consumer, and with the last one.
a.queue_declare("auto", auto_delete=True)
equal(queue("auto"), True)
one = a.basic_consume("auto", lambda *_: None)
two = b.basic_consume("auto", lambda *_: None)
a.basic_cancel(one)
equal(queue("auto"), True)
b.basic_cancel(two)
equal(queue("auto"), False)

# An exchange goes with its last binding.
a.queue_declare("q")
a.exchange_declare("auto-x", "direct", auto_delete=True)
a.queue_bind("q", "auto-x", "k")
a.queue_bind("q", "auto-x", "l")
a.queue_unbind("q", "auto-x", "k")
equal(exchange("auto-x"), True)
a.queue_unbind("q", "auto-x", "l")
equal(exchange("auto-x"), False)

# A queue takes its bindings along, and so the exchange that only it used.
a.exchange_declare("auto-y", "direct", auto_delete=True)
a.queue_declare("bound")
a.queue_bind("bound", "auto-y", "k")
equal(a.queue_delete("bound").method.message_count, 0)
equal(exchange("auto-y"), False)

# A deleted queue says how many messages went with it.
a.confirm_delivery()
for _ in range(3):
    a.basic_publish("", "q", b"x")
equal(a.queue_purge("q").method.message_count, 3)
a.basic_publish("", "q", b"x")
equal(a.queue_delete("q").method.message_count, 1)
