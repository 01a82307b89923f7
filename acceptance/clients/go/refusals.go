package main

import (
	"errors"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

// What the broker will not do, and how it says so.
var refusals = []scenario{
	{"wrong_password", wrongPassword},
	{"missing_permission", missingPermission},
	{"channel_errors", channelErrors},
	{"connection_errors", connectionErrors},
}

// This library does not ask to be told why a login fails: the broker hangs up, and the code and the
// words are the library's own.
func wrongPassword(b broker) {
	equal(amqp.ErrCredentials, loginRefused(b, "app", "wrong", "/"))
	equal(amqp.ErrCredentials, loginRefused(b, "nobody", "app", "/"))
	unknown := loginRefused(b, "app", "app", "nowhere")
	check(unknown.Server, "the broker did not say why: %v", unknown)
	equal(530, unknown.Code)
}

func loginRefused(b broker, user, password, vhost string) *amqp.Error {
	connection, err := b.connectAs(user, password, vhost)
	if err == nil {
		connection.Close()
		panic(user + " may come in to " + vhost + " with " + password)
	}
	var refused *amqp.Error
	check(errors.As(err, &refused), "not refused but %v", err)
	return refused
}

func missingPermission(b broker) {
	owner := b.connect()
	defer owner.Close()
	connection := value(b.connectAs("limited", "limited", "/"))
	defer connection.Close()
	theirs := queue(channel(owner), "missing_permission", nil)
	refused := func(action func(*amqp.Channel) error) {
		text := channelRefused(connection, 403, action)
		check(strings.HasPrefix(text, "ACCESS_REFUSED"), "%s", text)
	}
	refused(func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare("theirs", false, false, false, false, nil)
		return err
	})
	refused(func(ch *amqp.Channel) error {
		_, err := ch.QueueDelete(theirs, false, false, false)
		return err
	})
	refused(func(ch *amqp.Channel) error {
		_, err := ch.QueuePurge(theirs, false)
		return err
	})
	refused(func(ch *amqp.Channel) error {
		_, _, err := ch.Get(theirs, true)
		return err
	})
	refused(func(ch *amqp.Channel) error {
		_, err := ch.Consume(theirs, "", true, false, false, false, nil)
		return err
	})
	refused(func(ch *amqp.Channel) error {
		return ch.Publish("amq.direct", theirs, false, false, amqp.Publishing{})
	})
	ch := channel(connection)
	mine := queue(ch, "mine", nil)
	must(ch.ExchangeDeclare("mine", "direct", false, true, false, false, nil))
	bind(ch, mine, "mine", "key", nil)
	refused(func(ch *amqp.Channel) error { return ch.QueueBind(mine, "key", "amq.direct", false, nil) })
	publish(ch, "mine", "key", "allowed")
	equal([]string{"allowed"}, drain(ch, mine))
	value(ch.QueueDelete(mine, false, false, false))
}

func channelErrors(b broker) {
	connection := b.connect()
	defer connection.Close()
	setup := channel(connection)
	q := durableQueue(setup, "channel_errors", nil)
	publish(setup, "", q, "kept")
	cases := []struct {
		code   int
		action func(*amqp.Channel) error
	}{
		{404, func(c *amqp.Channel) error {
			_, err := c.QueueDeclarePassive("missing", false, false, false, false, nil)
			return err
		}},
		{404, func(c *amqp.Channel) error {
			return c.ExchangeDeclarePassive("missing", "direct", false, false, false, false, nil)
		}},
		{404, func(c *amqp.Channel) error {
			return c.Publish("missing", "key", false, false, amqp.Publishing{})
		}},
		{404, func(c *amqp.Channel) error {
			_, err := c.Consume("missing", "", true, false, false, false, nil)
			return err
		}},
		{404, func(c *amqp.Channel) error { return c.QueueBind(q, "key", "missing", false, nil) }},
		{406, func(c *amqp.Channel) error {
			_, err := c.QueueDeclare(q, false, false, false, false, nil)
			return err
		}},
		{406, func(c *amqp.Channel) error {
			return c.ExchangeDeclare("amq.direct", "fanout", true, false, false, false, nil)
		}},
		{406, func(c *amqp.Channel) error {
			_, err := c.QueueDelete(q, false, true, false)
			return err
		}},
		{406, func(c *amqp.Channel) error { return c.Ack(42, false) }},
		{403, func(c *amqp.Channel) error {
			_, err := c.QueueDeclare("amq.mine", false, false, false, false, nil)
			return err
		}},
		{403, func(c *amqp.Channel) error { return c.ExchangeDelete("amq.direct", false, false) }},
	}
	for _, one := range cases {
		channelRefused(connection, one.code, one.action)
	}
	equal(1, value(setup.QueueDelete(q, false, false, false)))
}

func connectionErrors(b broker) {
	connectionRefused(b, 540, func(ch *amqp.Channel) error {
		return ch.Publish("", "connection_errors", false, true, amqp.Publishing{})
	})
	connectionRefused(b, 540, func(ch *amqp.Channel) error { return ch.Qos(0, 1000, false) })
}

func connectionRefused(b broker, code int, action func(*amqp.Channel) error) {
	connection := b.connect()
	closed := connection.NotifyClose(make(chan *amqp.Error, 1))
	// Why it fails, if it does, is what the listener is told.
	_ = action(channel(connection))
	refused := next("the end of the connection", closed)
	check(refused != nil, "not refused; expected %d", code)
	equal(code, refused.Code)
}
