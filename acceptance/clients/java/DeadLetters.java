import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.GetResponse;
import java.util.Date;
import java.util.List;
import java.util.Map;

/** What becomes of messages that nobody accepts. */
final class DeadLetters {
  private final Broker broker;

  DeadLetters(Broker broker) {
    this.broker = broker;
  }

  void addTo(Map<String, Main.Scenario> scenarios) {
    scenarios.put("dead_letters", this::deadLetters);
    scenarios.put("delivery_limit", this::deliveryLimit);
  }

  private void deadLetters() throws Exception {
    try (Connection connection = broker.connect()) {
      Channel channel = connection.createChannel();
      String work = "dead_letters.work";
      String retry = "dead_letters.retry";
      Broker.queue(
          channel, work, Map.of("x-dead-letter-exchange", "", "x-dead-letter-routing-key", retry));
      Broker.queue(
          channel,
          retry,
          Map.of(
              "x-dead-letter-exchange", "", "x-dead-letter-routing-key", work, "x-message-ttl", 1));
      Broker.publish(channel, "", work, "job");
      channel.basicReject(Broker.arrival(channel, work).getEnvelope().getDeliveryTag(), false);
      for (long round = 1; round <= 2; round++) {
        GetResponse message = Broker.arrival(channel, work);
        Broker.equal("job", Broker.text(message.getBody()));
        Map<String, Object> headers = message.getProps().getHeaders();
        List<?> deaths = (List<?>) headers.get("x-death");
        Broker.equal(2, deaths.size());
        death((Map<?, ?>) deaths.get(0), "expired", retry, round);
        death((Map<?, ?>) deaths.get(1), "rejected", work, round);
        Broker.equal("rejected", headers.get("x-first-death-reason").toString());
        Broker.equal(work, headers.get("x-first-death-queue").toString());
        Broker.equal("", headers.get("x-first-death-exchange").toString());
        channel.basicReject(message.getEnvelope().getDeliveryTag(), false);
      }
      channel.queueDelete(work);
      channel.queueDelete(retry);
    }
  }

  /** An entry of `x-death`: the message died in that queue, to which its name was the key. */
  private static void death(Map<?, ?> entry, String reason, String queue, long count) {
    Broker.equal(reason, entry.get("reason").toString());
    Broker.equal(queue, entry.get("queue").toString());
    Broker.equal("", entry.get("exchange").toString());
    Broker.equal("[" + queue + "]", entry.get("routing-keys").toString());
    Broker.equal(count, entry.get("count"));
    long ago = System.currentTimeMillis() - ((Date) entry.get("time")).getTime();
    Broker.check(Math.abs(ago) < 600_000, "died " + ago + " ms ago");
  }

  private void deliveryLimit() throws Exception {
    try (Connection connection = broker.connect()) {
      Channel channel = connection.createChannel();
      String queue = "delivery_limit";
      String dead = Broker.queue(channel, "delivery_limit.dead");
      Map<String, Object> arguments =
          Map.of(
              "x-queue-type", "quorum",
              "x-delivery-limit", 2,
              "x-dead-letter-exchange", "",
              "x-dead-letter-routing-key", dead);
      channel.queueDeclare(queue, true, false, false, arguments);
      Broker.publish(channel, "", queue, "poison");
      for (long returns = 0; returns <= 2; returns++) {
        GetResponse message = Broker.arrival(channel, queue);
        Map<String, Object> headers = message.getProps().getHeaders();
        Object count = headers == null ? null : headers.get("x-delivery-count");
        Broker.equal(returns == 0 ? null : returns, count);
        channel.basicNack(message.getEnvelope().getDeliveryTag(), false, true);
      }
      GetResponse letter = Broker.arrival(channel, dead);
      Broker.equal("poison", Broker.text(letter.getBody()));
      Map<String, Object> headers = letter.getProps().getHeaders();
      Broker.equal("delivery_limit", headers.get("x-first-death-reason").toString());
      Broker.equal(0, channel.queueDelete(queue).getMessageCount());
    }
  }
}
