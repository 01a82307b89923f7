// A consumer whose queue is deleted gets the client's null message.

import { connect } from './ferry.mjs';

const [watcher, other] = await Promise.all([connect(), connect()]);
const channel = await watcher.createChannel();
await channel.assertQueue('doomed', { durable: false });
const cancelled = new Promise((resolve, reject) => {
  const told = (message) => (message === null ? resolve() : reject(new Error('a delivery')));
  channel.consume('doomed', told).catch(reject);
});
await channel.checkQueue('doomed');
await (await other.createChannel()).deleteQueue('doomed');
await cancelled;
await Promise.all([watcher.close(), other.close()]);
