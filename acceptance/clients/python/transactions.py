"""Nothing of a transaction takes effect before its commit, and a rollback undoes it."""

from ferry import connect, channel_refused, depth, equal

connection = connect()
watching, channel = connection.channel(), connection.channel()
for queue in ["in", "out"]:
    channel.queue_declare(queue)
watching.basic_publish("", "in", b"order")

channel.tx_select()
for commit in [False, True]:
    method, _, body = channel.basic_get("in")
    equal(body, b"order")
    channel.basic_ack(method.delivery_tag)
    for number in range(3):
        channel.basic_publish("", "out", b"%d" % number)
    equal(depth(watching, "out"), 0)
    if commit:
        channel.tx_commit()
    else:
        channel.tx_rollback()
        equal(depth(watching, "out"), 0)
        # What was acknowledged is held again, and given back on request.
        channel.basic_recover(requeue=True)
equal([watching.basic_get("out", auto_ack=True)[2] for _ in range(3)], [b"0", b"1", b"2"])
channel.close()
equal(depth(watching, "in"), 0)

# A channel that goes takes its open transaction along.
channel = connection.channel()
channel.tx_select()
channel.basic_publish("", "out", b"lost")
channel.close()
equal(depth(watching, "out"), 0)

# One or the other.
channel = connection.channel()
channel.tx_select()
with channel_refused(406):
    channel.confirm_delivery()
connection.close()
