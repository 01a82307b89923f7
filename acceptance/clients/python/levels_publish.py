"""Declares a queue of each durability and publishes COUNT persistent messages to each, all confirmed.

levels_publish.py URI COUNT
"""

import sys

import pika

from ferry import channel_refused, depth, equal, open_channel

count = int(sys.argv[2])
PERSISTENT = pika.BasicProperties(delivery_mode=2)

with channel_refused(406, "x-durability"):
    open_channel().queue_declare("q", durable=True, arguments={"x-durability": "disk"})
with channel_refused(406, "must be durable"):
    open_channel().queue_declare("q", durable=False, arguments={"x-durability": "os"})

channel = open_channel()
channel.confirm_delivery()
for level in ["fsync", "os", "memory"]:
    channel.queue_declare(level, durable=True, arguments={"x-durability": level})
    channel.queue_bind(level, "amq.fanout")
# The default says the same as nothing.
channel.queue_declare("fsync", durable=True)
with channel_refused(406, "x-durability"):
    open_channel().queue_declare("os", durable=True)
for number in range(count):
    queue = ["fsync", "os", "memory"][number % 3]
    # Each by itself, and each through an exchange that reaches all of them.
    channel.basic_publish("", queue, b"%d" % number, PERSISTENT)
    channel.basic_publish("amq.fanout", "", b"all %d" % number, PERSISTENT)
# The last word before the crash is one that did not wait for the disk.
channel.basic_publish("", "os", b"last", PERSISTENT)
channel.basic_publish("", "memory", b"last", PERSISTENT)
for level, extra in [("fsync", 0), ("os", 1), ("memory", 1)]:
    offset = ["fsync", "os", "memory"].index(level)
    equal(depth(channel, level), count + len(range(offset, count, 3)) + extra)
