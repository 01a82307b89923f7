"""Requests are answered by `amq.rabbitmq.reply-to`, without a queue for the answers."""

import pika

from ferry import channel_refused, connect, equal

ANSWERS = "amq.rabbitmq.reply-to"

asking, serving = connect(), connect()
server = serving.channel()
server.queue_declare("double")


def serve(channel, method, properties, body):
    answer = pika.BasicProperties(correlation_id=properties.correlation_id)
    channel.basic_publish("", properties.reply_to, b"%d" % (2 * int(body)), answer)
    channel.basic_ack(method.delivery_tag)


server.basic_consume("double", serve)

client = asking.channel()
answers = {}
client.basic_consume(
    ANSWERS,
    lambda _c, _m, properties, body: answers.setdefault(properties.correlation_id, int(body)),
    auto_ack=True,
)
for number in range(100):
    ask = pika.BasicProperties(reply_to=ANSWERS, correlation_id=str(number))
    client.basic_publish("", "double", b"%d" % number, ask)
while len(answers) < 100:
    serving.process_data_events(0)
    asking.process_data_events(0)
equal(answers, {str(number): 2 * number for number in range(100)})

# Who asks has to wait for answers, and answers are not acknowledged.
with channel_refused(406):
    channel = asking.channel()
    channel.basic_publish("", "double", b"1", pika.BasicProperties(reply_to=ANSWERS))
    channel.queue_declare("", exclusive=True)
with channel_refused(406):
    asking.channel().basic_consume(ANSWERS, lambda *_: None)
asking.close()
serving.close()
