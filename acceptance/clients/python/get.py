"""basic.get hands out one message with the number of those left, and says when there is none."""

from ferry import channel_refused, equal, open_channel

channel = open_channel()
channel.queue_declare("q")
equal(channel.basic_get("q"), (None, None, None))
for number in range(3):
    channel.basic_publish("", "q", b"%d" % number)
for number in range(3):
    method, _, body = channel.basic_get("q", auto_ack=number == 0)
    equal((body, method.message_count), (b"%d" % number, 2 - number))
equal(channel.basic_get("q"), (None, None, None))
with channel_refused(404, "nowhere"):
    channel.basic_get("nowhere")
