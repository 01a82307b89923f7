"""The client's own patterns: remote calls, a master and its workers; and a new secret."""

import asyncio

from aio_pika.patterns import RPC, Master

from ferry import equal, refused, run, within


async def remote_calls(connection):
    async def double(*, number):
        return 2 * number

    async def fail():
        raise ValueError("on purpose")

    server = await RPC.create(await connection.channel())
    await server.register("double", double, auto_delete=True)
    await server.register("fail", fail, auto_delete=True)
    client = await RPC.create(await connection.channel())
    answers = await within(asyncio.gather(*(client.proxy.double(number=n) for n in range(50))))
    equal(answers, [2 * n for n in range(50)])
    async with refused(ValueError, "on purpose"):
        await within(client.proxy.fail())
    # Its queue's time is over before anyone serves it: the call comes back as a dead letter.
    async with refused(Exception):
        await within(client.call("nobody serves this"))
    await client.close()
    await server.close()


async def work_is_shared(connection):
    done = asyncio.Queue()

    async def work(*, number):
        await done.put(number)

    workers = [Master(await connection.channel()) for _ in range(2)]
    for worker in workers:
        await worker.create_worker("work", work, auto_delete=True)
    master = Master(await connection.channel())
    for number in range(20):
        await master.create_task("work", {"number": number})
    equal(sorted([await within(done.get()) for _ in range(20)]), list(range(20)))


async def a_new_secret(connection):
    await within(connection.update_secret("guest", reason="rotation"))
    await connection.channel()


async def main(connection):
    await remote_calls(connection)
    await work_is_shared(connection)
    await a_new_secret(connection)


run(main)
