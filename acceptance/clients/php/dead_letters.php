<?php

/** What becomes of messages that nobody accepts. */

declare(strict_types=1);

namespace Ferry;

/** An entry of `x-death`: the message died in that queue, to which its name was the key. */
function death(array $entry, string $reason, string $queue, int $count): void
{
    $died = $entry['time']->getTimestamp();
    check(abs(time() - $died) < 600, "died at $died");
    unset($entry['time']);
    ksort($entry);
    $expected = [
        'count' => $count,
        'exchange' => '',
        'queue' => $queue,
        'reason' => $reason,
        'routing-keys' => [$queue],
    ];
    equal($expected, $entry);
}

return [
    'dead_letters' => function (Broker $broker): void {
        $channel = $broker->channel();
        [$work, $retry] = ['dead_letters.work', 'dead_letters.retry'];
        $to = fn (string $key): array => ['x-dead-letter-exchange' => '', 'x-dead-letter-routing-key' => $key];
        queue($channel, $work, $to($retry));
        queue($channel, $retry, $to($work) + ['x-message-ttl' => 1]);
        publish($channel, '', $work, 'job');
        arrival($channel, $work)->reject(false);
        for ($round = 1; $round <= 2; $round++) {
            $message = arrival($channel, $work);
            equal('job', $message->getBody());
            $headers = headers($message);
            equal(2, count($headers['x-death']));
            death($headers['x-death'][0], 'expired', $retry, $round);
            death($headers['x-death'][1], 'rejected', $work, $round);
            equal('rejected', $headers['x-first-death-reason']);
            equal($work, $headers['x-first-death-queue']);
            equal('', $headers['x-first-death-exchange']);
            $message->reject(false);
        }
        $channel->queue_delete($work);
        $channel->queue_delete($retry);
    },

    'delivery_limit' => function (Broker $broker): void {
        $channel = $broker->channel();
        $dead = queue($channel, 'delivery_limit.dead');
        $arguments = [
            'x-queue-type' => 'quorum',
            'x-delivery-limit' => 2,
            'x-dead-letter-exchange' => '',
            'x-dead-letter-routing-key' => $dead,
        ];
        $queue = queue($channel, 'delivery_limit', $arguments, durable: true);
        publish($channel, '', $queue, 'poison');
        foreach ([null, 1, 2] as $returns) {
            $message = arrival($channel, $queue);
            equal($returns, headers($message)['x-delivery-count'] ?? null);
            $message->nack(requeue: true);
        }
        $letter = arrival($channel, $dead);
        equal('poison', $letter->getBody());
        equal('delivery_limit', headers($letter)['x-first-death-reason']);
        equal(0, $channel->queue_delete($queue));
    },
];
