// Confirms, mandatory returns, nack with requeue, and settled messages being gone.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, take } from './ferry.mjs';

const connection = await connect();
const channel = await connection.createConfirmChannel();
await channel.assertQueue('q', { durable: true });

for (let number = 0; number < 1000; number++) {
  channel.publish('', 'q', Buffer.from(String(number)), { persistent: true });
}
await channel.waitForConfirms();
assert.equal((await channel.checkQueue('q')).messageCount, 1000);

const messages = await take(channel, 'q', 1000);
assert.deepEqual(
  messages.map((message) => Number(message.content)),
  [...Array(1000).keys()],
);
channel.ack(messages[499], true);
for (const message of messages.slice(500)) channel.nack(message, false, true);
const again = await take(channel, 'q', 500, { noAck: true });
assert.deepEqual(
  again.map((message) => Number(message.content)),
  [...Array(500).keys()].map((number) => number + 500),
);
assert.ok(again.every((message) => message.fields.redelivered));
assert.equal((await channel.checkQueue('q')).messageCount, 0);

const returned = once(channel, 'return');
channel.publish('', 'nowhere', Buffer.from('lost'), { mandatory: true });
await channel.waitForConfirms();
const [message] = await returned;
assert.equal(message.fields.replyCode, 312);
assert.equal(message.content.toString(), 'lost');
await connection.close();
