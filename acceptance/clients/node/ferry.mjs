// What the scripts share: connecting, and expecting the broker to refuse.
//
// Every script takes the broker's AMQP URI as its first argument and exits with 0 when the broker
// did what the script's first lines say.

import amqp from 'amqplib';
import { once } from 'node:events';

export const connect = () => amqp.connect(process.argv[2]);

/** The action must end in the channel being closed with this reply code. */
export async function channelRefused(connection, code, action) {
  const channel = await connection.createChannel();
  const closed = once(channel, 'error');
  await Promise.resolve(action(channel)).catch(() => {});
  const [error] = await closed;
  if (error.code !== code) throw new Error(`expected ${code}, got ${error.message}`);
}

/** The next `count` messages of a queue. */
export async function take(channel, queue, count, options = {}) {
  const messages = [];
  const { promise, resolve } = Promise.withResolvers?.() ?? withResolvers();
  const { consumerTag } = await channel.consume(
    queue,
    (message) => {
      messages.push(message);
      if (messages.length === count) resolve();
    },
    options,
  );
  await promise;
  await channel.cancel(consumerTag);
  return messages;
}

/** Bodies of all that the queue has, taken. */
export async function drain(channel, queue) {
  const bodies = [];
  for (let message; (message = await channel.get(queue, { noAck: true })); ) {
    bodies.push(message.content.toString());
  }
  return bodies;
}

function withResolvers() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}
