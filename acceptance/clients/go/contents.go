package main

import (
	"bytes"
	"math/rand"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// What is in a message comes as it went.
var contents = []scenario{
	{"properties", properties},
	{"header_types", headerTypes},
	{"large_messages", largeMessages},
	{"many_channels", manyChannels},
	{"update_secret", updateSecret},
}

func properties(b broker) {
	connection := b.connect()
	defer connection.Close()
	ch := channel(connection)
	q := queue(ch, "properties", nil)
	sent := amqp.Publishing{
		Headers:         amqp.Table{"größe": int32(1)},
		ContentType:     "text/plain; charset=utf-8",
		ContentEncoding: "identity",
		DeliveryMode:    amqp.Persistent,
		Priority:        7,
		CorrelationId:   "Zusammenhang ß",
		ReplyTo:         "返信",
		Expiration:      "60000",
		MessageId:       "🚢",
		Timestamp:       time.Unix(1_700_000_000, 0),
		Type:            "τύπος",
		UserId:          "app",
		AppId:           "приложение",
		Body:            []byte("grüße 世界"),
	}
	must(ch.Publish("", q, false, false, sent))
	came := got(ch, q)
	check(sent.Timestamp.Equal(came.Timestamp), "came with %v", came.Timestamp)
	equal(sent, amqp.Publishing{
		Headers:         came.Headers,
		ContentType:     came.ContentType,
		ContentEncoding: came.ContentEncoding,
		DeliveryMode:    came.DeliveryMode,
		Priority:        came.Priority,
		CorrelationId:   came.CorrelationId,
		ReplyTo:         came.ReplyTo,
		Expiration:      came.Expiration,
		MessageId:       came.MessageId,
		Timestamp:       sent.Timestamp,
		Type:            came.Type,
		UserId:          came.UserId,
		AppId:           came.AppId,
		Body:            came.Body,
	})
}

// A value of every type the library can write.
func oneOfEach() amqp.Table {
	return amqp.Table{
		"boolean": true,
		"octet":   byte(200),
		"byte":    int8(-7),
		"short":   int16(-300),
		"ushort":  uint16(60_000),
		"int":     int32(-70_000),
		"uint":    uint32(4_000_000_000),
		"long":    int64(1) << 40,
		"float":   float32(0.5),
		"double":  0.1,
		"decimal": amqp.Decimal{Scale: 3, Value: -12_345},
		"text":    "grüße 世界 🚢",
		"empty":   "",
		"binary":  []byte{0, 255, 0xCE},
		"time":    time.Unix(1_700_000_000, 0).UTC(),
		"nothing": nil,
		"ключ":    int32(1),
	}
}

// Times in the zone that they were sent in.
func inUTC(v any) any {
	switch v := v.(type) {
	case time.Time:
		return v.UTC()
	case amqp.Table:
		for key, inner := range v {
			v[key] = inUTC(inner)
		}
	case []any:
		for index, inner := range v {
			v[index] = inUTC(inner)
		}
	}
	return v
}

func headerTypes(b broker) {
	connection := b.connect()
	defer connection.Close()
	ch := channel(connection)
	q := queue(ch, "header_types", nil)
	sent := oneOfEach()
	sent["table"] = oneOfEach()
	sent["list"] = []any{int32(1), nil, []any{true}, oneOfEach()}
	must(ch.Publish("", q, false, false, amqp.Publishing{Headers: sent}))
	came := inUTC(got(ch, q).Headers).(amqp.Table)
	for name := range sent {
		equal(sent[name], came[name])
	}
	equal(len(sent), len(came))
}

func largeMessages(b broker) {
	connection := b.connect()
	defer connection.Close()
	ch := channel(connection)
	q := queue(ch, "large_messages", nil)
	frame := connection.Config.FrameSize - 8
	random := rand.New(rand.NewSource(1))
	for _, size := range []int{0, 1, frame - 1, frame, frame + 1, 5 << 20} {
		body := make([]byte, size)
		random.Read(body)
		must(ch.Publish("", q, false, false, amqp.Publishing{Body: body}))
		check(bytes.Equal(body, got(ch, q).Body), "%d bytes came back otherwise", size)
	}
}

func manyChannels(b broker) {
	connection := b.connect()
	defer connection.Close()
	done := make(chan any, 200)
	for number := range 200 {
		ch := channel(connection)
		go func() {
			defer func() { done <- recover() }()
			q := queue(ch, "many_channels."+strconv.Itoa(number), nil)
			publish(ch, "", q, q)
			equal([]string{q}, drain(ch, q))
			value(ch.QueueDelete(q, false, false, false))
		}()
	}
	for range 200 {
		wrong := next("a channel", done)
		check(wrong == nil, "%v", wrong)
	}
}

func updateSecret(b broker) {
	connection := b.connect()
	defer connection.Close()
	must(connection.UpdateSecret("app", "the old one is due"))
	queue(channel(connection), "update_secret", nil)
}
