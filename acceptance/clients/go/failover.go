package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	failoverCount    = 1500
	failoverDeadline = 90 * time.Second
)

// Publishes and consumes while the node that serves is killed, knowing the addresses of both. What
// it expects is told in ../python/failover.py.
type failover struct {
	uris      []string
	control   broker
	confirmed int
	longest   time.Duration
	last      time.Time
	seen      map[int]bool
}

// Arguments: URI URI CONTROL.
func runFailover(arguments []string) {
	f := failover{
		uris:    arguments[:2],
		control: broker{control: arguments[2]},
		last:    time.Now(),
		seen:    map[int]bool{},
	}
	var both sync.WaitGroup
	both.Go(func() { f.throughFailures(f.consume) })
	both.Go(func() { f.throughFailures(f.publish) })
	both.Wait()
	fmt.Println(f.longest.Milliseconds())
	os.Exit(0)
}

// Works on a connection to the first node that lets us in, and on another one when that breaks.
func (f *failover) throughFailures(work func(*amqp.Channel) error) {
	start := time.Now()
	for turn := 0; time.Since(start) < failoverDeadline; turn++ {
		config := amqp.Config{Dial: func(network, address string) (net.Conn, error) {
			return net.DialTimeout(network, address, 2*time.Second)
		}}
		connection, err := amqp.DialConfig(f.uris[turn%len(f.uris)], config)
		if err != nil {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		ch, err := connection.Channel()
		if err == nil {
			_, err = ch.QueueDeclare("failover", true, false, false, false, nil)
		}
		if err == nil && work(ch) == nil {
			must(connection.Close())
			return
		}
		connection.Close()
	}
	panic("it does not get on")
}

func (f *failover) publish(ch *amqp.Channel) error {
	if err := ch.Confirm(false); err != nil {
		return err
	}
	for f.confirmed < failoverCount {
		message := amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte(strconv.Itoa(f.confirmed))}
		patience, done := context.WithTimeout(context.Background(), 5*time.Second)
		confirm, err := ch.PublishWithDeferredConfirmWithContext(patience, "", "failover", false, false, message)
		if err == nil {
			var safe bool
			safe, err = confirm.WaitContext(patience)
			if err == nil && !safe {
				err = fmt.Errorf("not confirmed")
			}
		}
		done()
		if err != nil {
			return err
		}
		f.longest = max(f.longest, time.Since(f.last))
		f.last = time.Now()
		f.confirmed++
		if f.confirmed == failoverCount/3 {
			f.control.command("kill")
		}
	}
	return nil
}

func (f *failover) consume(ch *amqp.Channel) error {
	if err := ch.Qos(50, 0, false); err != nil {
		return err
	}
	deliveries, err := ch.Consume("failover", "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	for delivery := range deliveries {
		number := value(strconv.Atoi(string(delivery.Body)))
		check(f.seen[number] || number == len(f.seen), "%d came as number %d", number, len(f.seen))
		f.seen[number] = true
		if err := delivery.Ack(false); err != nil {
			return err
		}
		if len(f.seen) == failoverCount {
			return nil
		}
	}
	return fmt.Errorf("the deliveries ended")
}
