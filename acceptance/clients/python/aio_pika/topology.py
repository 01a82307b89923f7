"""Exchanges of every kind, bindings between them, and queues that go by themselves."""

import sys

import aio_pika
from aio_pika import ExchangeType, Message
from aiormq.exceptions import (
    ChannelLockedResource,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
)

from ferry import arrival, equal, refused, run


async def collect(queue):
    bodies = []
    while (message := await queue.get(no_ack=True, fail=False)) is not None:
        bodies.append(message.body.decode())
    return bodies


async def routed(connection):
    channel = await connection.channel()
    topic = await channel.declare_exchange("topics", ExchangeType.TOPIC, auto_delete=True)
    fanout = await channel.declare_exchange("copies", ExchangeType.FANOUT, auto_delete=True)
    headers = await channel.declare_exchange("headers", ExchangeType.HEADERS, auto_delete=True)
    one, two = [await channel.declare_queue(exclusive=True) for _ in range(2)]
    await fanout.bind(topic, "order.#")
    await one.bind(fanout)
    await two.bind(topic, "*.new")
    await two.bind(headers, arguments={"x-match": "all", "kind": "a"})
    for key in ["order.new", "order.new.eu", "user.new", "other"]:
        await topic.publish(Message(key.encode()), key, mandatory=False)
    equal(await collect(one), ["order.new", "order.new.eu"])
    equal(await collect(two), ["order.new", "user.new"])
    for kind in ["a", "b"]:
        await headers.publish(Message(kind.encode(), headers={"kind": kind}), "", mandatory=False)
    equal(await collect(two), ["a"])
    await fanout.unbind(topic, "order.#")
    await topic.publish(Message(b"cut"), "order.cut", mandatory=False)
    equal(await collect(one), [])


async def copies(connection):
    channel = await connection.channel()
    queues = [await channel.declare_queue(name, exclusive=True) for name in ("to", "cc", "bcc")]
    headers = {"CC": ["cc"], "BCC": ["bcc"]}
    await channel.default_exchange.publish(Message(b"copy", headers=headers), "to")
    for queue in queues:
        equal((await arrival(queue)).headers, {"CC": ["cc"]})


async def consistent_hash(connection):
    channel = await connection.channel()
    exchange = await channel.declare_exchange(
        "ring", ExchangeType.X_CONSISTENT_HASH, auto_delete=True
    )
    queues = [await channel.declare_queue(exclusive=True) for _ in range(3)]
    for queue in queues:
        await queue.bind(exchange, "10")
    for number in range(300):
        await exchange.publish(Message(b"%d" % (number % 100)), f"key {number % 100}")
    shares = [await collect(queue) for queue in queues]
    equal(sum(len(share) for share in shares), 300)
    for share in shares:
        # Each key came three times, always to the same queue; and every queue has its part.
        assert share and all(share.count(body) == 3 for body in share), share


async def alternate(connection):
    channel = await connection.channel()
    other = await channel.declare_exchange("other", ExchangeType.FANOUT, auto_delete=True)
    exchange = await channel.declare_exchange(
        "strict", ExchangeType.DIRECT, arguments={"alternate-exchange": "other"}
    )
    queue = await channel.declare_queue(exclusive=True)
    await queue.bind(other)
    await exchange.publish(Message(b"astray"), "no such key")
    equal(await collect(queue), ["astray"])
    await exchange.delete()


async def gone_with_their_owner(connection):
    async with await aio_pika.connect(sys.argv[1]) as owner:
        channel = await owner.channel()
        await channel.declare_queue("mine", exclusive=True)
        other = await connection.channel()
        async with refused(ChannelLockedResource, "cannot obtain exclusive access"):
            await other.declare_queue("mine", passive=True)
        queue = await channel.declare_queue("brief", auto_delete=True)
        await queue.cancel(await queue.consume(lambda _: None))
        async with refused(ChannelNotFoundEntity, "no queue 'brief'"):
            await channel.declare_queue("brief", passive=True)
    other = await connection.channel()
    async with refused(ChannelNotFoundEntity, "no queue 'mine'"):
        await other.declare_queue("mine", passive=True)


async def declared_otherwise(connection):
    channel = await connection.channel()
    await channel.declare_queue("fixed", durable=True)
    async with refused(ChannelPreconditionFailed, "inequivalent arg 'durable'"):
        await channel.declare_queue("fixed", durable=False)


async def main(connection):
    await routed(connection)
    await copies(connection)
    await consistent_hash(connection)
    await alternate(connection)
    await gone_with_their_owner(connection)
    await declared_otherwise(connection)


run(main)
