<?php

/** What is in a message comes as it went. */

declare(strict_types=1);

namespace Ferry;

use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPAbstractCollection as Type;
use PhpAmqpLib\Wire\AMQPArray;
use PhpAmqpLib\Wire\AMQPDecimal;
use PhpAmqpLib\Wire\AMQPTable;

/** A value of every type the library can write; of numbers with a fraction only decimals. */
function oneOfEach(): AMQPTable
{
    $table = new AMQPTable();
    $table->set('boolean', true);
    $table->set('octet', 200, Type::T_INT_SHORTSHORT_U);
    $table->set('byte', -7, Type::T_INT_SHORTSHORT);
    $table->set('short', -300, Type::T_INT_SHORT);
    $table->set('ushort', 60_000, Type::T_INT_SHORT_U);
    $table->set('int', -70_000, Type::T_INT_LONG);
    $table->set('uint', 4_000_000_000, Type::T_INT_LONG_U);
    $table->set('long', 2 ** 40, Type::T_INT_LONGLONG);
    $table->set('decimal', new AMQPDecimal(12_345, 3));
    $table->set('text', 'grüße 世界 🚢');
    $table->set('empty', '');
    $table->set('binary', "\x00\xFF\xCE", Type::T_BYTES);
    $table->set('time', 1_700_000_000, Type::T_TIMESTAMP);
    $table->set('nothing', null);
    $table->set('ключ', 1);
    return $table;
}

/** Types and values, comparable. */
function plain(Type $collection): array
{
    $plain = [];
    foreach ($collection as $key => [$type, $value]) {
        $plain[$key] = [$type, match (true) {
            $value instanceof Type => plain($value),
            $value instanceof AMQPDecimal => [$value->getN(), $value->getE()],
            // The library reads a boolean as a number.
            $type === Type::T_BOOL => (bool) $value,
            default => $value,
        }];
    }
    ksort($plain);
    return $plain;
}

return [
    'properties' => function (Broker $broker): void {
        $channel = $broker->channel();
        $queue = queue($channel, 'properties');
        $properties = [
            'content_type' => 'text/plain; charset=utf-8',
            'content_encoding' => 'identity',
            'delivery_mode' => 2,
            'priority' => 7,
            'correlation_id' => 'Zusammenhang ß',
            'reply_to' => '返信',
            'expiration' => '60000',
            'message_id' => '🚢',
            'timestamp' => 1_700_000_000,
            'type' => 'τύπος',
            'user_id' => 'app',
            'app_id' => 'приложение',
            'cluster_id' => 'x',
        ];
        $headers = ['application_headers' => new AMQPTable(['größe' => 1])];
        $channel->basic_publish(new AMQPMessage('grüße 世界', $properties + $headers), '', $queue);
        $came = $channel->basic_get($queue, true);
        equal(['größe' => 1], headers($came));
        equal('grüße 世界', $came->getBody());
        foreach ($properties as $name => $value) {
            equal($value, $came->get($name));
        }
    },

    'header_types' => function (Broker $broker): void {
        $channel = $broker->channel();
        $queue = queue($channel, 'header_types');
        $sent = oneOfEach();
        $sent->set('table', oneOfEach());
        $sent->set('list', new AMQPArray([1, null, [true, []], oneOfEach()]));
        $channel->basic_publish(new AMQPMessage('', ['application_headers' => $sent]), '', $queue);
        $came = plain($channel->basic_get($queue, true)->get('application_headers'));
        foreach (plain($sent) as $name => $value) {
            equal([$name => $value], [$name => $came[$name] ?? 'missing']);
        }
        equal(count(plain($sent)), count($came));
    },

    'large_messages' => function (Broker $broker): void {
        $channel = $broker->channel();
        $queue = queue($channel, 'large_messages');
        // The broker's own limit, which this library takes over.
        $frame = 131_072 - 8;
        foreach ([0, 1, $frame - 1, $frame, $frame + 1, 5 << 20] as $size) {
            $body = $size === 0 ? '' : random_bytes($size);
            publish($channel, '', $queue, $body);
            check($channel->basic_get($queue, true)->getBody() === $body, "$size bytes came otherwise");
        }
    },

    'many_channels' => function (Broker $broker): void {
        $connection = $broker->connect();
        $channels = [];
        for ($number = 0; $number < 200; $number++) {
            $channels[] = $connection->channel();
            publish($channels[$number], '', queue($channels[$number], "many_channels.$number"), 'x');
        }
        foreach ($channels as $number => $channel) {
            equal(['x'], drain($channel, "many_channels.$number"));
            $channel->queue_delete("many_channels.$number");
        }
    },
];
