// Mistakes close a channel with the usual codes and leave the connection's other channels alone.

import assert from 'node:assert/strict';
import { channelRefused, connect } from './ferry.mjs';

const connection = await connect();
const channel = await connection.createChannel();
await channel.assertQueue('durable', { durable: true });

const refuse = (code, action) => channelRefused(connection, code, action);
await refuse(404, (c) => c.checkQueue('missing'));
await refuse(404, (c) => c.checkExchange('missing'));
await refuse(404, (c) => c.publish('missing', 'key', Buffer.from('x')));
await refuse(406, (c) => c.assertQueue('durable', { durable: false }));
await refuse(403, (c) => c.assertQueue('amq.mine'));
await refuse(406, (c) => c.ack({ fields: { deliveryTag: 42 } }));

assert.equal((await channel.checkQueue('durable')).queue, 'durable');
await connection.close();
