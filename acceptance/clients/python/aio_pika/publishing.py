"""Confirms, returns, refusals, large bodies and headers, many of them at a time."""

import asyncio
import datetime

from aio_pika import DeliveryMode, Message
from aiormq.exceptions import ChannelNotFoundEntity, DeliveryError

from ferry import arrival, equal, refused, run


async def confirmed_together(connection):
    channel = await connection.channel()
    queue = await channel.declare_queue("many", durable=True)
    publish = channel.default_exchange.publish
    messages = [
        Message(b"%d" % number, delivery_mode=DeliveryMode.PERSISTENT) for number in range(1000)
    ]
    await asyncio.gather(*(publish(message, "many") for message in messages))
    again = await channel.declare_queue("many", passive=True)
    equal(again.declaration_result.message_count, 1000)
    equal((await queue.purge()).message_count, 1000)


async def unroutable(connection):
    channel = await connection.channel(on_return_raises=True)
    async with refused(DeliveryError):
        await channel.default_exchange.publish(Message(b"lost"), "nowhere", mandatory=True)
    returned = asyncio.get_running_loop().create_future()
    quiet = await connection.channel()
    quiet.return_callbacks.add(lambda _, message: returned.set_result(message))
    await quiet.default_exchange.publish(Message(b"back"), "nowhere", mandatory=True)
    message = await returned
    equal((message.body, message.routing_key), (b"back", "nowhere"))


async def full_queue(connection):
    channel = await connection.channel()
    arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
    await channel.declare_queue("full", exclusive=True, arguments=arguments)
    await channel.default_exchange.publish(Message(b"in"), "full")
    async with refused(DeliveryError):
        await channel.default_exchange.publish(Message(b"out"), "full")


async def missing_exchange(connection):
    channel = await connection.channel()
    async with refused(ChannelNotFoundEntity, "no exchange 'missing'"):
        await channel.get_exchange("missing")


async def large_body(connection):
    channel = await connection.channel()
    queue = await channel.declare_queue("large", exclusive=True)
    body = bytes(range(256)) * (4 * 4096)
    await channel.default_exchange.publish(Message(body), "large")
    equal((await arrival(queue)).body, body)


async def properties_and_headers(connection):
    channel = await connection.channel()
    queue = await channel.declare_queue("headers", exclusive=True)
    moment = datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.timezone.utc)
    headers = {
        "text": "grüße 🚢",
        "number": 7,
        "negative": -(2**40),
        "flag": True,
        "nothing": None,
        "moment": moment,
        "bytes": bytearray(b"\x00\xff"),
        "list": [1, "two", {"three": [3]}],
        "table": {"nested": {"deeper": False}},
    }
    sent = Message(
        b"",
        headers=headers,
        content_type="text/plain",
        content_encoding="identity",
        priority=3,
        correlation_id="c",
        reply_to="r",
        expiration=3600,
        message_id="m",
        timestamp=moment,
        type="t",
        user_id="guest",
        app_id="a",
    )
    await channel.default_exchange.publish(sent, "headers")
    got = await arrival(queue)
    # The client reads the types of binary and text strings as one.
    text = {name: as_text(value) for name, value in got.headers.items()}
    equal(text, {**headers, "bytes": as_text(b"\x00\xff")})
    names = "content_type content_encoding priority correlation_id reply_to expiration message_id"
    for name in [*names.split(), "timestamp", "type", "user_id", "app_id"]:
        equal((name, getattr(got, name)), (name, getattr(sent, name)))


def as_text(value):
    return value.decode("latin-1") if isinstance(value, (bytes, bytearray)) else value


async def main(connection):
    await confirmed_together(connection)
    await unroutable(connection)
    await full_queue(connection)
    await missing_exchange(connection)
    await large_body(connection)
    await properties_and_headers(connection)


run(main)
