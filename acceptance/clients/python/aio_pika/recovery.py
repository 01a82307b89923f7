"""A robust connection that is cut comes back with its queue, its bindings and its consumer."""

import asyncio
import sys
import urllib.parse

import aio_pika
from aio_pika import ExchangeType, Message

from ferry import PATIENCE_S, equal, within


class Cable:
    """Passes bytes to the broker and back, until it is cut."""

    def __init__(self, host, port):
        self.broker = host, port
        self.ends = []

    async def lay(self):
        self.server = await asyncio.start_server(self.join, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    async def join(self, reader, writer):
        to_broker = await asyncio.open_connection(*self.broker)
        self.ends += [writer, to_broker[1]]
        await asyncio.gather(self.pass_on(reader, to_broker[1]), self.pass_on(to_broker[0], writer))

    @staticmethod
    async def pass_on(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()

    def cut(self):
        for end in self.ends:
            end.transport.abort()
        self.ends.clear()


async def main():
    uri = urllib.parse.urlsplit(sys.argv[1])
    cable = Cable(uri.hostname, uri.port)
    port = await cable.lay()
    connection = await aio_pika.connect_robust(
        uri._replace(netloc=f"guest:guest@127.0.0.1:{port}").geturl(), reconnect_interval=0.1
    )
    channel = await connection.channel()
    await channel.set_qos(10)
    exchange = await channel.declare_exchange("news", ExchangeType.TOPIC, auto_delete=True)
    queue = await channel.declare_queue(exclusive=True)
    await queue.bind(exchange, "a.#")
    inbox = asyncio.Queue()
    await queue.consume(inbox.put)
    for round in range(3):
        await exchange.publish(Message(b"%d" % round), "a.b")
        message = await within(inbox.get())
        equal(message.body, b"%d" % round)
        await message.ack()
        back = asyncio.Event()
        connection.reconnect_callbacks.add(lambda *_: back.set())
        cable.cut()
        await within(back.wait())
    await connection.close()
    cable.server.close()


asyncio.run(asyncio.wait_for(main(), 2 * PATIENCE_S))
