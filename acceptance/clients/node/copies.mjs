// The client's options CC and BCC add routing keys; receivers see the open ones alone.

import assert from 'node:assert/strict';
import { connect } from './ferry.mjs';

const connection = await connect();
const channel = await connection.createConfirmChannel();
const queues = ['to', 'cc', 'bcc'];
for (const queue of queues) await channel.assertQueue(queue, { durable: false });
channel.sendToQueue('to', Buffer.from('x'), { CC: ['cc'], BCC: ['bcc'], headers: { kept: 1 } });
await channel.waitForConfirms();
for (const queue of queues) {
  const message = await channel.get(queue, { noAck: true });
  assert.deepEqual({ ...message.properties.headers }, { CC: ['cc'], kept: 1 });
  assert.equal(message.fields.messageCount, 0);
}
await connection.close();
