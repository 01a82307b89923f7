"""ack (one and several), nack, reject and recover do to messages what they say."""

from ferry import channel_refused, connect, depth, equal, take

connection = connect()
channel = connection.channel()
channel.queue_declare("q")


def fill(count):
    channel.queue_purge("q")
    for number in range(count):
        channel.basic_publish("", "q", b"%d" % number)


def get():
    return channel.basic_get("q")


fill(3)
first, second, third = get()[0], get()[0], get()[0]
channel.basic_ack(second.delivery_tag, multiple=True)
channel.basic_nack(third.delivery_tag, requeue=True)
method, _, body = get()
equal((body, method.redelivered), (b"2", True))
channel.basic_reject(method.delivery_tag, requeue=False)
equal(get()[0], None)

fill(2)
method, _, body = get()
equal((body, method.redelivered), (b"0", False))
channel.basic_reject(method.delivery_tag, requeue=True)
method, _, body = get()
equal((body, method.redelivered), (b"0", True))
channel.basic_nack(method.delivery_tag, requeue=False)
equal(depth(channel, "q"), 1)

fill(3)
for _ in range(3):
    get()
channel.basic_nack(0, multiple=True, requeue=True)
equal([get()[2] for _ in range(3)], [b"0", b"1", b"2"])
channel.basic_recover(requeue=True)
equal([get()[2] for _ in range(3)], [b"0", b"1", b"2"])

# What a closed channel held comes back in its old place, marked as redelivered.
channel.close()
channel = connection.channel()
deliveries = take(channel, "q", 3)
equal([body for _, _, body in deliveries], [b"0", b"1", b"2"])
equal([method.redelivered for method, _, _ in deliveries], [True] * 3)

# A tag that was never given, or was settled before, is an error of the channel.
channel = connection.channel()
channel.basic_ack(99)
with channel_refused(406, "unknown delivery tag"):
    channel.queue_declare("q", passive=True)
