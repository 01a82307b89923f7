"""Channels of one connection work beside each other, close, and open again under the same number."""

from ferry import connect, equal

connection = connect()
channels = [connection.channel() for _ in range(200)]
for number, channel in enumerate(channels):
    channel.queue_declare(f"q{number}", exclusive=True)
    channel.basic_publish("", f"q{number}", b"%d" % number)
for number, channel in enumerate(channels):
    equal(channel.basic_get(f"q{number}", auto_ack=True)[2], b"%d" % number)
for channel in channels:
    channel.close()
for _ in range(3):
    channel = connection.channel(1)
    channel.queue_declare("again", exclusive=True)
    channel.close()
