import static java.nio.charset.StandardCharsets.UTF_8;

import com.rabbitmq.client.AMQP.BasicProperties;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.Return;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentSkipListSet;

/** What publishers are told, and when. */
final class Publishing {
  private final Broker broker;

  Publishing(Broker broker) {
    this.broker = broker;
  }

  void addTo(Map<String, Main.Scenario> scenarios) {
    scenarios.put("confirms", this::confirms);
    scenarios.put("mandatory_return", this::mandatoryReturn);
    scenarios.put("transactions", this::transactions);
    scenarios.put("copies", this::copies);
    scenarios.put("full_queue", this::fullQueue);
    scenarios.put("blocked", this::blocked);
  }

  /** The numbers of a channel's publishes that nobody has confirmed yet. */
  private static final class Outstanding {
    private final ConcurrentSkipListSet<Long> numbers = new ConcurrentSkipListSet<>();
    private final CompletableFuture<Void> all = new CompletableFuture<>();
    private int nacked;

    Outstanding(Channel channel, int count) throws IOException {
      channel.confirmSelect();
      for (long number = 1; number <= count; number++) {
        numbers.add(number);
      }
      channel.addConfirmListener(this::settle, (number, multiple) -> {
        nacked++;
        settle(number, multiple);
      });
    }

    private void settle(long number, boolean multiple) {
      boolean waited = numbers.contains(number);
      if (multiple) {
        numbers.headSet(number, true).clear();
      } else {
        numbers.remove(number);
      }
      if (!waited) {
        all.completeExceptionally(new AssertionError(number + " is confirmed twice"));
      } else if (numbers.isEmpty()) {
        all.complete(null);
      }
    }
  }

  private void confirms() throws Exception {
    try (Connection connection = broker.connect()) {
      Channel channel = connection.createChannel();
      channel.queueDeclare("confirms", true, false, false, null);
      Outstanding outstanding = new Outstanding(channel, 500);
      for (int number = 0; number < 500; number++) {
        Broker.equal(number + 1L, channel.getNextPublishSeqNo());
        channel.basicPublish("", "confirms", Broker.PERSISTENT, new byte[100]);
      }
      Broker.within(outstanding.all);
      Broker.equal(0, outstanding.nacked);
      Broker.equal(500L, Broker.depth(channel, "confirms"));

      Channel waiting = connection.createChannel();
      waiting.confirmSelect();
      waiting.basicPublish("", "confirms", Broker.PERSISTENT, new byte[1]);
      Broker.check(waiting.waitForConfirms(Broker.PATIENCE_S * 1000L), "nacked");
      Broker.equal(501, channel.queueDelete("confirms").getMessageCount());
    }
  }

  private void mandatoryReturn() throws Exception {
    try (Connection connection = broker.connect()) {
      Channel channel = connection.createChannel();
      channel.confirmSelect();
      CompletableFuture<Return> returned = new CompletableFuture<>();
      channel.addReturnListener(returned::complete);
      channel.basicPublish("amq.direct", "mandatory_return", true, null, "lost".getBytes(UTF_8));
      channel.waitForConfirmsOrDie(Broker.PATIENCE_S * 1000L);
      Broker.check(returned.isDone(), "the confirm came before the message");
      Broker.equal(312, returned.get().getReplyCode());
      Broker.equal("amq.direct", returned.get().getExchange());
      Broker.equal("mandatory_return", returned.get().getRoutingKey());
      Broker.equal("lost", Broker.text(returned.get().getBody()));
    }
  }

  private void transactions() throws Exception {
    try (Connection connection = broker.connect()) {
      Channel watching = connection.createChannel();
      Channel channel = connection.createChannel();
      String in = Broker.queue(channel, "transactions.in");
      String out = Broker.queue(channel, "transactions.out");
      Broker.publish(watching, "", in, "order");
      channel.txSelect();
      for (boolean commit : new boolean[] {false, true}) {
        GetResponse order = Broker.arrival(channel, in);
        channel.basicAck(order.getEnvelope().getDeliveryTag(), false);
        Broker.publish(channel, "", out, "invoice");
        Broker.publish(channel, "", out, "receipt");
        Broker.equal(0L, Broker.depth(watching, out));
        if (commit) {
          channel.txCommit();
        } else {
          channel.txRollback();
          // What was acknowledged is held again, and given back on request.
          channel.basicRecover(true);
        }
      }
      Broker.equal(List.of("invoice", "receipt"), Broker.drain(watching, out));
      channel.close();
      Broker.equal(0L, Broker.depth(watching, in));
    }
  }

  private void copies() throws Exception {
    try (Connection connection = broker.connect()) {
      Channel channel = connection.createChannel();
      List<String> queues = List.of("copies.to", "copies.cc", "copies.bcc");
      for (String queue : queues) {
        Broker.queue(channel, queue);
      }
      Map<String, Object> headers = Map.of("CC", List.of(queues.get(1)), "BCC", List.of(queues.get(2)));
      var properties = new BasicProperties.Builder().headers(headers).build();
      channel.basicPublish("", queues.get(0), properties, new byte[0]);
      for (String queue : queues) {
        Map<String, Object> seen = channel.basicGet(queue, true).getProps().getHeaders();
        Broker.equal("[copies.cc]", seen.get("CC").toString());
        Broker.check(!seen.containsKey("BCC"), queue + " sees who got a copy in secret");
      }
    }
  }

  private void fullQueue() throws Exception {
    try (Connection connection = broker.connect()) {
      Channel channel = connection.createChannel();
      Map<String, Object> one = Map.of("x-max-length", 1, "x-overflow", "reject-publish");
      String queue = Broker.queue(channel, "full_queue", one);
      channel.confirmSelect();
      Broker.publish(channel, "", queue, "first");
      Broker.check(channel.waitForConfirms(Broker.PATIENCE_S * 1000L), "the first is nacked");
      Broker.publish(channel, "", queue, "second");
      Broker.check(!channel.waitForConfirms(Broker.PATIENCE_S * 1000L), "the second is acked");
      Broker.equal(List.of("first"), Broker.drain(channel, queue));
    }
  }

  private void blocked() throws Exception {
    try (Connection publishing = broker.connect();
        Connection other = broker.connect()) {
      CompletableFuture<String> blocked = new CompletableFuture<>();
      CompletableFuture<Void> unblocked = new CompletableFuture<>();
      publishing.addBlockedListener(blocked::complete, () -> unblocked.complete(null));
      Channel channel = publishing.createChannel();
      String queue = Broker.queue(channel, "blocked");
      CompletableFuture<Void> ended = CompletableFuture.runAsync(() -> fill(channel, queue, blocked));
      Broker.check(!Broker.within(blocked).isEmpty(), "no reason is given");
      Channel purging = other.createChannel();
      // What is on its way arrives once there is room.
      Broker.until("the end of it", () -> {
        purging.queuePurge(queue);
        return unblocked.isDone() && ended.isDone();
      });
      Broker.within(ended);
      channel.queueDelete(queue);
    }
  }

  /** Publishes until the broker has had enough. */
  private static void fill(Channel channel, String queue, CompletableFuture<String> enough) {
    byte[] body = new byte[256 * 1024];
    try {
      for (int count = 0; count < 1000 && !enough.isDone(); count++) {
        channel.basicPublish("", queue, null, body);
      }
    } catch (IOException lost) {
      throw new AssertionError(lost);
    }
  }
}
