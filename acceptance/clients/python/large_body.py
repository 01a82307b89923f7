"""Bodies of every awkward size, and a large one through the smallest frames, arrive unchanged."""

import random

from ferry import connect

random.seed(1)


def check(sizes, **settings):
    connection = connect(**settings)
    channel = connection.channel()
    channel.queue_declare("q")
    channel.confirm_delivery()
    for size in sizes:
        body = random.randbytes(size)
        channel.basic_publish("", "q", body)
        _, _, received = channel.basic_get("q", auto_ack=True)
        assert received == body, f"{len(received or b'')} of {size} bytes are as sent"
    connection.close()


# Around the bounds of a frame: its payload is 8 bytes shorter than the frame.
check([0, 1, 8183, 8184, 8185, 16368, 16369, 1_000_000], frame_max=8192)
check([131_063, 131_064, 131_065, 10_000_000])
