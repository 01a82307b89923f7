// Request and reply over an exclusive, server-named queue, with two clients.

import assert from 'node:assert/strict';
import { connect } from './ferry.mjs';

const [client, server] = await Promise.all([connect(), connect()]);

const serving = await server.createChannel();
await serving.assertQueue('double', { durable: false });
await serving.consume('double', (request) => {
  const answer = String(2 * Number(request.content));
  const { replyTo, correlationId } = request.properties;
  serving.sendToQueue(replyTo, Buffer.from(answer), { correlationId });
  serving.ack(request);
});

const asking = await client.createChannel();
const { queue: replyTo } = await asking.assertQueue('', { exclusive: true });
const waiting = new Map();
await asking.consume(
  replyTo,
  (reply) => waiting.get(reply.properties.correlationId)(Number(reply.content)),
  { noAck: true },
);
const ask = (number) =>
  new Promise((resolve) => {
    waiting.set(`c${number}`, resolve);
    const options = { replyTo, correlationId: `c${number}` };
    asking.sendToQueue('double', Buffer.from(String(number)), options);
  });

const numbers = [...Array(100).keys()];
assert.deepEqual(await Promise.all(numbers.map(ask)), numbers.map((number) => 2 * number));
await Promise.all([client.close(), server.close()]);
