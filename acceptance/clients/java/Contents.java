import static java.nio.charset.StandardCharsets.UTF_8;

import com.rabbitmq.client.AMQP.BasicProperties;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.LongString;
import com.rabbitmq.client.impl.CredentialsProvider;
import com.rabbitmq.client.impl.CredentialsRefreshService;
import com.rabbitmq.client.impl.DefaultCredentialsProvider;
import com.rabbitmq.client.impl.LongStringHelper;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;

/** What is in a message comes as it went. */
final class Contents {
  private final Broker broker;

  Contents(Broker broker) {
    this.broker = broker;
  }

  void addTo(Map<String, Main.Scenario> scenarios) {
    scenarios.put("properties", this::properties);
    scenarios.put("header_types", this::headerTypes);
    scenarios.put("large_messages", this::largeMessages);
    scenarios.put("many_channels", this::manyChannels);
    scenarios.put("update_secret", this::updateSecret);
  }

  private void properties() throws Exception {
    try (Connection connection = broker.connect()) {
      Channel channel = connection.createChannel();
      String queue = Broker.queue(channel, "properties");
      BasicProperties sent =
          new BasicProperties.Builder()
              .contentType("text/plain; charset=utf-8")
              .contentEncoding("identity")
              .headers(Map.of("größe", 1))
              .deliveryMode(2)
              .priority(7)
              .correlationId("Zusammenhang ß")
              .replyTo("返信")
              .expiration("60000")
              .messageId("🚢")
              .timestamp(new Date(1_700_000_000_000L))
              .type("τύπος")
              .userId("app")
              .appId("приложение")
              .clusterId("")
              .build();
      channel.basicPublish("", queue, sent, "grüße 世界".getBytes(UTF_8));
      GetResponse message = channel.basicGet(queue, true);
      Broker.equal(sent, message.getProps());
      Broker.equal("grüße 世界", Broker.text(message.getBody()));
    }
  }

  /** A value of every type the library can write. */
  private static Map<String, Object> oneOfEach() {
    Map<String, Object> headers = new HashMap<>();
    headers.put("boolean", true);
    headers.put("byte", (byte) -7);
    headers.put("short", (short) -300);
    headers.put("int", -70_000);
    headers.put("long", 1L << 40);
    headers.put("float", 0.5f);
    headers.put("double", 0.1);
    headers.put("decimal", new BigDecimal("-12.345"));
    headers.put("text", LongStringHelper.asLongString("grüße 世界 🚢"));
    headers.put("empty", LongStringHelper.asLongString(""));
    headers.put("binary", new byte[] {0, -1, (byte) 0xCE});
    headers.put("time", new Date(1_700_000_000_000L));
    headers.put("nothing", null);
    headers.put("ключ", 1);
    return headers;
  }

  private void headerTypes() throws Exception {
    Map<String, Object> sent = oneOfEach();
    sent.put("table", oneOfEach());
    List<Object> list = new ArrayList<>(Arrays.asList(1, null, List.of(true, List.of())));
    list.add(oneOfEach());
    sent.put("list", list);
    try (Connection connection = broker.connect()) {
      Channel channel = connection.createChannel();
      String queue = Broker.queue(channel, "header_types");
      channel.basicPublish("", queue, new BasicProperties.Builder().headers(sent).build(), null);
      same("headers", sent, channel.basicGet(queue, true).getProps().getHeaders());
    }
  }

  /** Compares value by value, so that a failure names the one that differs. */
  private static void same(String where, Object sent, Object received) {
    if (sent instanceof Map<?, ?> table) {
      Broker.equal(table.keySet(), ((Map<?, ?>) received).keySet());
      table.forEach((key, value) -> same(where + "." + key, value, ((Map<?, ?>) received).get(key)));
    } else if (sent instanceof List<?> list) {
      Broker.equal(list.size(), ((List<?>) received).size());
      for (int index = 0; index < list.size(); index++) {
        same(where + "." + index, list.get(index), ((List<?>) received).get(index));
      }
    } else if (sent instanceof byte[] bytes) {
      byte[] got = received instanceof LongString text ? text.getBytes() : (byte[]) received;
      Broker.check(Arrays.equals(bytes, got), where + " differs");
    } else {
      Broker.check(
          sent == null ? received == null : sent.equals(received),
          where + ": sent " + sent + ", got " + received);
    }
  }

  private void largeMessages() throws Exception {
    try (Connection connection = broker.connect()) {
      Channel channel = connection.createChannel();
      String queue = Broker.queue(channel, "large_messages");
      int frame = connection.getFrameMax() - 8;
      Random random = new Random(1);
      for (int size : new int[] {0, 1, frame - 1, frame, frame + 1, 5 << 20}) {
        byte[] body = new byte[size];
        random.nextBytes(body);
        channel.basicPublish("", queue, null, body);
        byte[] received = channel.basicGet(queue, true).getBody();
        Broker.check(Arrays.equals(body, received), size + " bytes came back otherwise");
      }
    }
  }

  private void manyChannels() throws Exception {
    try (Connection connection = broker.connect()) {
      List<CompletableFuture<Void>> done = new ArrayList<>();
      for (int number = 0; number < 200; number++) {
        String name = "many_channels." + number;
        Channel channel = connection.createChannel();
        done.add(CompletableFuture.runAsync(() -> sendToItself(channel, name)));
      }
      for (CompletableFuture<Void> one : done) {
        Broker.within(one);
      }
    }
  }

  private static void sendToItself(Channel channel, String name) {
    try {
      String queue = Broker.queue(channel, name);
      Broker.publish(channel, "", queue, name);
      Broker.equal(List.of(name), Broker.drain(channel, queue));
      channel.queueDelete(queue);
    } catch (Exception failure) {
      throw new AssertionError(failure);
    }
  }

  /** The library renews secrets by itself, when a service of the application says that it is time. */
  private void updateSecret() throws Exception {
    ConnectionFactory factory = broker.factory();
    CompletableFuture<Callable<Boolean>> renewing = new CompletableFuture<>();
    factory.setCredentialsProvider(
        new DefaultCredentialsProvider("app", "app") {
          @Override
          public Duration getTimeBeforeExpiration() {
            return Duration.ofHours(1);
          }
        });
    factory.setCredentialsRefreshService(
        new CredentialsRefreshService() {
          @Override
          public String register(CredentialsProvider provider, Callable<Boolean> renew) {
            renewing.complete(renew);
            return "the only one";
          }

          @Override
          public void unregister(CredentialsProvider provider, String registration) {}

          @Override
          public boolean isApproachingExpiration(Duration rest) {
            return false;
          }
        });
    try (Connection connection = factory.newConnection()) {
      Broker.check(Broker.within(renewing).call(), "not renewed");
      Broker.queue(connection.createChannel(), "update_secret");
    }
  }
}
