"""Logs in by certificate (SASL EXTERNAL), or is refused.

external.py URI CA-FILE CERTIFICATE KEY [no-user | stranger]
"""

import ssl
import sys

import pika
from pika.credentials import ExternalCredentials

from ferry import connect, equal

uri, ca, certificate, key, *expected = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.load_cert_chain(certificate, key)
settings = {
    "ssl_options": pika.SSLOptions(context, pika.URLParameters(uri).host),
    "credentials": ExternalCredentials(),
}

if expected == ["no-user"]:
    try:
        connect(**settings)
    except pika.exceptions.ProbableAuthenticationError as refused:
        assert "EXTERNAL" in repr(refused), repr(refused)
    except pika.exceptions.ConnectionClosedByBroker as closed:
        equal(closed.reply_code, 403)
    else:
        raise AssertionError("a certificate without a user was let in")
elif expected == ["stranger"]:
    try:
        connect(**settings)
    except (ssl.SSLError, OSError, pika.exceptions.AMQPConnectionError):
        pass
    else:
        raise AssertionError("a certificate of another authority was let in")
else:
    channel = connect(**settings).channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.basic_publish("", queue, b"x", mandatory=True)
    equal(channel.basic_get(queue, auto_ack=True)[2], b"x")
