package main

import (
	"strconv"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Who gets which message, and when again.
var consuming = []scenario{
	{"get", get},
	{"prefetch", prefetch},
	{"settling", settling},
	{"recover", recoverChannel},
	{"priorities", priorities},
	{"single_active_consumer", singleActiveConsumer},
	{"cancel_notification", cancelNotification},
	{"shared_queue", sharedQueue},
	{"request_reply", requestReply},
}

func get(b broker) {
	connection := b.connect()
	defer connection.Close()
	ch := channel(connection)
	q := queue(ch, "get", nil)
	nothing := func() {
		_, there, err := ch.Get(q, true)
		must(err)
		check(!there, "an empty queue gave something")
	}
	nothing()
	publishNumbers(ch, q, 3)
	for number := range 3 {
		message, there, err := ch.Get(q, false)
		must(err)
		check(there, "only %d messages came", number)
		equal(strconv.Itoa(number), string(message.Body))
		equal(uint32(2-number), message.MessageCount)
		must(message.Ack(false))
	}
	nothing()
}

func prefetch(b broker) {
	connection := b.connect()
	defer connection.Close()
	ch := channel(connection)
	q := queue(ch, "prefetch", nil)
	publishNumbers(ch, q, 20)
	must(ch.Qos(5, 0, false))
	deliveries := consume(ch, q, "", false)
	first := expect(deliveries, 0, 5)
	equal(15, depth(ch, q))
	must(first[4].Ack(true))
	expect(deliveries, 5, 10)
	equal(10, depth(ch, q))
}

func settling(b broker) {
	connection := b.connect()
	defer connection.Close()
	ch := channel(connection)
	q := queue(ch, "settling", nil)
	publishNumbers(ch, q, 6)
	messages := expect(consume(ch, q, "first", false), 0, 6)
	must(messages[1].Ack(true))
	must(messages[2].Reject(false))
	must(ch.Cancel("first", false))
	must(messages[5].Nack(true, true))
	equal(3, depth(ch, q))
	allRedelivered(expect(consume(ch, q, "second", true), 3, 6))
	equal(0, value(ch.QueueDelete(q, false, false, false)))
}

func recoverChannel(b broker) {
	connection := b.connect()
	defer connection.Close()
	ch := channel(connection)
	q := queue(ch, "recover", nil)
	publishNumbers(ch, q, 2)
	deliveries := consume(ch, q, "", false)
	expect(deliveries, 0, 2)
	must(ch.Recover(true))
	allRedelivered(expect(deliveries, 0, 2))
}

func priorities(b broker) {
	connection := b.connect()
	defer connection.Close()
	ch := channel(connection)
	q := queue(ch, "priorities", amqp.Table{"x-max-priority": 5})
	for priority := range 6 {
		message := amqp.Publishing{Priority: uint8(priority), Body: []byte(strconv.Itoa(priority))}
		must(ch.Publish("", q, false, false, message))
	}
	equal([]string{"5", "4", "3", "2", "1", "0"}, drain(ch, q))
}

func singleActiveConsumer(b broker) {
	connection := b.connect()
	defer connection.Close()
	ch := channel(connection)
	q := queue(ch, "single_active_consumer", amqp.Table{"x-single-active-consumer": true})
	active := consume(ch, q, "active", true)
	waiting := consume(ch, q, "waiting", true)
	publishNumbers(ch, q, 10)
	expect(active, 0, 10)
	must(ch.Cancel("active", false))
	publish(ch, "", q, "last")
	equal("last", string(next("the last message", waiting).Body))
}

func cancelNotification(b broker) {
	connection, other := b.connect(), b.connect()
	defer connection.Close()
	defer other.Close()
	ch := channel(connection)
	q := queue(ch, "cancel_notification", nil)
	cancelled := ch.NotifyCancel(make(chan string, 1))
	consume(ch, q, "bereft", true)
	value(channel(other).QueueDelete(q, false, false, false))
	equal("bereft", next("the notification", cancelled))
}

func sharedQueue(b broker) {
	first, second := b.connect(), b.connect()
	defer second.Close()
	holding, taking := channel(first), channel(second)
	q := queue(holding, "shared_queue", nil)
	publishNumbers(holding, q, 30)
	must(holding.Qos(10, 0, false))
	expect(consume(holding, q, "", false), 0, 10)
	deliveries := consume(taking, q, "", true)
	expect(deliveries, 10, 30)
	must(first.Close())
	allRedelivered(expect(deliveries, 0, 10))
	equal(0, value(taking.QueueDelete(q, false, false, false)))
}

func requestReply(b broker) {
	serving, asking := b.connect(), b.connect()
	defer serving.Close()
	defer asking.Close()
	server := channel(serving)
	q := queue(server, "request_reply", nil)
	requests := consume(server, q, "", true)
	go func() {
		for request := range requests {
			number, _ := strconv.Atoi(string(request.Body))
			answer := amqp.Publishing{
				CorrelationId: request.CorrelationId,
				Body:          []byte(strconv.Itoa(2 * number)),
			}
			// Without an answer the other end fails.
			_ = server.Publish("", request.ReplyTo, false, false, answer)
		}
	}()
	client := channel(asking)
	answers := consume(client, "amq.rabbitmq.reply-to", "", true)
	for number := range 50 {
		request := amqp.Publishing{
			CorrelationId: strconv.Itoa(number),
			ReplyTo:       "amq.rabbitmq.reply-to",
			Body:          []byte(strconv.Itoa(number)),
		}
		must(client.Publish("", q, false, false, request))
	}
	for number := range 50 {
		answer := next("an answer", answers)
		equal(strconv.Itoa(number), answer.CorrelationId)
		equal(strconv.Itoa(2*number), string(answer.Body))
	}
}
