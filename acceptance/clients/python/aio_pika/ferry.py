"""What the aio-pika scripts share: running, connecting and waiting no longer than a test may.

Every script takes the broker's AMQP URI as its first argument, exits with 0 when the broker did
what the script's first lines say, and with a traceback when it did not.
"""

import asyncio
import contextlib
import sys

import aio_pika

#: Long enough for a busy machine, short enough to end a run that hangs.
PATIENCE_S = 30


def run(main):
    """Runs the scenarios, which are functions of a connection, one after the other."""

    async def all_of_it():
        async with await aio_pika.connect(sys.argv[1]) as connection:
            await main(connection)

    asyncio.run(asyncio.wait_for(all_of_it(), 2 * PATIENCE_S))


@contextlib.asynccontextmanager
async def refused(error, word=""):
    """The block must raise this error, and its text must hold this word."""
    try:
        yield
    except error as raised:
        assert word in str(raised), f"{word!r} is not in {raised!r}"
    else:
        raise AssertionError(f"not refused; expected {error}")


async def arrival(queue):
    """The next message of a queue, taken, once it is there."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while (message := await queue.get(no_ack=True, fail=False)) is None:
        assert asyncio.get_running_loop().time() < deadline, f"nothing came to {queue}"
        await asyncio.sleep(0.02)
    return message


async def within(awaitable):
    """Waits for something, but not for ever."""
    return await asyncio.wait_for(awaitable, PATIENCE_S)


def equal(actual, expected):
    """Fails with both values."""
    assert actual == expected, f"\nactual:   {actual!r:.500}\nexpected: {expected!r:.500}"
