package main

import (
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// What becomes of messages that nobody accepts.
var deadLetters = []scenario{
	{"dead_letters", rejectedTwice},
	{"delivery_limit", deliveryLimit},
}

func rejectedTwice(b broker) {
	connection := b.connect()
	defer connection.Close()
	ch := channel(connection)
	work, retry := "dead_letters.work", "dead_letters.retry"
	queue(ch, work, amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": retry})
	queue(ch, retry, amqp.Table{
		"x-dead-letter-exchange":    "",
		"x-dead-letter-routing-key": work,
		"x-message-ttl":             1,
	})
	publish(ch, "", work, "job")
	must(arrival(ch, work).Reject(false))
	for round := int64(1); round <= 2; round++ {
		message := arrival(ch, work)
		equal("job", string(message.Body))
		deaths := message.Headers["x-death"].([]any)
		equal(2, len(deaths))
		death(deaths[0], "expired", retry, round)
		death(deaths[1], "rejected", work, round)
		equal("rejected", message.Headers["x-first-death-reason"])
		equal(work, message.Headers["x-first-death-queue"])
		equal("", message.Headers["x-first-death-exchange"])
		must(message.Reject(false))
	}
	value(ch.QueueDelete(work, false, false, false))
	value(ch.QueueDelete(retry, false, false, false))
}

// An entry of `x-death`: the message died in that queue, to which its name was the key.
func death(entry any, reason, queue string, count int64) {
	table := entry.(amqp.Table)
	died := table["time"].(time.Time)
	check(time.Since(died).Abs() < 10*time.Minute, "died at %v", died)
	delete(table, "time")
	equal(amqp.Table{
		"reason":       reason,
		"queue":        queue,
		"exchange":     "",
		"routing-keys": []any{queue},
		"count":        count,
	}, table)
}

func deliveryLimit(b broker) {
	connection := b.connect()
	defer connection.Close()
	ch := channel(connection)
	dead := queue(ch, "delivery_limit.dead", nil)
	q := durableQueue(ch, "delivery_limit", amqp.Table{
		"x-queue-type":              "quorum",
		"x-delivery-limit":          2,
		"x-dead-letter-exchange":    "",
		"x-dead-letter-routing-key": dead,
	})
	publish(ch, "", q, "poison")
	for _, returns := range []any{nil, int64(1), int64(2)} {
		message := arrival(ch, q)
		equal(returns, message.Headers["x-delivery-count"])
		must(message.Nack(false, true))
	}
	letter := arrival(ch, dead)
	equal("poison", string(letter.Body))
	equal("delivery_limit", letter.Headers["x-first-death-reason"])
	equal(0, value(ch.QueueDelete(q, false, false, false)))
}
