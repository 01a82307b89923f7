<?php

/** Exchanges, queues, bindings and policies. */

declare(strict_types=1);

namespace Ferry;

use PhpAmqpLib\Channel\AMQPChannel;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPTable;

function exchange(AMQPChannel $channel, string $name, string $type, array $arguments = []): void
{
    $table = new AMQPTable($arguments);
    $channel->exchange_declare($name, $type, auto_delete: false, arguments: $table);
}

return [
    'declare_and_bind' => function (Broker $broker): void {
        $channel = $broker->channel();
        $types = ['direct', 'fanout', 'topic', 'headers'];
        foreach ($types as $type) {
            exchange($channel, "declare_and_bind.$type", $type);
            exchange($channel, "declare_and_bind.$type", $type);
            $channel->exchange_declare("declare_and_bind.$type", $type, passive: true);
        }
        $queue = queue($channel, 'declare_and_bind', durable: true);
        queue($channel, 'declare_and_bind', durable: true);
        equal(0, depth($channel, $queue));
        [$named] = $channel->queue_declare('', exclusive: true);
        check(str_starts_with($named, 'amq.gen-'), "server-named: $named");

        [$topic, $fanout] = ['declare_and_bind.topic', 'declare_and_bind.fanout'];
        $channel->queue_bind($queue, $topic, 'order.*');
        $channel->exchange_bind($topic, $fanout);
        publish($channel, $topic, 'order.new', 'direct');
        publish($channel, $fanout, 'order.paid', 'through two');
        publish($channel, $topic, 'order.new.eu', 'too long');
        $channel->exchange_unbind($topic, $fanout);
        publish($channel, $fanout, 'order.paid', 'undone');
        $channel->queue_unbind($queue, $topic, 'order.*');
        publish($channel, $topic, 'order.new', 'undone');
        equal(['direct', 'through two'], drain($channel, $queue));

        publishNumbers($channel, $queue, 3);
        equal(3, $channel->queue_purge($queue));
        publishNumbers($channel, $queue, 2);
        equal(2, $channel->queue_delete($queue));
        foreach ($types as $type) {
            $channel->exchange_delete("declare_and_bind.$type");
        }
    },

    'alternate_exchange' => function (Broker $broker): void {
        $channel = $broker->channel();
        exchange($channel, 'alternate_exchange.other', 'fanout');
        $alternate = ['alternate-exchange' => 'alternate_exchange.other'];
        exchange($channel, 'alternate_exchange', 'direct', $alternate);
        $bound = queue($channel, 'alternate_exchange.bound');
        $rest = queue($channel, 'alternate_exchange.rest');
        $channel->queue_bind($bound, 'alternate_exchange', 'known');
        $channel->queue_bind($rest, 'alternate_exchange.other');
        publish($channel, 'alternate_exchange', 'known', 'a');
        publish($channel, 'alternate_exchange', 'unknown', 'b');
        equal(['a'], drain($channel, $bound));
        equal(['b'], drain($channel, $rest));
    },

    'headers_exchange' => function (Broker $broker): void {
        $channel = $broker->channel();
        exchange($channel, 'headers_exchange', 'headers');
        foreach (['all', 'any'] as $match) {
            $queue = queue($channel, "headers_exchange.$match");
            $headers = new AMQPTable(['x-match' => $match, 'kind' => 'pdf', 'pages' => 4]);
            $channel->queue_bind($queue, 'headers_exchange', arguments: $headers);
        }
        $sent = [
            ['kind' => 'pdf', 'pages' => 4, 'more' => true],
            ['kind' => 'pdf', 'pages' => 5],
            ['pages' => 4],
            ['kind' => 'zip'],
        ];
        foreach ($sent as $number => $headers) {
            $properties = ['application_headers' => new AMQPTable($headers)];
            $channel->basic_publish(new AMQPMessage((string) $number, $properties), 'headers_exchange');
        }
        equal(['0'], drain($channel, 'headers_exchange.all'));
        equal(['0', '1', '2'], drain($channel, 'headers_exchange.any'));
    },

    'consistent_hash' => function (Broker $broker): void {
        $channel = $broker->channel();
        exchange($channel, 'consistent_hash', 'x-consistent-hash');
        $queues = ['consistent_hash.one', 'consistent_hash.two'];
        foreach ($queues as $queue) {
            $channel->queue_bind(queue($channel, $queue), 'consistent_hash', '1');
        }
        for ($number = 0; $number < 200; $number++) {
            $key = 'key-' . $number % 100;
            publish($channel, 'consistent_hash', $key, $key);
        }
        [$first, $second] = array_map(fn ($queue) => drain($channel, $queue), $queues);
        equal(200, count($first) + count($second));
        check($first !== [] && $second !== [], 'one queue got everything');
        equal([], array_values(array_intersect($first, $second)));
    },

    'exclusive_queue' => function (Broker $broker): void {
        [$other, $owner] = [$broker->connect(), $broker->connect()];
        $declare = fn (AMQPChannel $channel) => $channel->queue_declare('exclusive_queue', exclusive: true);
        $declare($owner->channel());
        channelRefused($other, 405, $declare);
        channelRefused($other, 405, fn ($channel) => $channel->basic_get('exclusive_queue'));
        $owner->close();
        channelRefused($other, 404, fn ($channel) => depth($channel, 'exclusive_queue'));
    },

    'policies' => function (Broker $broker): void {
        $channel = $broker->channel();
        $queue = queue($channel, 'policies.q');
        $dead = queue($channel, 'dead-policies');
        publishNumbers($channel, $queue, 5);
        until('the dead letters', fn () => depth($channel, $dead) === 3);
        equal(['0', '1', '2'], drain($channel, $dead));
        equal(['3', '4'], drain($channel, $queue));
    },
];
