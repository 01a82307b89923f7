package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Long enough for a busy machine, short enough to end a run that hangs.
const patience = 30 * time.Second

// The broker under test.
type broker struct {
	uri     string
	control string
}

func (b broker) connect() *amqp.Connection {
	return value(amqp.Dial(b.uri))
}

// A connection as another user, with that name as password.
func (b broker) connectAs(user, password, vhost string) (*amqp.Connection, error) {
	uri := value(amqp.ParseURI(b.uri))
	uri.Username, uri.Password, uri.Vhost = user, password, vhost
	return amqp.Dial(uri.String())
}

// Has the test kit do something to the broker, and waits until it is done.
func (b broker) command(word string) {
	socket := value(net.Dial("tcp", b.control))
	defer socket.Close()
	value(fmt.Fprintln(socket, word))
	equal("done\n", value(bufio.NewReader(socket).ReadString('\n')))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func value[T any](v T, err error) T {
	must(err)
	return v
}

func check(condition bool, format string, arguments ...any) {
	if !condition {
		panic(fmt.Sprintf(format, arguments...))
	}
}

func equal(expected, actual any) {
	check(reflect.DeepEqual(expected, actual), "expected %#v, got %#v", expected, actual)
}

// What comes next, but not after for ever.
func next[T any](what string, channel <-chan T) T {
	select {
	case v := <-channel:
		return v
	case <-time.After(patience):
		panic("waited in vain for " + what)
	}
}

func until(what string, condition func() bool) {
	deadline := time.Now().Add(patience)
	for !condition() {
		check(time.Now().Before(deadline), "waited in vain for %s", what)
		time.Sleep(5 * time.Millisecond)
	}
}

func channel(connection *amqp.Connection) *amqp.Channel {
	return value(connection.Channel())
}

// A transient queue.
func queue(ch *amqp.Channel, name string, arguments amqp.Table) string {
	return value(ch.QueueDeclare(name, false, false, false, false, arguments)).Name
}

func durableQueue(ch *amqp.Channel, name string, arguments amqp.Table) string {
	return value(ch.QueueDeclare(name, true, false, false, false, arguments)).Name
}

func bind(ch *amqp.Channel, queue, exchange, key string, arguments amqp.Table) {
	must(ch.QueueBind(queue, key, exchange, false, arguments))
}

func publish(ch *amqp.Channel, exchange, key, body string) {
	must(ch.Publish(exchange, key, false, false, amqp.Publishing{Body: []byte(body)}))
}

// Publishes "0", "1" and so on to a queue.
func publishNumbers(ch *amqp.Channel, queue string, count int) {
	for number := range count {
		publish(ch, "", queue, strconv.Itoa(number))
	}
}

// Messages ready in the queue.
func depth(ch *amqp.Channel, queue string) int {
	return value(ch.QueueDeclarePassive(queue, false, false, false, false, nil)).Messages
}

// The next message of the queue, not settled, once it is there.
func arrival(ch *amqp.Channel, queue string) (message amqp.Delivery) {
	until("a message in "+queue, func() (there bool) {
		var err error
		message, there, err = ch.Get(queue, false)
		must(err)
		return there
	})
	return message
}

// A message of the queue that has to be there.
func got(ch *amqp.Channel, queue string) amqp.Delivery {
	message, there, err := ch.Get(queue, true)
	must(err)
	check(there, "nothing is in %s", queue)
	return message
}

// Bodies of all that the queue has, taken.
func drain(ch *amqp.Channel, queue string) []string {
	var bodies []string
	for {
		message, there, err := ch.Get(queue, true)
		must(err)
		if !there {
			return bodies
		}
		bodies = append(bodies, string(message.Body))
	}
}

// A consumer by the name of its queue.
func consume(ch *amqp.Channel, queue, tag string, autoAck bool) <-chan amqp.Delivery {
	return value(ch.Consume(queue, tag, autoAck, false, false, false, nil))
}

// The next deliveries, which must have these numbers as bodies.
func expect(deliveries <-chan amqp.Delivery, from, to int) []amqp.Delivery {
	var taken []amqp.Delivery
	for number := from; number < to; number++ {
		delivery := next("a delivery", deliveries)
		equal(strconv.Itoa(number), string(delivery.Body))
		taken = append(taken, delivery)
	}
	return taken
}

func allRedelivered(deliveries []amqp.Delivery) {
	for _, delivery := range deliveries {
		check(delivery.Redelivered, "%s is not marked redelivered", delivery.Body)
	}
}

// The action must end in the channel being closed with this code; the connection goes on.
func channelRefused(connection *amqp.Connection, code int, action func(*amqp.Channel) error) string {
	ch := channel(connection)
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	if err := action(ch); err != nil {
		var refused *amqp.Error
		check(errors.As(err, &refused), "not refused but %v", err)
	}
	refused := next("the end of the channel", closed)
	check(refused != nil, "not refused; expected %d", code)
	equal(code, refused.Code)
	check(!connection.IsClosed(), "the connection is closed as well")
	return refused.Reason
}
