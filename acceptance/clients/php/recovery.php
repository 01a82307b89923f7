<?php

/** This library does not recover by itself: it notices, and connects again when it is told to. */

declare(strict_types=1);

namespace Ferry;

use PhpAmqpLib\Connection\AMQPStreamConnection;
use PhpAmqpLib\Exception\AMQPExceptionInterface;
use PhpAmqpLib\Message\AMQPMessage;

/** Does something to the broker, which a waiting consumer must notice, and connects again. */
function lose(Broker $broker, AMQPStreamConnection $connection, Inbox $inbox, string $word): void
{
    $broker->command($word);
    try {
        $inbox->next();
        throw new \Exception('a delivery came from a connection that is gone');
    } catch (AMQPExceptionInterface) {
        // The library knows.
    }
    $connection->reconnect();
}

return [
    'cut_connection' => function (Broker $broker): void {
        $connection = $broker->connect();
        for ($round = 0; $round < 3; $round++) {
            $channel = $connection->channel();
            $channel->exchange_declare('cut_connection', 'topic');
            [$queue] = $channel->queue_declare('', exclusive: true);
            $channel->queue_bind($queue, 'cut_connection', 'a.#');
            $inbox = new Inbox($channel, $queue, false);
            publish($channel, 'cut_connection', 'a.b', (string) $round);
            $inbox->expect($round, $round + 1)[0]->ack();
            lose($broker, $connection, $inbox, 'cut');
        }
    },

    'restarted_broker' => function (Broker $broker): void {
        $connection = $broker->connect();
        $channel = $connection->channel();
        $queue = queue($channel, 'restarted_broker', durable: true);
        $channel->confirm_select();
        for ($number = 0; $number < 10; $number++) {
            $channel->basic_publish(new AMQPMessage((string) $number, PERSISTENT), '', $queue);
        }
        $channel->wait_for_pending_acks(PATIENCE_S);
        $channel->basic_qos(0, 1, false);
        $inbox = new Inbox($channel, $queue, false);
        $inbox->expect(0, 1);
        lose($broker, $connection, $inbox, 'restart');
        $channel = $connection->channel();
        $inbox = new Inbox($channel, $queue, false);
        foreach ($inbox->expect(0, 10) as $message) {
            $message->ack();
        }
        equal(0, $channel->queue_delete($queue));
    },
];
