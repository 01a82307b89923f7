// A consistent hash exchange sends every key the same way, by the weights of its bindings.

import assert from 'node:assert/strict';
import { connect, drain } from './ferry.mjs';

const connection = await connect();
const channel = await connection.createConfirmChannel();
await channel.assertExchange('hash', 'x-consistent-hash', { durable: false });
for (const [queue, weight] of [['light', '1'], ['heavy', '3']]) {
  await channel.assertQueue(queue, { durable: false });
  await channel.bindQueue(queue, 'hash', weight);
}
for (let number = 0; number < 1000; number++) {
  channel.publish('hash', `key-${number % 500}`, Buffer.from(`key-${number % 500}`));
}
await channel.waitForConfirms();
const light = await drain(channel, 'light');
const heavy = await drain(channel, 'heavy');
assert.equal(light.length + heavy.length, 1000);
assert.ok(light.length > 0 && light.length < heavy.length, `${light.length}, ${heavy.length}`);
assert.deepEqual(light.filter((key) => heavy.includes(key)), []);
await connection.close();
