<?php

/** What publishers are told, and when. */

declare(strict_types=1);

namespace Ferry;

use PhpAmqpLib\Exception\AMQPConnectionBlockedException;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPTable;

return [
    'confirms' => function (Broker $broker): void {
        $channel = $broker->channel();
        $queue = queue($channel, 'confirms', durable: true);
        [$acked, $nacked] = [[], 0];
        $channel->set_ack_handler(function (AMQPMessage $message) use (&$acked): void {
            $acked[] = $message->getBody();
        });
        $channel->set_nack_handler(function () use (&$nacked): void {
            $nacked++;
        });
        $channel->confirm_select();
        for ($number = 0; $number < 500; $number++) {
            $channel->basic_publish(new AMQPMessage((string) $number, PERSISTENT), '', $queue);
        }
        $channel->wait_for_pending_acks(PATIENCE_S);
        equal(array_map('strval', range(0, 499)), $acked);
        equal(500, depth($channel, $queue));
        $channel->basic_publish(new AMQPMessage('one', PERSISTENT), '', $queue);
        $channel->wait_for_pending_acks(PATIENCE_S);
        equal(501, count($acked));
        equal(0, $nacked);
        equal(501, $channel->queue_delete($queue));
    },

    'mandatory_return' => function (Broker $broker): void {
        $channel = $broker->channel();
        $told = [];
        $channel->set_return_listener(
            function (int $code, string $text, string $exchange, string $key, AMQPMessage $message) use (&$told): void {
                $told[] = [$code, $exchange, $key, $message->getBody()];
            }
        );
        $channel->set_ack_handler(function () use (&$told): void {
            $told[] = 'confirmed';
        });
        $channel->confirm_select();
        $channel->basic_publish(new AMQPMessage('lost'), 'amq.direct', 'mandatory_return', mandatory: true);
        $channel->wait_for_pending_acks_returns(PATIENCE_S);
        equal([[312, 'amq.direct', 'mandatory_return', 'lost'], 'confirmed'], $told);
    },

    'transactions' => function (Broker $broker): void {
        $connection = $broker->connect();
        [$watching, $channel] = [$connection->channel(), $connection->channel()];
        $in = queue($channel, 'transactions.in');
        $out = queue($channel, 'transactions.out');
        publish($watching, '', $in, 'order');
        $channel->tx_select();
        foreach ([false, true] as $commit) {
            arrival($channel, $in)->ack();
            publish($channel, '', $out, 'invoice');
            publish($channel, '', $out, 'receipt');
            equal(0, depth($watching, $out));
            if ($commit) {
                $channel->tx_commit();
            } else {
                $channel->tx_rollback();
                // What was acknowledged is held again, and given back on request.
                $channel->basic_recover(true);
            }
        }
        equal(['invoice', 'receipt'], drain($watching, $out));
        $channel->close();
        equal(0, depth($watching, $in));
    },

    'copies' => function (Broker $broker): void {
        $channel = $broker->channel();
        $queues = ['copies.to', 'copies.cc', 'copies.bcc'];
        foreach ($queues as $queue) {
            queue($channel, $queue);
        }
        $headers = new AMQPTable(['CC' => [$queues[1]], 'BCC' => [$queues[2]]]);
        $channel->basic_publish(new AMQPMessage('', ['application_headers' => $headers]), '', $queues[0]);
        foreach ($queues as $queue) {
            equal(['CC' => [$queues[1]]], headers($channel->basic_get($queue, true)));
        }
    },

    'full_queue' => function (Broker $broker): void {
        $channel = $broker->channel();
        $queue = queue($channel, 'full_queue', ['x-max-length' => 1, 'x-overflow' => 'reject-publish']);
        $told = [];
        $channel->set_ack_handler(function (AMQPMessage $message) use (&$told): void {
            $told[] = 'ack ' . $message->getBody();
        });
        $channel->set_nack_handler(function (AMQPMessage $message) use (&$told): void {
            $told[] = 'nack ' . $message->getBody();
        });
        $channel->confirm_select();
        publish($channel, '', $queue, 'first');
        $channel->wait_for_pending_acks(PATIENCE_S);
        publish($channel, '', $queue, 'second');
        $channel->wait_for_pending_acks(PATIENCE_S);
        equal(['ack first', 'nack second'], $told);
        equal(['first'], drain($channel, $queue));
    },

    'blocked' => function (Broker $broker): void {
        [$publishing, $other] = [$broker->connect(), $broker->connect()];
        $told = [];
        $publishing->set_connection_block_handler(function (string $reason) use (&$told): void {
            $told[] = $reason;
        });
        $publishing->set_connection_unblock_handler(function () use (&$told): void {
            $told[] = 'unblocked';
        });
        $channel = $publishing->channel();
        $queue = queue($channel, 'blocked');
        $body = str_repeat('x', 256 * 1024);
        wait($channel, 'connection.blocked', function () use ($channel, $queue, $body, &$told): bool {
            if ($told === []) {
                publish($channel, '', $queue, $body);
            }
            return $told !== [];
        });
        check($told[0] !== '' && $told[0] !== 'unblocked', 'no reason is given');
        try {
            publish($channel, '', $queue, $body);
            throw new \Exception('the library takes messages all the same');
        } catch (AMQPConnectionBlockedException) {
            // As it should be.
        }
        // What is on its way arrives once there is room.
        $purging = $other->channel();
        wait($channel, 'connection.unblocked', function () use ($purging, $queue, &$told): bool {
            $purging->queue_purge($queue);
            return count($told) > 1;
        });
        equal('unblocked', $told[1]);
        $channel->queue_delete($queue);
    },
];
