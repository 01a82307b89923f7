import static java.nio.charset.StandardCharsets.UTF_8;

import com.rabbitmq.client.AMQP.BasicProperties;
import com.rabbitmq.client.BuiltinExchangeType;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** Exchanges, queues, bindings and policies. */
final class Topology {
  /** Those that every broker has. */
  private static final List<String> TYPES = List.of("direct", "fanout", "topic", "headers");

  private final Broker broker;

  Topology(Broker broker) {
    this.broker = broker;
  }

  void addTo(Map<String, Main.Scenario> scenarios) {
    scenarios.put("declare_and_bind", this::declareAndBind);
    scenarios.put("alternate_exchange", this::alternateExchange);
    scenarios.put("headers_exchange", this::headersExchange);
    scenarios.put("consistent_hash", this::consistentHash);
    scenarios.put("exclusive_queue", this::exclusiveQueue);
    scenarios.put("policies", this::policies);
  }

  private void declareAndBind() throws Exception {
    try (Connection connection = broker.connect()) {
      Channel channel = connection.createChannel();
      for (String type : TYPES) {
        String name = "declare_and_bind." + type;
        channel.exchangeDeclare(name, type, true);
        channel.exchangeDeclare(name, type, true);
        channel.exchangeDeclarePassive(name);
      }
      String queue = "declare_and_bind";
      channel.queueDeclare(queue, true, false, false, null);
      Broker.equal(queue, channel.queueDeclare(queue, true, false, false, null).getQueue());
      Broker.equal(0, channel.queueDeclarePassive(queue).getMessageCount());
      String named = channel.queueDeclare().getQueue();
      Broker.check(named.startsWith("amq.gen-"), "server-named: " + named);

      channel.queueBind(queue, "declare_and_bind.topic", "order.*");
      channel.exchangeBind("declare_and_bind.topic", "declare_and_bind.fanout", "");
      Broker.publish(channel, "declare_and_bind.topic", "order.new", "direct");
      Broker.publish(channel, "declare_and_bind.fanout", "order.paid", "through two");
      Broker.publish(channel, "declare_and_bind.topic", "order.new.eu", "too long");
      channel.exchangeUnbind("declare_and_bind.topic", "declare_and_bind.fanout", "");
      Broker.publish(channel, "declare_and_bind.fanout", "order.paid", "undone");
      channel.queueUnbind(queue, "declare_and_bind.topic", "order.*");
      Broker.publish(channel, "declare_and_bind.topic", "order.new", "undone");
      Broker.equal(List.of("direct", "through two"), Broker.drain(channel, queue));

      Broker.publishNumbers(channel, queue, 3);
      Broker.equal(3, channel.queuePurge(queue).getMessageCount());
      Broker.publishNumbers(channel, queue, 2);
      Broker.equal(2, channel.queueDelete(queue).getMessageCount());
      for (String type : TYPES) {
        channel.exchangeDelete("declare_and_bind." + type);
      }
    }
  }

  private void alternateExchange() throws Exception {
    try (Connection connection = broker.connect()) {
      Channel channel = connection.createChannel();
      channel.exchangeDeclare("alternate_exchange.other", BuiltinExchangeType.FANOUT);
      Map<String, Object> alternate = Map.of("alternate-exchange", "alternate_exchange.other");
      channel.exchangeDeclare(
          "alternate_exchange", BuiltinExchangeType.DIRECT, false, false, alternate);
      String bound = Broker.queue(channel, "alternate_exchange.bound");
      String rest = Broker.queue(channel, "alternate_exchange.rest");
      channel.queueBind(bound, "alternate_exchange", "known");
      channel.queueBind(rest, "alternate_exchange.other", "");
      Broker.publish(channel, "alternate_exchange", "known", "a");
      Broker.publish(channel, "alternate_exchange", "unknown", "b");
      Broker.equal(List.of("a"), Broker.drain(channel, bound));
      Broker.equal(List.of("b"), Broker.drain(channel, rest));
    }
  }

  private void headersExchange() throws Exception {
    try (Connection connection = broker.connect()) {
      Channel channel = connection.createChannel();
      String exchange = "headers_exchange";
      channel.exchangeDeclare(exchange, BuiltinExchangeType.HEADERS);
      String all = Broker.queue(channel, "headers_exchange.all");
      String any = Broker.queue(channel, "headers_exchange.any");
      channel.queueBind(all, exchange, "", Map.of("x-match", "all", "kind", "pdf", "pages", 4));
      channel.queueBind(any, exchange, "", Map.of("x-match", "any", "kind", "pdf", "pages", 4));
      List<Map<String, Object>> sent =
          List.of(
              Map.of("kind", "pdf", "pages", 4, "more", true),
              Map.of("kind", "pdf", "pages", 5),
              Map.of("pages", 4),
              Map.of("kind", "zip"));
      for (int number = 0; number < sent.size(); number++) {
        var properties = new BasicProperties.Builder().headers(sent.get(number)).build();
        channel.basicPublish(exchange, "", properties, String.valueOf(number).getBytes(UTF_8));
      }
      Broker.equal(List.of("0"), Broker.drain(channel, all));
      Broker.equal(List.of("0", "1", "2"), Broker.drain(channel, any));
    }
  }

  private void consistentHash() throws Exception {
    try (Connection connection = broker.connect()) {
      Channel channel = connection.createChannel();
      channel.exchangeDeclare("consistent_hash", "x-consistent-hash");
      String one = Broker.queue(channel, "consistent_hash.one");
      String two = Broker.queue(channel, "consistent_hash.two");
      channel.queueBind(one, "consistent_hash", "1");
      channel.queueBind(two, "consistent_hash", "1");
      for (int number = 0; number < 200; number++) {
        String key = "key-" + number % 100;
        Broker.publish(channel, "consistent_hash", key, key);
      }
      List<String> first = Broker.drain(channel, one);
      List<String> second = Broker.drain(channel, two);
      Broker.equal(200, first.size() + second.size());
      Broker.check(!first.isEmpty() && !second.isEmpty(), "one queue got everything");
      Set<String> both = new TreeSet<>(first);
      both.retainAll(second);
      Broker.check(both.isEmpty(), "keys that went both ways: " + both);
    }
  }

  private void exclusiveQueue() throws Exception {
    try (Connection other = broker.connect()) {
      try (Connection owner = broker.connect()) {
        owner.createChannel().queueDeclare("exclusive_queue", false, true, false, null);
        Broker.channelRefused(other, 405, channel -> channel.basicGet("exclusive_queue", true));
        Broker.channelRefused(
            other, 405, channel -> channel.queueDeclare("exclusive_queue", false, true, false, null));
      }
      Broker.channelRefused(other, 404, channel -> channel.queueDeclarePassive("exclusive_queue"));
    }
  }

  private void policies() throws Exception {
    try (Connection connection = broker.connect()) {
      Channel channel = connection.createChannel();
      String queue = Broker.queue(channel, "policies.q");
      String dead = Broker.queue(channel, "dead-policies");
      channel.confirmSelect();
      Broker.publishNumbers(channel, queue, 5);
      channel.waitForConfirmsOrDie(Broker.PATIENCE_S * 1000L);
      Broker.until("the dead letters", () -> Broker.depth(channel, dead) == 3);
      Broker.equal(List.of("0", "1", "2"), Broker.drain(channel, dead));
      Broker.equal(List.of("3", "4"), Broker.drain(channel, queue));
    }
  }
}
