"""Tries to log in: prints `in`, `refused` (the password) or `denied` (the virtual host)."""

import pika

from ferry import connect

try:
    connect().close()
    print("in")
except pika.exceptions.ProbableAuthenticationError:
    print("refused")
except pika.exceptions.ProbableAccessDeniedError:
    print("denied")
