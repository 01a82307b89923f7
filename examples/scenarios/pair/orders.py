"""A shop that is open all the time: publishes an order every few milliseconds and consumes it, and
connects again by itself when its connection breaks. A TERM signal ends it, once everything that was
confirmed has been consumed.

orders.py HOST PORT CA-FILE; the password comes from APP_PASSWORD.
"""

import os
import signal
import ssl
import sys
import threading
import time

import pika
from pika.exceptions import AMQPError

PAUSE_S = 0.02
#: Longest wait, once it is closed, for orders that were confirmed.
PATIENCE_S = 30

host, port, ca_file = sys.argv[1], int(sys.argv[2]), sys.argv[3]
# With nodes on several machines: a list of these, which pika tries one after the other.
parameters = pika.ConnectionParameters(
    host=host,
    port=port,
    virtual_host="shop",
    credentials=pika.PlainCredentials("app", os.environ["APP_PASSWORD"]),
    ssl_options=pika.SSLOptions(ssl.create_default_context(cafile=ca_file), host),
    socket_timeout=2,
    heartbeat=2,
)
closing = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: closing.set())
confirmed, consumed = set(), set()


def say(text):
    print(f"  shop: {text}", flush=True)


def stay_connected(work, done):
    """Works on one connection after the other, until it is done."""
    while not done():
        try:
            connection = pika.BlockingConnection(parameters)
            work(connection.channel())
            connection.close()
        except (AMQPError, OSError):
            closing.wait(0.1)


def publish(channel):
    channel.confirm_delivery()
    persistent = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent)
    while not closing.is_set():
        number = publish.next
        publish.next += 1  # One whose confirm did not come may be there: it is not sent again.
        channel.basic_publish("", "orders", str(number).encode(), persistent, mandatory=True)
        now = time.monotonic()
        if now - publish.last > 0.2:
            say(f"went on after {now - publish.last:.1f} s; {len(confirmed)} orders confirmed so far")
        publish.last = now
        confirmed.add(number)
        closing.wait(PAUSE_S)


def consume(channel):
    channel.basic_qos(prefetch_count=50)
    for method, _, body in channel.consume("orders", inactivity_timeout=0.2):
        if method is not None:
            consumed.add(int(body))
            channel.basic_ack(method.delivery_tag)
        if finished():
            return


def finished():
    if closing.is_set() and publisher.is_alive() is False:
        late = time.monotonic() - publish.last > PATIENCE_S
        return late or confirmed <= consumed
    return False


publish.next, publish.last = 1, time.monotonic()
publisher = threading.Thread(target=stay_connected, args=[publish, closing.is_set])
publisher.start()
say("open: publishing and consuming orders")
stay_connected(consume, finished)
lost = confirmed - consumed
say(f"closed: {len(confirmed)} orders confirmed, {len(confirmed & consumed)} of them consumed")
if lost or not confirmed:
    sys.exit(f"LOST: {sorted(lost)[:10]}")
