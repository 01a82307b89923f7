"""Publishes three orders over TLS, each confirmed, and consumes them.

hello.py HOST PORT CA-FILE; the password comes from APP_PASSWORD.
"""

import os
import ssl
import sys

import pika

host, port, ca_file = sys.argv[1], int(sys.argv[2]), sys.argv[3]
parameters = pika.ConnectionParameters(
    host=host,
    port=port,
    virtual_host="shop",
    credentials=pika.PlainCredentials("app", os.environ["APP_PASSWORD"]),
    ssl_options=pika.SSLOptions(ssl.create_default_context(cafile=ca_file), host),
)
connection = pika.BlockingConnection(parameters)
channel = connection.channel()

channel.confirm_delivery()
for number in range(1, 4):
    body = f"order {number}: one ticket for the ferry"
    channel.basic_publish(
        "orders",
        f"order.new.{number}",
        body.encode(),
        pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent),
        mandatory=True,
    )
    print(f"  published and confirmed: {body}")

received = 0
for method, _, body in channel.consume("incoming", inactivity_timeout=10):
    if method is None:
        sys.exit(f"only {received} of 3 messages came back")
    channel.basic_ack(method.delivery_tag)
    print(f"  consumed and acknowledged: {body.decode()}")
    received += 1
    if received == 3:
        break
connection.close()
