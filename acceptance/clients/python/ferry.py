"""What the scripts share: connecting, and expecting the broker to refuse.

Every script takes the broker's AMQP URI as its first argument, exits with 0 when the broker did
what the script's first lines say, and with a traceback when it did not.
"""

import contextlib
import sys

import pika

#: Long enough for a busy machine, short enough to end a run that hangs.
PATIENCE_S = 30


def connect(uri=None, **settings):
    """A connection to the URI, by default the script's first argument."""
    parameters = pika.URLParameters(uri or sys.argv[1])
    parameters.blocked_connection_timeout = PATIENCE_S
    parameters.socket_timeout = PATIENCE_S
    for name, value in settings.items():
        setattr(parameters, name, value)
    return pika.BlockingConnection(parameters)


def open_channel(uri=None, **settings):
    """A channel on a connection of its own."""
    return connect(uri, **settings).channel()


@contextlib.contextmanager
def channel_refused(code, word=""):
    """The block must end in the channel being closed with this reply code, and the text must
    hold this word."""
    try:
        yield
    except pika.exceptions.ChannelClosedByBroker as closed:
        assert closed.reply_code == code, f"expected {code}, got {closed!r}"
        assert word in closed.reply_text, f"{word!r} is not in {closed.reply_text!r}"
    else:
        raise AssertionError(f"not refused; expected channel error {code}")


def take(channel, queue, count, **consume):
    """The next `count` deliveries as (method, properties, body)."""
    deliveries = []
    for method, properties, body in channel.consume(
        queue, inactivity_timeout=PATIENCE_S, **consume
    ):
        assert method is not None, f"{len(deliveries)} of {count} deliveries came"
        deliveries.append((method, properties, body))
        if len(deliveries) == count:
            return deliveries


def depth(channel, queue):
    """Messages ready in the queue."""
    return channel.queue_declare(queue, passive=True).method.message_count


def equal(actual, expected):
    """Fails with both values."""
    assert actual == expected, f"\nactual:   {actual!r:.500}\nexpected: {expected!r:.500}"
