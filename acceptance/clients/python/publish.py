"""Publishes COUNT persistent confirmed messages to a queue that exists.

publish.py URI QUEUE COUNT
"""

import sys

import pika

from ferry import open_channel

channel = open_channel()
channel.confirm_delivery()
for number in range(int(sys.argv[3])):
    channel.basic_publish(
        "", sys.argv[2], b"%d" % number, pika.BasicProperties(delivery_mode=2), mandatory=True
    )
