import com.rabbitmq.client.Address;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.ShutdownSignalException;
import java.net.URI;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

import static java.nio.charset.StandardCharsets.UTF_8;

/**
 * Publishes and consumes while the node that serves is killed: the client knows the addresses of
 * both, and recovers connection, channels and consumer by itself. What it expects is told in
 * ../python/failover.py. Arguments: URI URI CONTROL.
 */
final class Failover {
  private static final String QUEUE = "failover";
  private static final int COUNT = 1500;
  private static final int DEADLINE_S = 90;

  private final Broker control;
  private final Set<Integer> seen = new TreeSet<>();
  private final CompletableFuture<String> all = new CompletableFuture<>();

  private Failover(Broker control) {
    this.control = control;
  }

  public static void main(String[] arguments) throws Exception {
    ConnectionFactory factory = new ConnectionFactory();
    factory.setUri(arguments[0]);
    factory.setAutomaticRecoveryEnabled(true);
    factory.setTopologyRecoveryEnabled(true);
    factory.setNetworkRecoveryInterval(100);
    factory.setConnectionTimeout(2000);
    factory.setChannelRpcTimeout(5000);
    List<Address> nodes = List.of(address(arguments[0]), address(arguments[1]));
    try (Connection connection = factory.newConnection(nodes)) {
      long longest = new Failover(new Broker(arguments[0], arguments[2])).run(connection);
      System.out.println(longest);
    }
    System.exit(0);
  }

  private static Address address(String uri) {
    URI parsed = URI.create(uri);
    return new Address(parsed.getHost(), parsed.getPort());
  }

  private long run(Connection connection) throws Exception {
    Channel consumer = connection.createChannel();
    consumer.queueDeclare(QUEUE, true, false, false, null);
    consumer.basicQos(50);
    consumer.basicConsume(
        QUEUE,
        false,
        (tag, delivery) -> {
          take(Integer.parseInt(new String(delivery.getBody(), UTF_8)));
          consumer.basicAck(delivery.getEnvelope().getDeliveryTag(), false);
        },
        tag -> all.complete("the consumer was cancelled"));
    long longest = publish(connection.createChannel());
    String wrong = all.get(DEADLINE_S, TimeUnit.SECONDS);
    Broker.check(wrong.isEmpty(), wrong);
    return longest;
  }

  private synchronized void take(int number) {
    if (!seen.contains(number) && number != seen.size()) {
      all.complete(number + " came as number " + seen.size());
    }
    seen.add(number);
    if (seen.size() == COUNT) {
      all.complete("");
    }
  }

  /** The longest time between two confirms, in milliseconds. */
  private long publish(Channel channel) throws Exception {
    channel.confirmSelect();
    long start = System.nanoTime();
    long last = start;
    long longest = 0;
    for (int confirmed = 0; confirmed < COUNT; ) {
      try {
        channel.basicPublish("", QUEUE, Broker.PERSISTENT, Integer.toString(confirmed).getBytes(UTF_8));
        Broker.check(channel.waitForConfirms(5000), "refused");
        long now = System.nanoTime();
        longest = Math.max(longest, now - last);
        last = now;
        confirmed++;
        if (confirmed == COUNT / 3) {
          control.control("kill");
        }
      } catch (ShutdownSignalException | TimeoutException broken) {
        // The client recovers the channel; until then it says so at once.
        Broker.check(
            System.nanoTime() - start < TimeUnit.SECONDS.toNanos(DEADLINE_S), "no recovery");
        Thread.sleep(20);
      }
    }
    return TimeUnit.NANOSECONDS.toMillis(longest);
  }
}
