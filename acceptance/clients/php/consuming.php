<?php

/** Who gets which message, and when again. */

declare(strict_types=1);

namespace Ferry;

use PhpAmqpLib\Exception\AMQPBasicCancelException;
use PhpAmqpLib\Message\AMQPMessage;

return [
    'get' => function (Broker $broker): void {
        $channel = $broker->channel();
        $queue = queue($channel, 'get');
        equal(null, $channel->basic_get($queue, true));
        publishNumbers($channel, $queue, 3);
        for ($number = 0; $number < 3; $number++) {
            $message = $channel->basic_get($queue);
            equal((string) $number, $message->getBody());
            equal(2 - $number, $message->getMessageCount());
            $message->ack();
        }
        equal(null, $channel->basic_get($queue, true));
    },

    'prefetch' => function (Broker $broker): void {
        $channel = $broker->channel();
        $queue = queue($channel, 'prefetch');
        publishNumbers($channel, $queue, 20);
        $channel->basic_qos(0, 5, false);
        $inbox = new Inbox($channel, $queue, false);
        $first = $inbox->expect(0, 5);
        equal(15, depth($channel, $queue));
        $first[4]->ack(true);
        $inbox->expect(5, 10);
        equal(10, depth($channel, $queue));
        equal([], $inbox->messages);
    },

    'settling' => function (Broker $broker): void {
        $channel = $broker->channel();
        $queue = queue($channel, 'settling');
        publishNumbers($channel, $queue, 6);
        $inbox = new Inbox($channel, $queue, false);
        $messages = $inbox->expect(0, 6);
        $messages[1]->ack(true);
        $messages[2]->reject(false);
        $channel->basic_cancel($inbox->tag);
        $messages[5]->nack(requeue: true, multiple: true);
        equal(3, depth($channel, $queue));
        allRedelivered((new Inbox($channel, $queue, true))->expect(3, 6));
        equal(0, $channel->queue_delete($queue));
    },

    'recover' => function (Broker $broker): void {
        $channel = $broker->channel();
        $queue = queue($channel, 'recover');
        publishNumbers($channel, $queue, 2);
        $inbox = new Inbox($channel, $queue, false);
        $inbox->expect(0, 2);
        $channel->basic_recover(true);
        allRedelivered($inbox->expect(0, 2));
    },

    'priorities' => function (Broker $broker): void {
        $channel = $broker->channel();
        $queue = queue($channel, 'priorities', ['x-max-priority' => 5]);
        for ($priority = 0; $priority <= 5; $priority++) {
            $message = new AMQPMessage((string) $priority, ['priority' => $priority]);
            $channel->basic_publish($message, '', $queue);
        }
        equal(['5', '4', '3', '2', '1', '0'], drain($channel, $queue));
    },

    'single_active_consumer' => function (Broker $broker): void {
        $channel = $broker->channel();
        $queue = queue($channel, 'single_active_consumer', ['x-single-active-consumer' => true]);
        $active = new Inbox($channel, $queue, true);
        $waiting = new Inbox($channel, $queue, true);
        publishNumbers($channel, $queue, 10);
        $active->expect(0, 10);
        equal([], $waiting->messages);
        $channel->basic_cancel($active->tag);
        publish($channel, '', $queue, 'last');
        equal('last', $waiting->next()->getBody());
    },

    'cancel_notification' => function (Broker $broker): void {
        [$channel, $other] = [$broker->channel(), $broker->channel()];
        $queue = queue($channel, 'cancel_notification');
        $inbox = new Inbox($channel, $queue, true);
        $other->queue_delete($queue);
        try {
            $inbox->next();
        } catch (AMQPBasicCancelException $cancelled) {
            equal($inbox->tag, $cancelled->consumerTag);
            return;
        }
        throw new \Exception('a deleted queue delivers');
    },

    'shared_queue' => function (Broker $broker): void {
        [$first, $second] = [$broker->connect(), $broker->connect()];
        [$holding, $taking] = [$first->channel(), $second->channel()];
        $queue = queue($holding, 'shared_queue');
        publishNumbers($holding, $queue, 30);
        $holding->basic_qos(0, 10, false);
        (new Inbox($holding, $queue, false))->expect(0, 10);
        $inbox = new Inbox($taking, $queue, true);
        $inbox->expect(10, 30);
        $first->close();
        allRedelivered($inbox->expect(0, 10));
        equal(0, $taking->queue_delete($queue));
    },

    'request_reply' => function (Broker $broker): void {
        [$client, $server] = [$broker->channel(), $broker->channel()];
        $queue = queue($server, 'request_reply');
        $requests = new Inbox($server, $queue, true);
        $answers = new Inbox($client, 'amq.rabbitmq.reply-to', true);
        for ($number = 0; $number < 50; $number++) {
            $properties = ['correlation_id' => "c$number", 'reply_to' => 'amq.rabbitmq.reply-to'];
            $client->basic_publish(new AMQPMessage((string) $number, $properties), '', $queue);
        }
        for ($number = 0; $number < 50; $number++) {
            $request = $requests->next();
            $properties = ['correlation_id' => $request->get('correlation_id')];
            $answer = new AMQPMessage((string) (2 * (int) $request->getBody()), $properties);
            $server->basic_publish($answer, '', $request->get('reply_to'));
        }
        for ($number = 0; $number < 50; $number++) {
            $answer = $answers->next();
            equal("c$number", $answer->get('correlation_id'));
            equal((string) (2 * $number), $answer->getBody());
        }
    },
];
