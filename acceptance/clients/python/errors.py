"""Each mistake closes the channel or the connection with the reply code that clients expect."""

import pika

from ferry import channel_refused, connect, equal

connection = connect()


def on_channel(code, word, action):
    channel = connection.channel()
    with channel_refused(code, word):
        action(channel)
        channel.queue_declare("", exclusive=True)


setup = connection.channel()
setup.queue_declare("durable", durable=True)
setup.exchange_declare("direct", "direct")
setup.exchange_declare("fanout", "fanout")
setup.queue_bind("durable", "direct", "key")
setup.basic_publish("", "durable", b"kept")

on_channel(404, "missing", lambda c: c.queue_declare("missing", passive=True))
on_channel(404, "missing", lambda c: c.exchange_declare("missing", passive=True))
on_channel(404, "missing", lambda c: c.basic_publish("missing", "", b""))
on_channel(404, "missing", lambda c: c.basic_consume("missing", lambda *_: None))
on_channel(404, "missing", lambda c: c.queue_purge("missing"))
on_channel(404, "missing", lambda c: c.queue_bind("missing", "direct", ""))
on_channel(404, "missing", lambda c: c.queue_bind("durable", "missing", ""))
on_channel(404, "missing", lambda c: c.exchange_bind("missing", "direct", ""))

on_channel(406, "durable", lambda c: c.queue_declare("durable", durable=False))
on_channel(406, "auto_delete", lambda c: c.queue_declare("durable", durable=True, auto_delete=True))
on_channel(406, "type", lambda c: c.exchange_declare("direct", "fanout"))
on_channel(406, "durable", lambda c: c.exchange_declare("direct", "direct", durable=True))
on_channel(406, "empty", lambda c: c.queue_delete("durable", if_empty=True))
on_channel(406, "direct", lambda c: c.exchange_delete("direct", if_unused=True))

on_channel(406, "unheard-of", lambda c: c.exchange_declare("x", "unheard-of"))

on_channel(403, "amq.", lambda c: c.queue_declare("amq.mine"))
on_channel(403, "amq.", lambda c: c.exchange_declare("amq.mine"))
on_channel(403, "amq.direct", lambda c: c.exchange_delete("amq.direct"))
on_channel(403, "default exchange", lambda c: c.queue_bind("durable", "", "key"))


def two_exclusive(channel):
    channel.basic_consume("durable", lambda *_: None, exclusive=True)
    channel.basic_consume("durable", lambda *_: None)


on_channel(403, "durable", two_exclusive)

# Another connection's exclusive queue is out of reach.
other = connect()
other.channel().queue_declare("private", exclusive=True)
on_channel(405, "private", lambda c: c.queue_declare("private"))
on_channel(405, "private", lambda c: c.basic_get("private"))
other.close()
on_channel(404, "private", lambda c: c.queue_declare("private", passive=True))

# Deleting what is not there is fine.
channel = connection.channel()
channel.queue_delete("missing")
channel.exchange_delete("missing")

# A mistake on one channel leaves the others alone.
equal(setup.queue_declare("durable", passive=True).method.message_count, 1)
connection.close()


def login_refused(error, **settings):
    try:
        connect(**settings)
    except error as refused:
        return str(refused)
    raise AssertionError(f"not refused: {settings}")


PlainCredentials = pika.PlainCredentials
wrong = [("guest", "wrong"), ("nobody", "guest"), ("", ""), ("guest", "")]
texts = {
    login_refused(
        pika.exceptions.ProbableAuthenticationError, credentials=PlainCredentials(*login)
    )
    for login in wrong
}
equal(len(texts), 1)
login_refused(pika.exceptions.ProbableAccessDeniedError, virtual_host="nowhere")
