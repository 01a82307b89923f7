"""Sends and receives over TLS, checking the broker's certificate; refuses another CA's.

tls.py URI CA-FILE [wrong]
"""

import ssl
import sys

import pika

from ferry import connect, equal

context = ssl.create_default_context(cafile=sys.argv[2])
parameters = pika.URLParameters(sys.argv[1])
options = pika.SSLOptions(context, parameters.host)

if sys.argv[3:] == ["wrong"]:
    try:
        connect(ssl_options=options)
    except (ssl.SSLCertVerificationError, pika.exceptions.AMQPConnectionError):
        sys.exit(0)
    raise AssertionError("a certificate of another CA was accepted")

for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
    context = ssl.create_default_context(cafile=sys.argv[2])
    context.minimum_version = context.maximum_version = version
    connection = connect(ssl_options=pika.SSLOptions(context, parameters.host))
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.confirm_delivery()
    body = bytes(range(256)) * 4_000
    channel.basic_publish("", queue, body, mandatory=True)
    equal(channel.basic_get(queue, auto_ack=True)[2], body)
    connection.close()
