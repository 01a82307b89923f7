// Requests are answered by `amq.rabbitmq.reply-to`, without a queue for the answers.

import assert from 'node:assert/strict';
import { channelRefused, connect } from './ferry.mjs';

const ANSWERS = 'amq.rabbitmq.reply-to';
const [client, server] = await Promise.all([connect(), connect()]);

const serving = await server.createChannel();
await serving.assertQueue('double', { durable: false });
await serving.consume('double', (request) => {
  const { replyTo, correlationId } = request.properties;
  assert.ok(replyTo.startsWith(`${ANSWERS}.`), replyTo);
  const answer = String(2 * Number(request.content));
  serving.sendToQueue(replyTo, Buffer.from(answer), { correlationId });
  serving.ack(request);
});

const asking = await client.createChannel();
const waiting = new Map();
await asking.consume(
  ANSWERS,
  (reply) => waiting.get(reply.properties.correlationId)(Number(reply.content)),
  { noAck: true },
);
const ask = (number) =>
  new Promise((resolve) => {
    waiting.set(`c${number}`, resolve);
    const options = { replyTo: ANSWERS, correlationId: `c${number}` };
    asking.sendToQueue('double', Buffer.from(String(number)), options);
  });
const numbers = [...Array(100).keys()];
assert.deepEqual(await Promise.all(numbers.map(ask)), numbers.map((number) => 2 * number));

// Who asks has to wait for answers.
const alone = (channel) => channel.sendToQueue('double', Buffer.from('1'), { replyTo: ANSWERS });
await channelRefused(client, 406, alone);
await Promise.all([client.close(), server.close()]);
