"""Prefetch, settling, priorities, exclusivity and the end of a queue under its consumer."""

import asyncio

from aio_pika import Message
from aio_pika.exceptions import QueueEmpty
from aiormq.exceptions import ChannelAccessRefused

from ferry import arrival, equal, refused, run, within


async def publish(channel, queue, *bodies):
    for body in bodies:
        await channel.default_exchange.publish(Message(body), queue.name)


async def prefetch_and_requeue(connection):
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=2)
    queue = await channel.declare_queue(exclusive=True)
    await publish(channel, queue, b"a", b"b", b"c")
    inbox = asyncio.Queue()
    tag = await queue.consume(inbox.put)
    first, second = [await within(inbox.get()) for _ in range(2)]
    # The third is still in the queue, and nobody else has it.
    equal((await channel.declare_queue(queue.name, passive=True)).declaration_result.message_count, 1)
    await first.nack(requeue=True)
    again = await within(inbox.get())
    equal((again.body, again.redelivered), (b"a", True))
    await second.ack()
    third = await within(inbox.get())
    equal(third.body, b"c")
    await third.ack(multiple=True)
    await queue.cancel(tag)
    async with refused(QueueEmpty):
        await queue.get()


async def iterated(connection):
    channel = await connection.channel()
    queue = await channel.declare_queue(exclusive=True)
    await publish(channel, queue, *(b"%d" % number for number in range(100)))
    bodies = []
    async with queue.iterator() as messages:
        async for message in messages:
            async with message.process():
                bodies.append(int(message.body))
            if len(bodies) == 100:
                break
    equal(bodies, list(range(100)))


async def consumer_priority(connection):
    channel = await connection.channel()
    queue = await channel.declare_queue(exclusive=True)
    inbox = asyncio.Queue()

    def consumer(name):
        return lambda message: inbox.put((name, message.body))

    await queue.consume(consumer("low"), no_ack=True)
    await queue.consume(consumer("high"), no_ack=True, arguments={"x-priority": 5})
    await publish(channel, queue, b"1", b"2", b"3")
    equal([await within(inbox.get()) for _ in range(3)], [("high", b"1"), ("high", b"2"), ("high", b"3")])


async def one_owner(connection):
    channel = await connection.channel()
    queue = await channel.declare_queue("alone", auto_delete=True)
    await queue.consume(lambda _: None, exclusive=True)
    other = await connection.channel()
    async with refused(ChannelAccessRefused, "in exclusive use"):
        await (await other.get_queue("alone")).consume(lambda _: None)


async def cancelled_by_the_broker(connection):
    channel = await connection.channel()
    queue = await channel.declare_queue("doomed")
    tag = await queue.consume(lambda _: None)
    cancelled = asyncio.get_running_loop().create_future()
    underlay = await channel.get_underlay_channel()
    underlay.on_consumer_cancel_callbacks.add(cancelled.set_result)
    await (await connection.channel()).queue_delete("doomed")
    equal((await within(cancelled)).consumer_tag, tag)
    # The channel lives on.
    await channel.declare_queue(exclusive=True)


async def dead_letters(connection):
    channel = await connection.channel()
    graveyard = await channel.declare_queue(exclusive=True)
    arguments = {
        "x-message-ttl": 30,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": graveyard.name,
    }
    queue = await channel.declare_queue("mortal", exclusive=True, arguments=arguments)
    await publish(channel, queue, b"old")
    dead = await arrival(graveyard)
    (death,) = dead.headers["x-death"]
    equal(
        (dead.body, death["reason"], death["queue"], death["count"], death["routing-keys"]),
        (b"old", "expired", "mortal", 1, ["mortal"]),
    )
    equal(dead.headers["x-first-death-queue"], "mortal")


async def main(connection):
    await prefetch_and_requeue(connection)
    await iterated(connection)
    await consumer_priority(connection)
    await one_owner(connection)
    await cancelled_by_the_broker(connection)
    await dead_letters(connection)


run(main)
