// Headers of every type that this client can write come out as they went in.

import assert from 'node:assert/strict';
import { connect, take } from './ferry.mjs';

const headers = {
  byte: 1,
  short: 300,
  int: -70000,
  long: 2 ** 40,
  double: 0.1,
  boolean: true,
  text: 'grüße 世界 🚢',
  nothing: null,
  list: [1, 'two', [true, { three: 3 }], null],
  table: { nested: { deeper: { deepest: 'yes' } } },
  binary: Buffer.from([0, 255, 206]),
  float: { '!': 'float', value: 0.5 },
  int64: { '!': 'int64', value: 7 },
  timestamp: { '!': 'timestamp', value: 1_700_000_000 },
  decimal: { '!': 'decimal', value: { digits: 12345, places: 3 } },
};

const connection = await connect();
const channel = await connection.createChannel();
await channel.assertQueue('q', { durable: false });
channel.sendToQueue('q', Buffer.from('body'), { headers, priority: 3, expiration: '5000' });
const [message] = await take(channel, 'q', 1, { noAck: true });
// A typed value is read back bare where the type is one of JavaScript's own.
const expected = { ...headers, float: 0.5, int64: 7 };
assert.deepEqual(message.properties.headers, expected);
assert.equal(message.properties.priority, 3);
assert.equal(message.properties.expiration, '5000');
await connection.close();
