package main

import (
	"sync/atomic"

	amqp "github.com/rabbitmq/amqp091-go"
)

// What publishers are told, and when.
var publishing = []scenario{
	{"confirms", confirms},
	{"mandatory_return", mandatoryReturn},
	{"transactions", transactions},
	{"copies", copies},
	{"full_queue", fullQueue},
	{"blocked", blocked},
}

// Publishes and waits for the confirm; whether it was an ack.
func confirmed(ch *amqp.Channel, queue, body string) bool {
	message := amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte(body)}
	confirm := value(ch.PublishWithDeferredConfirm("", queue, false, false, message))
	next("a confirm", confirm.Done())
	return confirm.Acked()
}

func confirms(b broker) {
	connection := b.connect()
	defer connection.Close()
	ch := channel(connection)
	q := durableQueue(ch, "confirms", nil)
	must(ch.Confirm(false))
	told := ch.NotifyPublish(make(chan amqp.Confirmation, 1000))
	message := amqp.Publishing{DeliveryMode: amqp.Persistent, Body: make([]byte, 100)}
	for range 500 {
		must(ch.Publish("", q, false, false, message))
	}
	for number := uint64(1); number <= 500; number++ {
		equal(amqp.Confirmation{DeliveryTag: number, Ack: true}, next("a confirm", told))
	}
	equal(500, depth(ch, q))
	check(confirmed(ch, q, "one"), "nacked")
	equal(501, value(ch.QueueDelete(q, false, false, false)))
}

func mandatoryReturn(b broker) {
	connection := b.connect()
	defer connection.Close()
	ch := channel(connection)
	must(ch.Confirm(false))
	returned := ch.NotifyReturn(make(chan amqp.Return, 1))
	message := amqp.Publishing{Body: []byte("lost")}
	confirm := value(ch.PublishWithDeferredConfirm("amq.direct", "mandatory_return", true, false, message))
	next("the confirm", confirm.Done())
	check(confirm.Acked() && len(returned) == 1, "the confirm came before the message")
	back := <-returned
	equal(uint16(312), back.ReplyCode)
	equal("amq.direct", back.Exchange)
	equal("mandatory_return", back.RoutingKey)
	equal("lost", string(back.Body))
}

func transactions(b broker) {
	connection := b.connect()
	defer connection.Close()
	watching, ch := channel(connection), channel(connection)
	in, out := queue(ch, "transactions.in", nil), queue(ch, "transactions.out", nil)
	publish(watching, "", in, "order")
	must(ch.Tx())
	for _, commit := range []bool{false, true} {
		must(arrival(ch, in).Ack(false))
		publish(ch, "", out, "invoice")
		publish(ch, "", out, "receipt")
		equal(0, depth(watching, out))
		if commit {
			must(ch.TxCommit())
		} else {
			must(ch.TxRollback())
			// What was acknowledged is held again, and given back on request.
			must(ch.Recover(true))
		}
	}
	equal([]string{"invoice", "receipt"}, drain(watching, out))
	must(ch.Close())
	equal(0, depth(watching, in))
}

func copies(b broker) {
	connection := b.connect()
	defer connection.Close()
	ch := channel(connection)
	queues := []string{"copies.to", "copies.cc", "copies.bcc"}
	for _, name := range queues {
		queue(ch, name, nil)
	}
	headers := amqp.Table{"CC": []any{queues[1]}, "BCC": []any{queues[2]}}
	must(ch.Publish("", queues[0], false, false, amqp.Publishing{Headers: headers}))
	for _, name := range queues {
		equal(amqp.Table{"CC": []any{queues[1]}}, got(ch, name).Headers)
	}
}

func fullQueue(b broker) {
	connection := b.connect()
	defer connection.Close()
	ch := channel(connection)
	q := queue(ch, "full_queue", amqp.Table{"x-max-length": 1, "x-overflow": "reject-publish"})
	must(ch.Confirm(false))
	check(confirmed(ch, q, "first"), "the first is nacked")
	check(!confirmed(ch, q, "second"), "the second is acked")
	equal([]string{"first"}, drain(ch, q))
}

func blocked(b broker) {
	publishing, other := b.connect(), b.connect()
	defer publishing.Close()
	defer other.Close()
	told := publishing.NotifyBlocked(make(chan amqp.Blocking, 10))
	ch := channel(publishing)
	q := queue(ch, "blocked", nil)
	var enough atomic.Bool
	ended := make(chan error, 1)
	go func() { ended <- fill(ch, q, &enough) }()
	first := next("connection.blocked", told)
	enough.Store(true)
	check(first.Active && first.Reason != "", "blocked: %v", first)

	// What is on its way arrives once there is room.
	purging := channel(other)
	until("connection.unblocked", func() bool {
		value(purging.QueuePurge(q, false))
		return len(told) > 0 && len(ended) > 0
	})
	check(!(<-told).Active, "blocked again")
	must(<-ended)
	value(ch.QueueDelete(q, false, false, false))
}

// Publishes until it is enough.
func fill(ch *amqp.Channel, queue string, enough *atomic.Bool) error {
	message := amqp.Publishing{Body: make([]byte, 256*1024)}
	for count := 0; count < 1000 && !enough.Load(); count++ {
		if err := ch.Publish("", queue, false, false, message); err != nil {
			return err
		}
	}
	return nil
}
