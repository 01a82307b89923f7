"""After a crash of the broker: all of `levels_publish.py` is there but what was kept in memory.

levels_drain.py URI COUNT
"""

import sys

from ferry import depth, equal, open_channel, take

count = int(sys.argv[2])

channel = open_channel()
for offset, level in enumerate(["fsync", "os"]):
    expected = []
    for number in range(count):
        if number % 3 == offset:
            expected.append(b"%d" % number)
        expected.append(b"all %d" % number)
    if level == "os":
        expected.append(b"last")
    equal(depth(channel, level), len(expected))
    bodies = [body for _, _, body in take(channel, level, len(expected), auto_ack=True)]
    channel.cancel()
    equal(bodies, expected)
equal(depth(channel, "memory"), 0)
# The queue is there, with its bindings.
channel.confirm_delivery()
channel.basic_publish("amq.fanout", "", b"again", mandatory=True)
equal([body for _, _, body in take(channel, "memory", 1, auto_ack=True)], [b"again"])
