// Runs the scenarios of ../README.md over amqp091-go and reports each in a line, or, as `failover`,
// what failover.go tells.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
)

// A scenario returns when the broker did what it should, and panics when it did not.
type scenario struct {
	name string
	run  func(broker)
}

func main() {
	if os.Args[1] == "failover" {
		runFailover(os.Args[2:])
	}
	broker := broker{uri: os.Args[1], control: os.Args[2]}
	all := [][]scenario{topology, publishing, consuming, deadLetters, contents, refusals, recovery}
	for _, theme := range all {
		for _, one := range theme {
			report(one, broker)
		}
	}
}

func report(one scenario, broker broker) {
	defer func() {
		if wrong := recover(); wrong != nil {
			text := strings.ReplaceAll(fmt.Sprint(wrong), "\n", " ")
			fmt.Printf("failed %s: %s\n", one.name, text)
			fmt.Fprintf(os.Stderr, "%s: %s\n%s\n", one.name, text, debug.Stack())
		}
	}()
	one.run(broker)
	fmt.Printf("ok %s\n", one.name)
}
