import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.AMQP.BasicProperties;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.Method;
import com.rabbitmq.client.ShutdownSignalException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

import static java.nio.charset.StandardCharsets.UTF_8;

/** The broker under test, and what all scenarios expect and wait with. */
final class Broker {
  /** Long enough for a busy machine, short enough to end a run that hangs. */
  static final int PATIENCE_S = 30;

  static final BasicProperties PERSISTENT = new BasicProperties.Builder().deliveryMode(2).build();

  private final String uri;
  private final String control;

  Broker(String uri, String control) {
    this.uri = uri;
    this.control = control;
  }

  /** A factory of connections that stay closed once they are. */
  ConnectionFactory factory() throws Exception {
    ConnectionFactory factory = new ConnectionFactory();
    factory.setUri(uri);
    factory.setAutomaticRecoveryEnabled(false);
    factory.setChannelRpcTimeout(PATIENCE_S * 1000);
    return factory;
  }

  Connection connect() throws Exception {
    return factory().newConnection();
  }

  /** Has the test kit do something to the broker, and waits until it is done. */
  void control(String word) throws IOException {
    int colon = control.lastIndexOf(':');
    int port = Integer.parseInt(control.substring(colon + 1));
    try (Socket socket = new Socket(control.substring(0, colon), port)) {
      socket.getOutputStream().write((word + "\n").getBytes(UTF_8));
      var reader = new BufferedReader(new InputStreamReader(socket.getInputStream(), UTF_8));
      equal("done", reader.readLine());
    }
  }

  /** Declares a transient queue with these arguments and nothing in it. */
  static String queue(Channel channel, String name, Map<String, Object> arguments)
      throws IOException {
    channel.queueDeclare(name, false, false, false, arguments);
    return name;
  }

  static String queue(Channel channel, String name) throws IOException {
    return queue(channel, name, Map.of());
  }

  static void publish(Channel channel, String exchange, String key, String body)
      throws IOException {
    channel.basicPublish(exchange, key, null, body.getBytes(UTF_8));
  }

  /** Publishes "0", "1" and so on to a queue. */
  static void publishNumbers(Channel channel, String queue, int count) throws IOException {
    for (int number = 0; number < count; number++) {
      publish(channel, "", queue, String.valueOf(number));
    }
  }

  /** Messages ready in the queue. */
  static long depth(Channel channel, String queue) throws IOException {
    return channel.queueDeclarePassive(queue).getMessageCount();
  }

  static String text(byte[] body) {
    return new String(body, UTF_8);
  }

  /** Bodies of all that the queue has, taken. */
  static List<String> drain(Channel channel, String queue) throws IOException {
    List<String> bodies = new ArrayList<>();
    GetResponse message;
    while ((message = channel.basicGet(queue, true)) != null) {
      bodies.add(text(message.getBody()));
    }
    return bodies;
  }

  /** The next message of the queue, not settled, once it is there. */
  static GetResponse arrival(Channel channel, String queue) throws Exception {
    GetResponse[] message = new GetResponse[1];
    until("a message in " + queue, () -> (message[0] = channel.basicGet(queue, false)) != null);
    return message[0];
  }

  /** What a consumer received, in order. */
  static final class Inbox {
    private final BlockingQueue<Delivery> deliveries = new LinkedBlockingQueue<>();
    final CompletableFuture<String> cancelled = new CompletableFuture<>();
    String tag;

    Delivery next() throws InterruptedException {
      Delivery delivery = deliveries.poll(PATIENCE_S, TimeUnit.SECONDS);
      if (delivery == null) {
        throw new AssertionError("no delivery came");
      }
      return delivery;
    }

    List<Delivery> next(int count) throws InterruptedException {
      List<Delivery> taken = new ArrayList<>();
      while (taken.size() < count) {
        taken.add(next());
      }
      return taken;
    }

    /** The next deliveries must have these numbers as bodies. */
    List<Delivery> expect(int from, int to) throws InterruptedException {
      List<Delivery> taken = next(to - from);
      for (int number = from; number < to; number++) {
        equal(String.valueOf(number), text(taken.get(number - from).getBody()));
      }
      return taken;
    }

    int waiting() {
      return deliveries.size();
    }
  }

  static Inbox consume(Channel channel, String queue, boolean autoAck) throws IOException {
    Inbox inbox = new Inbox();
    inbox.tag =
        channel.basicConsume(
            queue,
            autoAck,
            (tag, delivery) -> inbox.deliveries.add(delivery),
            tag -> inbox.cancelled.complete(tag));
    return inbox;
  }

  static long tag(Delivery delivery) {
    return delivery.getEnvelope().getDeliveryTag();
  }

  static void equal(Object expected, Object actual) {
    if (!Objects.deepEquals(expected, actual)) {
      throw new AssertionError("expected " + expected + ", got " + actual);
    }
  }

  static void check(boolean condition, String what) {
    if (!condition) {
      throw new AssertionError(what);
    }
  }

  static <T> T within(CompletableFuture<T> future) throws Exception {
    return future.get(PATIENCE_S, TimeUnit.SECONDS);
  }

  static void until(String what, Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_S);
    while (!condition.call()) {
      check(System.nanoTime() < deadline, "waited in vain for " + what);
      Thread.sleep(5);
    }
  }

  /** What to do on a channel. */
  interface Action {
    void on(Channel channel) throws Exception;
  }

  /** The action must end in the channel being closed with this code; the connection goes on. */
  static String channelRefused(Connection connection, int code, Action action) throws Exception {
    Channel channel = connection.createChannel();
    CompletableFuture<ShutdownSignalException> closed = new CompletableFuture<>();
    channel.addShutdownListener(closed::complete);
    try {
      action.on(channel);
    } catch (IOException | ShutdownSignalException refused) {
      // Why is what the listener is told.
    }
    Method reason = within(closed).getReason();
    check(reason instanceof AMQP.Channel.Close, "expected a closed channel, got " + reason);
    AMQP.Channel.Close close = (AMQP.Channel.Close) reason;
    check(close.getReplyCode() == code, "expected " + code + ", got " + reason);
    check(connection.isOpen(), "the connection is closed as well");
    return close.getReplyText();
  }
}
