<?php

/** What the broker will not do, and how it says so. */

declare(strict_types=1);

namespace Ferry;

use PhpAmqpLib\Exception\AMQPConnectionClosedException;
use PhpAmqpLib\Message\AMQPMessage;

function connectionRefused(int $code, callable $action): string
{
    try {
        $action();
    } catch (AMQPConnectionClosedException $refused) {
        equal($code, $refused->getCode());
        return $refused->getMessage();
    }
    throw new \Exception("not refused; expected $code");
}

return [
    'wrong_password' => function (Broker $broker): void {
        foreach (['PLAIN', 'AMQPLAIN'] as $by) {
            $broker->connect(mechanism: $by)->close();
            $refuse = fn (string $user, string $password): string =>
                connectionRefused(403, fn () => $broker->connect($user, $password, mechanism: $by));
            $text = $refuse('app', 'wrong');
            check(str_contains($text, 'ACCESS_REFUSED'), $text);
            equal($text, $refuse('nobody', 'app'));
        }
        connectionRefused(530, fn () => $broker->connect(vhost: 'nowhere'));
    },

    'missing_permission' => function (Broker $broker): void {
        $theirs = queue($broker->channel(), 'missing_permission');
        $connection = $broker->connect('limited', 'limited');
        $refused = function (callable $action) use ($connection): void {
            $text = channelRefused($connection, 403, $action);
            check(str_starts_with($text, 'ACCESS_REFUSED'), $text);
        };
        $refused(fn ($channel) => queue($channel, 'theirs'));
        $refused(fn ($channel) => $channel->queue_delete($theirs));
        $refused(fn ($channel) => $channel->queue_purge($theirs));
        $refused(fn ($channel) => $channel->basic_get($theirs));
        $refused(fn ($channel) => $channel->basic_consume($theirs));
        $refused(fn ($channel) => publish($channel, 'amq.direct', $theirs, 'x'));
        $channel = $connection->channel();
        $mine = queue($channel, 'mine');
        $channel->exchange_declare('mine', 'direct');
        $channel->queue_bind($mine, 'mine', 'key');
        $refused(fn ($channel) => $channel->queue_bind($mine, 'amq.direct', 'key'));
        publish($channel, 'mine', 'key', 'allowed');
        equal(['allowed'], drain($channel, $mine));
        $channel->queue_delete($mine);
    },

    'channel_errors' => function (Broker $broker): void {
        $connection = $broker->connect();
        $setup = $connection->channel();
        $queue = queue($setup, 'channel_errors', durable: true);
        publish($setup, '', $queue, 'kept');
        $refused = fn (int $code, callable $action): string => channelRefused($connection, $code, $action);
        $refused(404, fn ($channel) => depth($channel, 'missing'));
        $refused(404, fn ($channel) => $channel->exchange_declare('missing', 'direct', passive: true));
        $refused(404, fn ($channel) => publish($channel, 'missing', 'key', 'x'));
        $refused(404, fn ($channel) => $channel->basic_consume('missing'));
        $refused(404, fn ($channel) => $channel->queue_bind($queue, 'missing', 'key'));
        $refused(406, fn ($channel) => queue($channel, $queue));
        $refused(406, fn ($channel) => $channel->exchange_declare('amq.direct', 'fanout', durable: true));
        $refused(406, fn ($channel) => $channel->queue_delete($queue, if_empty: true));
        $refused(406, fn ($channel) => $channel->basic_ack(42));
        $refused(403, fn ($channel) => queue($channel, 'amq.mine'));
        $refused(403, fn ($channel) => $channel->exchange_delete('amq.direct'));
        equal(1, $setup->queue_delete($queue));
    },

    'connection_errors' => function (Broker $broker): void {
        $channel = $broker->channel();
        connectionRefused(540, function () use ($channel): void {
            $channel->basic_publish(new AMQPMessage('x'), '', 'connection_errors', immediate: true);
            wait($channel, 'the refusal', fn () => false);
        });
        $channel = $broker->channel();
        connectionRefused(540, fn () => $channel->basic_qos(1000, 0, false));
    },
];
