"""Consumes everything in a queue that `publish_many.py` filled: all there, in order, unchanged.

drain_many.py URI QUEUE COUNT
"""

import sys

from ferry import depth, equal, open_channel, take

queue, count = sys.argv[2], int(sys.argv[3])
PADDING = b"." * 1024

channel = open_channel()
equal(depth(channel, queue), count)
channel.basic_qos(prefetch_count=1_000)
for number, (method, properties, body) in enumerate(take(channel, queue, count, auto_ack=True)):
    assert body == (b"%08d" % number + PADDING)[:1024], f"at {number}: {body[:16]!r}"
    equal(properties.delivery_mode, 2)
channel.cancel()
equal(depth(channel, queue), 0)
