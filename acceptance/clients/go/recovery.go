package main

import (
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// The client's own recovery, against what it has to recover from.
var recovery = []scenario{
	{"cut_connection", cutConnection},
	{"restarted_broker", restartedBroker},
}

// A connection that recovers by itself, and what it tells of that.
func recovering(b broker) (*amqp.Connection, chan *amqp.StateChanged) {
	config := amqp.Config{Recovery: &amqp.Recovery{
		ReconnectionConfig: &amqp.ReconnectionConfig{
			MaxRetryCount: 300,
			RetryInterval: 100 * time.Millisecond,
		},
	}}
	connection := value(amqp.DialConfig(b.uri, config))
	states := make(chan *amqp.StateChanged, 100)
	connection.NotifyStateChange(states)
	return connection, states
}

// Waits until the connection is open once more.
func recovered(states <-chan *amqp.StateChanged) {
	for {
		state := next("the recovery", states)
		check(state.To != amqp.StateClosed, "given up: %v", state.Err)
		if state.To == amqp.StateOpen {
			check(len(state.SkippedTopologyEntities) == 0, "skipped: %v", state.SkippedTopologyEntities)
			return
		}
	}
}

func cutConnection(b broker) {
	connection, states := recovering(b)
	defer connection.Close()
	ch := channel(connection)
	must(ch.ExchangeDeclare("cut_connection", "topic", false, true, false, false, nil))
	q := value(ch.QueueDeclare("", false, false, true, false, nil)).Name
	bind(ch, q, "cut_connection", "a.#", nil)
	deliveries := consume(ch, q, "", false)
	for round := range 3 {
		publish(ch, "cut_connection", "a.b", strconv.Itoa(round))
		must(expect(deliveries, round, round+1)[0].Ack(false))
		b.command("cut")
		recovered(states)
	}
}

func restartedBroker(b broker) {
	connection, states := recovering(b)
	defer connection.Close()
	ch := channel(connection)
	q := durableQueue(ch, "restarted_broker", nil)
	must(ch.Confirm(false))
	for number := range 10 {
		check(confirmed(ch, q, strconv.Itoa(number)), "nacked")
	}
	must(ch.Qos(1, 0, false))
	deliveries := consume(ch, q, "", false)
	expect(deliveries, 0, 1)
	b.command("restart")
	recovered(states)
	for number := range 10 {
		must(expect(deliveries, number, number+1)[0].Ack(false))
	}
	until("the end of the queue", func() bool { return depth(ch, q) == 0 })
	value(ch.QueueDelete(q, false, false, false))
}
