<?php

/** The broker under test, and what all scenarios expect and wait with. */

declare(strict_types=1);

namespace Ferry;

use PhpAmqpLib\Channel\AMQPChannel;
use PhpAmqpLib\Connection\AMQPStreamConnection;
use PhpAmqpLib\Exception\AMQPProtocolChannelException;
use PhpAmqpLib\Exception\AMQPTimeoutException;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPTable;

/** Long enough for a busy machine, short enough to end a run that hangs. */
const PATIENCE_S = 30;

const PERSISTENT = ['delivery_mode' => AMQPMessage::DELIVERY_MODE_PERSISTENT];

final class Broker
{
    /** @var AMQPStreamConnection[] */
    private array $connections = [];

    public function __construct(private string $uri, private string $control)
    {
    }

    public function connect(
        string $user = 'app',
        string $password = 'app',
        string $vhost = '/',
        string $mechanism = 'AMQPLAIN',
    ): AMQPStreamConnection {
        ['host' => $host, 'port' => $port] = parse_url($this->uri);
        return $this->connections[] = new AMQPStreamConnection(
            $host,
            $port,
            $user,
            $password,
            $vhost,
            login_method: $mechanism,
            connection_timeout: PATIENCE_S,
            read_write_timeout: PATIENCE_S,
            channel_rpc_timeout: PATIENCE_S,
        );
    }

    /** A channel on a connection of its own. */
    public function channel(): AMQPChannel
    {
        return $this->connect()->channel();
    }

    /** Has the test kit do something to the broker, and waits until it is done. */
    public function command(string $word): void
    {
        $socket = stream_socket_client("tcp://$this->control", timeout: PATIENCE_S);
        stream_set_timeout($socket, PATIENCE_S);
        fwrite($socket, "$word\n");
        equal("done\n", fgets($socket));
        fclose($socket);
    }

    /** Closes what a scenario left open. */
    public function hangUp(): void
    {
        foreach ($this->connections as $connection) {
            try {
                $connection->close();
            } catch (\Exception) {
                // It was the scenario's subject that this connection is closed, or it failed.
            }
        }
        $this->connections = [];
    }
}

/** What a consumer received, in order. */
final class Inbox
{
    /** @var AMQPMessage[] */
    public array $messages = [];
    public string $tag;

    public function __construct(private AMQPChannel $channel, string $queue, bool $autoAck)
    {
        $keep = function (AMQPMessage $message): void {
            $this->messages[] = $message;
        };
        $this->tag = $channel->basic_consume($queue, no_ack: $autoAck, callback: $keep);
    }

    public function next(): AMQPMessage
    {
        wait($this->channel, 'a delivery', fn () => $this->messages !== []);
        return array_shift($this->messages);
    }

    /**
     * The next deliveries, which must have these numbers as bodies.
     *
     * @return AMQPMessage[]
     */
    public function expect(int $from, int $to): array
    {
        $taken = [];
        for ($number = $from; $number < $to; $number++) {
            $message = $this->next();
            equal((string) $number, $message->getBody());
            $taken[] = $message;
        }
        return $taken;
    }
}

function check(bool $condition, string $what): void
{
    if (!$condition) {
        throw new \Exception($what);
    }
}

function equal(mixed $expected, mixed $actual): void
{
    if ($expected !== $actual) {
        $show = fn (mixed $value): string => substr(var_export($value, true), 0, 500);
        throw new \Exception('expected ' . $show($expected) . ', got ' . $show($actual));
    }
}

/** Handles what comes on a channel until the condition holds. */
function wait(AMQPChannel $channel, string $what, callable $condition): void
{
    $deadline = microtime(true) + PATIENCE_S;
    while (!$condition()) {
        check(microtime(true) < $deadline, "waited in vain for $what");
        try {
            $channel->wait(timeout: 0.05);
        } catch (AMQPTimeoutException) {
            // The condition may hold for another reason.
        }
    }
}

/** Asks until the condition holds. */
function until(string $what, callable $condition): void
{
    $deadline = microtime(true) + PATIENCE_S;
    while (!$condition()) {
        check(microtime(true) < $deadline, "waited in vain for $what");
        usleep(5000);
    }
}

/** A transient queue, unless it is said to be durable. */
function queue(AMQPChannel $channel, string $name, array $arguments = [], bool $durable = false): string
{
    $table = new AMQPTable($arguments);
    $channel->queue_declare($name, durable: $durable, auto_delete: false, arguments: $table);
    return $name;
}

function publish(AMQPChannel $channel, string $exchange, string $key, string $body): void
{
    $channel->basic_publish(new AMQPMessage($body), $exchange, $key);
}

/** Publishes "0", "1" and so on to a queue. */
function publishNumbers(AMQPChannel $channel, string $queue, int $count): void
{
    for ($number = 0; $number < $count; $number++) {
        publish($channel, '', $queue, (string) $number);
    }
}

/** Messages ready in the queue. */
function depth(AMQPChannel $channel, string $queue): int
{
    return $channel->queue_declare($queue, passive: true, auto_delete: false)[1];
}

/** The next message of the queue, not settled, once it is there. */
function arrival(AMQPChannel $channel, string $queue): AMQPMessage
{
    $message = null;
    until("a message in $queue", function () use ($channel, $queue, &$message): bool {
        return ($message = $channel->basic_get($queue)) !== null;
    });
    return $message;
}

/**
 * Bodies of all that the queue has, taken.
 *
 * @return string[]
 */
function drain(AMQPChannel $channel, string $queue): array
{
    $bodies = [];
    while (($message = $channel->basic_get($queue, true)) !== null) {
        $bodies[] = $message->getBody();
    }
    return $bodies;
}

/** The message's headers as PHP's own values. */
function headers(AMQPMessage $message): array
{
    $there = $message->has('application_headers');
    return $there ? $message->get('application_headers')->getNativeData() : [];
}

/** @param AMQPMessage[] $messages */
function allRedelivered(array $messages): void
{
    foreach ($messages as $message) {
        check($message->isRedelivered(), $message->getBody() . ' is not marked redelivered');
    }
}

/** The action must end in the channel being closed with this code; the connection goes on. */
function channelRefused(AMQPStreamConnection $connection, int $code, callable $action): string
{
    $channel = $connection->channel();
    try {
        $action($channel);
        // What has no answer is refused a moment later.
        wait($channel, "a refusal with code $code", fn () => false);
    } catch (AMQPProtocolChannelException $refused) {
        equal($code, $refused->amqp_reply_code);
        check($connection->isConnected(), 'the connection is closed as well');
        return $refused->amqp_reply_text;
    }
}
