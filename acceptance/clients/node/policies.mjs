// A policy limits the queues whose names it matches, and no others: for those that begin with
// `policies.` it says `max-length` 2 and that the others go to `dead-policies`.

import assert from 'node:assert/strict';
import { connect, take } from './ferry.mjs';

const connection = await connect();
const channel = await connection.createConfirmChannel();
for (const queue of ['policies.q', 'other', 'dead-policies']) {
  await channel.assertQueue(queue, { durable: false });
}
for (const queue of ['policies.q', 'other']) {
  for (let number = 0; number < 5; number++) channel.sendToQueue(queue, Buffer.from(String(number)));
}
await channel.waitForConfirms();
const dead = await take(channel, 'dead-policies', 3, { noAck: true });
assert.deepEqual(dead.map((message) => message.content.toString()), ['0', '1', '2']);
assert.equal(dead[0].properties.headers['x-death'][0].reason, 'maxlen');
assert.equal((await channel.checkQueue('policies.q')).messageCount, 2);
assert.equal((await channel.checkQueue('other')).messageCount, 5);
await connection.close();
