"""A user may do what its three expressions allow, and nothing else.

permissions.py URI: the user may configure `^mine`, write `^(mine.*|shared|amq\\.default)$` and
read `^mine`; the queue `shared` and the direct exchange `foreign` exist.
"""

from ferry import channel_refused, connect, equal

connection = connect()


def allowed(action):
    channel = connection.channel()
    channel.confirm_delivery()
    action(channel)
    channel.close()


def denied(action):
    channel = connection.channel()
    channel.confirm_delivery()
    with channel_refused(403, "ACCESS_REFUSED"):
        action(channel)


allowed(lambda c: c.queue_declare("mine"))
allowed(lambda c: c.exchange_declare("mine-x", "direct"))
allowed(lambda c: c.queue_bind("mine", "mine-x", ""))
allowed(lambda c: c.basic_publish("mine-x", "", b"1"))
allowed(lambda c: c.basic_publish("", "shared", b"2"))
allowed(lambda c: equal(c.basic_get("mine", auto_ack=True)[2], b"1"))
allowed(lambda c: c.queue_purge("mine"))

denied(lambda c: c.queue_declare("theirs"))
denied(lambda c: c.exchange_declare("theirs", "direct"))
denied(lambda c: c.queue_delete("shared"))
denied(lambda c: c.basic_get("shared"))
denied(lambda c: c.basic_consume("shared", lambda *_: None))
denied(lambda c: c.queue_purge("shared"))
denied(lambda c: c.basic_publish("foreign", "", b"x"))
denied(lambda c: c.queue_bind("mine", "foreign", ""))
denied(lambda c: c.exchange_bind("foreign", "mine-x", ""))
denied(lambda c: c.exchange_bind("mine-x", "foreign", ""))

allowed(lambda c: c.exchange_delete("mine-x"))
allowed(lambda c: c.queue_delete("mine"))
