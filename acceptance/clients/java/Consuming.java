import static java.nio.charset.StandardCharsets.UTF_8;

import com.rabbitmq.client.AMQP.BasicProperties;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.RpcClient;
import com.rabbitmq.client.RpcClientParams;
import com.rabbitmq.client.RpcServer;
import com.rabbitmq.client.StringRpcServer;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** Who gets which message, and when again. */
final class Consuming {
  private final Broker broker;

  Consuming(Broker broker) {
    this.broker = broker;
  }

  void addTo(Map<String, Main.Scenario> scenarios) {
    scenarios.put("get", this::get);
    scenarios.put("prefetch", this::prefetch);
    scenarios.put("settling", this::settling);
    scenarios.put("recover", this::recover);
    scenarios.put("priorities", this::priorities);
    scenarios.put("single_active_consumer", this::singleActiveConsumer);
    scenarios.put("cancel_notification", this::cancelNotification);
    scenarios.put("shared_queue", this::sharedQueue);
    scenarios.put("request_reply", this::requestReply);
  }

  private void get() throws Exception {
    try (Connection connection = broker.connect()) {
      Channel channel = connection.createChannel();
      String queue = Broker.queue(channel, "get");
      Broker.equal(null, channel.basicGet(queue, true));
      Broker.publishNumbers(channel, queue, 3);
      for (int number = 0; number < 3; number++) {
        GetResponse message = channel.basicGet(queue, false);
        Broker.equal(String.valueOf(number), Broker.text(message.getBody()));
        Broker.equal(2 - number, message.getMessageCount());
        channel.basicAck(message.getEnvelope().getDeliveryTag(), false);
      }
      Broker.equal(null, channel.basicGet(queue, true));
    }
  }

  private void prefetch() throws Exception {
    try (Connection connection = broker.connect()) {
      Channel channel = connection.createChannel();
      String queue = Broker.queue(channel, "prefetch");
      Broker.publishNumbers(channel, queue, 20);
      channel.basicQos(5);
      Broker.Inbox inbox = Broker.consume(channel, queue, false);
      List<Delivery> first = inbox.expect(0, 5);
      // The broker has answered since, so what it had sent would be here.
      Broker.equal(15L, Broker.depth(channel, queue));
      Broker.equal(0, inbox.waiting());
      channel.basicAck(Broker.tag(first.get(4)), true);
      inbox.expect(5, 10);
      Broker.equal(10L, Broker.depth(channel, queue));
      Broker.equal(0, inbox.waiting());
    }
  }

  private void settling() throws Exception {
    try (Connection connection = broker.connect()) {
      Channel channel = connection.createChannel();
      String queue = Broker.queue(channel, "settling");
      Broker.publishNumbers(channel, queue, 6);
      Broker.Inbox inbox = Broker.consume(channel, queue, false);
      List<Delivery> messages = inbox.expect(0, 6);
      channel.basicAck(Broker.tag(messages.get(1)), true);
      channel.basicReject(Broker.tag(messages.get(2)), false);
      channel.basicCancel(inbox.tag);
      channel.basicNack(Broker.tag(messages.get(5)), true, true);
      Broker.equal(3L, Broker.depth(channel, queue));
      List<Delivery> again = Broker.consume(channel, queue, true).expect(3, 6);
      Broker.check(again.stream().allMatch(d -> d.getEnvelope().isRedeliver()), "not marked");
      Broker.equal(0, channel.queueDelete(queue).getMessageCount());
    }
  }

  private void recover() throws Exception {
    try (Connection connection = broker.connect()) {
      Channel channel = connection.createChannel();
      String queue = Broker.queue(channel, "recover");
      Broker.publishNumbers(channel, queue, 2);
      Broker.Inbox inbox = Broker.consume(channel, queue, false);
      inbox.expect(0, 2);
      channel.basicRecover(true);
      List<Delivery> again = inbox.expect(0, 2);
      Broker.check(again.stream().allMatch(d -> d.getEnvelope().isRedeliver()), "not marked");
    }
  }

  private void priorities() throws Exception {
    try (Connection connection = broker.connect()) {
      Channel channel = connection.createChannel();
      String queue = Broker.queue(channel, "priorities", Map.of("x-max-priority", 5));
      for (int priority = 0; priority <= 5; priority++) {
        var properties = new BasicProperties.Builder().priority(priority).build();
        channel.basicPublish("", queue, properties, String.valueOf(priority).getBytes(UTF_8));
      }
      Broker.equal(List.of("5", "4", "3", "2", "1", "0"), Broker.drain(channel, queue));
    }
  }

  private void singleActiveConsumer() throws Exception {
    try (Connection connection = broker.connect()) {
      Channel channel = connection.createChannel();
      Map<String, Object> single = Map.of("x-single-active-consumer", true);
      String queue = Broker.queue(channel, "single_active_consumer", single);
      Broker.Inbox active = Broker.consume(channel, queue, true);
      Broker.Inbox waiting = Broker.consume(channel, queue, true);
      Broker.publishNumbers(channel, queue, 10);
      active.expect(0, 10);
      Broker.equal(0, waiting.waiting());
      channel.basicCancel(active.tag);
      Broker.publish(channel, "", queue, "last");
      Broker.equal("last", Broker.text(waiting.next().getBody()));
    }
  }

  private void cancelNotification() throws Exception {
    try (Connection connection = broker.connect();
        Connection other = broker.connect()) {
      Channel channel = connection.createChannel();
      String queue = Broker.queue(channel, "cancel_notification");
      Broker.Inbox inbox = Broker.consume(channel, queue, true);
      other.createChannel().queueDelete(queue);
      Broker.equal(inbox.tag, Broker.within(inbox.cancelled));
    }
  }

  private void sharedQueue() throws Exception {
    try (Connection second = broker.connect()) {
      Connection first = broker.connect();
      Channel holding = first.createChannel();
      String queue = Broker.queue(holding, "shared_queue");
      Broker.publishNumbers(holding, queue, 30);
      holding.basicQos(10);
      Broker.consume(holding, queue, false).expect(0, 10);
      Channel taking = second.createChannel();
      Broker.Inbox inbox = Broker.consume(taking, queue, true);
      inbox.expect(10, 30);
      first.close();
      List<Delivery> again = inbox.expect(0, 10);
      Broker.check(again.stream().allMatch(d -> d.getEnvelope().isRedeliver()), "not marked");
      Broker.equal(0, taking.queueDelete(queue).getMessageCount());
    }
  }

  private void requestReply() throws Exception {
    Connection serving = broker.connect();
    try (Connection asking = broker.connect()) {
      Channel channel = serving.createChannel();
      String queue = Broker.queue(channel, "request_reply");
      RpcServer server =
          new StringRpcServer(channel, queue) {
            @Override
            public String handleStringCall(String request, BasicProperties replyProperties) {
              return String.valueOf(2 * Integer.parseInt(request));
            }
          };
      CompletableFuture<Void> served = CompletableFuture.runAsync(() -> serve(server));
      RpcClientParams parameters =
          new RpcClientParams()
              .channel(asking.createChannel())
              .exchange("")
              .routingKey(queue)
              .replyTo("amq.rabbitmq.reply-to")
              .timeout(Broker.PATIENCE_S * 1000);
      RpcClient client = new RpcClient(parameters);
      for (int number = 0; number < 50; number++) {
        Broker.equal(String.valueOf(2 * number), client.stringCall(String.valueOf(number)));
      }
      client.close();
      serving.close();
      Broker.within(served);
    }
  }

  private static void serve(RpcServer server) {
    try {
      server.mainloop();
    } catch (IOException lost) {
      throw new AssertionError(lost);
    }
  }
}
