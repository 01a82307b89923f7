// Publish and subscribe: several subscribers of a topic exchange each get what they asked for.

import assert from 'node:assert/strict';
import { connect, take } from './ferry.mjs';

const connection = await connect();
const channel = await connection.createConfirmChannel();
await channel.assertExchange('events', 'topic', { durable: false });

const keys = ['order.new', 'order.paid', 'user.new', 'order.new.eu', 'order'];
const subscriptions = {
  'order.*': ['order.new', 'order.paid'],
  'order.#': ['order.new', 'order.paid', 'order.new.eu', 'order'],
  '*.new': ['order.new', 'user.new'],
  '#': keys,
};
const queues = new Map();
for (const pattern of Object.keys(subscriptions)) {
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.bindQueue(queue, 'events', pattern);
  queues.set(pattern, queue);
}
for (const key of keys) channel.publish('events', key, Buffer.from(key));
await channel.waitForConfirms();
for (const [pattern, expected] of Object.entries(subscriptions)) {
  const messages = await take(channel, queues.get(pattern), expected.length, { noAck: true });
  assert.deepEqual(
    messages.map((message) => message.content.toString()),
    expected,
    pattern,
  );
}
await connection.close();
