"""Heartbeats keep an idle connection alive for longer than its timeout."""

import time

from ferry import connect, equal

connection = connect(heartbeat=1)
channel = connection.channel()
end = time.monotonic() + 3.5
while time.monotonic() < end:
    connection.process_data_events(0.5)
equal(connection.is_open, True)
equal(channel.queue_declare("still-here").method.queue, "still-here")
