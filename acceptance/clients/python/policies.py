"""A policy limits the queues whose names it matches, and no others.

The policy for queues that begin with `policies.` says `max-length` 2 and where the others go:
`dead-policies`.
"""

from ferry import connect, depth, equal

connection = connect()
channel = connection.channel()
channel.confirm_delivery()
for queue in ["policies.q", "other", "dead-policies"]:
    channel.queue_declare(queue)
for queue in ["policies.q", "other"]:
    for number in range(5):
        channel.basic_publish("", queue, b"%d" % number)
while depth(channel, "dead-policies") < 3:
    connection.process_data_events(0.01)
equal(depth(channel, "policies.q"), 2)
equal(depth(channel, "other"), 5)
_, properties, body = channel.basic_get("dead-policies", auto_ack=True)
equal(body, b"0")
(death,) = properties.headers["x-death"]
equal((death["reason"], death["queue"]), ("maxlen", "policies.q"))
connection.close()
