package main

import (
	"slices"
	"strconv"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Exchanges, queues, bindings and policies.
var topology = []scenario{
	{"declare_and_bind", declareAndBind},
	{"alternate_exchange", alternateExchange},
	{"headers_exchange", headersExchange},
	{"consistent_hash", consistentHash},
	{"exclusive_queue", exclusiveQueue},
	{"policies", policies},
}

func exchange(ch *amqp.Channel, name, kind string, arguments amqp.Table) {
	must(ch.ExchangeDeclare(name, kind, false, false, false, false, arguments))
}

func declareAndBind(b broker) {
	connection := b.connect()
	defer connection.Close()
	ch := channel(connection)
	kinds := []string{"direct", "fanout", "topic", "headers"}
	for _, kind := range kinds {
		name := "declare_and_bind." + kind
		exchange(ch, name, kind, nil)
		exchange(ch, name, kind, nil)
		must(ch.ExchangeDeclarePassive(name, kind, false, false, false, false, nil))
	}
	q := durableQueue(ch, "declare_and_bind", nil)
	equal(q, durableQueue(ch, "declare_and_bind", nil))
	equal(0, depth(ch, q))
	named := value(ch.QueueDeclare("", false, false, true, false, nil)).Name
	check(strings.HasPrefix(named, "amq.gen-"), "server-named: %s", named)

	topic, fanout := "declare_and_bind.topic", "declare_and_bind.fanout"
	bind(ch, q, topic, "order.*", nil)
	must(ch.ExchangeBind(topic, "", fanout, false, nil))
	publish(ch, topic, "order.new", "direct")
	publish(ch, fanout, "order.paid", "through two")
	publish(ch, topic, "order.new.eu", "too long")
	must(ch.ExchangeUnbind(topic, "", fanout, false, nil))
	publish(ch, fanout, "order.paid", "undone")
	must(ch.QueueUnbind(q, "order.*", topic, nil))
	publish(ch, topic, "order.new", "undone")
	equal([]string{"direct", "through two"}, drain(ch, q))

	publishNumbers(ch, q, 3)
	equal(3, value(ch.QueuePurge(q, false)))
	publishNumbers(ch, q, 2)
	equal(2, value(ch.QueueDelete(q, false, false, false)))
	for _, kind := range kinds {
		must(ch.ExchangeDelete("declare_and_bind."+kind, false, false))
	}
}

func alternateExchange(b broker) {
	connection := b.connect()
	defer connection.Close()
	ch := channel(connection)
	exchange(ch, "alternate_exchange.other", "fanout", nil)
	alternate := amqp.Table{"alternate-exchange": "alternate_exchange.other"}
	exchange(ch, "alternate_exchange", "direct", alternate)
	bound := queue(ch, "alternate_exchange.bound", nil)
	rest := queue(ch, "alternate_exchange.rest", nil)
	bind(ch, bound, "alternate_exchange", "known", nil)
	bind(ch, rest, "alternate_exchange.other", "", nil)
	publish(ch, "alternate_exchange", "known", "a")
	publish(ch, "alternate_exchange", "unknown", "b")
	equal([]string{"a"}, drain(ch, bound))
	equal([]string{"b"}, drain(ch, rest))
}

func headersExchange(b broker) {
	connection := b.connect()
	defer connection.Close()
	ch := channel(connection)
	exchange(ch, "headers_exchange", "headers", nil)
	all := queue(ch, "headers_exchange.all", nil)
	either := queue(ch, "headers_exchange.any", nil)
	bind(ch, all, "headers_exchange", "", amqp.Table{"x-match": "all", "kind": "pdf", "pages": 4})
	bind(ch, either, "headers_exchange", "", amqp.Table{"x-match": "any", "kind": "pdf", "pages": 4})
	sent := []amqp.Table{
		{"kind": "pdf", "pages": 4, "more": true},
		{"kind": "pdf", "pages": 5},
		{"pages": 4},
		{"kind": "zip"},
	}
	for number, headers := range sent {
		message := amqp.Publishing{Headers: headers, Body: []byte(strconv.Itoa(number))}
		must(ch.Publish("headers_exchange", "", false, false, message))
	}
	equal([]string{"0"}, drain(ch, all))
	equal([]string{"0", "1", "2"}, drain(ch, either))
}

func consistentHash(b broker) {
	connection := b.connect()
	defer connection.Close()
	ch := channel(connection)
	exchange(ch, "consistent_hash", "x-consistent-hash", nil)
	one := queue(ch, "consistent_hash.one", nil)
	two := queue(ch, "consistent_hash.two", nil)
	bind(ch, one, "consistent_hash", "1", nil)
	bind(ch, two, "consistent_hash", "1", nil)
	for number := range 200 {
		key := "key-" + strconv.Itoa(number%100)
		publish(ch, "consistent_hash", key, key)
	}
	first, second := drain(ch, one), drain(ch, two)
	equal(200, len(first)+len(second))
	check(len(first) > 0 && len(second) > 0, "one queue got everything")
	for _, key := range first {
		check(!slices.Contains(second, key), "%s went both ways", key)
	}
}

func exclusiveQueue(b broker) {
	other, owner := b.connect(), b.connect()
	defer other.Close()
	exclusive := func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare("exclusive_queue", false, false, true, false, nil)
		return err
	}
	must(exclusive(channel(owner)))
	channelRefused(other, 405, exclusive)
	channelRefused(other, 405, func(ch *amqp.Channel) error {
		_, _, err := ch.Get("exclusive_queue", true)
		return err
	})
	must(owner.Close())
	channelRefused(other, 404, func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclarePassive("exclusive_queue", false, false, false, false, nil)
		return err
	})
}

func policies(b broker) {
	connection := b.connect()
	defer connection.Close()
	ch := channel(connection)
	q := queue(ch, "policies.q", nil)
	dead := queue(ch, "dead-policies", nil)
	publishNumbers(ch, q, 5)
	until("the dead letters", func() bool { return depth(ch, dead) == 3 })
	equal([]string{"0", "1", "2"}, drain(ch, dead))
	equal([]string{"3", "4"}, drain(ch, q))
}
