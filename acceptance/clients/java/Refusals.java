import static java.nio.charset.StandardCharsets.UTF_8;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.AuthenticationFailureException;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.ShutdownSignalException;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** What the broker will not do, and how it says so. */
final class Refusals {
  private final Broker broker;

  Refusals(Broker broker) {
    this.broker = broker;
  }

  void addTo(Map<String, Main.Scenario> scenarios) {
    scenarios.put("wrong_password", this::wrongPassword);
    scenarios.put("missing_permission", this::missingPermission);
    scenarios.put("channel_errors", this::channelErrors);
    scenarios.put("connection_errors", this::connectionErrors);
  }

  private void wrongPassword() throws Exception {
    Broker.equal(loginRefused("app", "wrong"), loginRefused("nobody", "app"));
    ConnectionFactory factory = broker.factory();
    factory.setVirtualHost("nowhere");
    try {
      factory.newConnection().close();
      throw new AssertionError("an unknown virtual host is open");
    } catch (IOException refused) {
      connectionClosed(530, (ShutdownSignalException) refused.getCause());
    }
  }

  private String loginRefused(String user, String password) throws Exception {
    ConnectionFactory factory = broker.factory();
    factory.setUsername(user);
    factory.setPassword(password);
    try {
      factory.newConnection().close();
    } catch (AuthenticationFailureException refused) {
      Broker.check(refused.getMessage().contains("ACCESS_REFUSED"), refused.getMessage());
      return refused.getMessage();
    }
    throw new AssertionError(user + " may come in with " + password);
  }

  private void missingPermission() throws Exception {
    ConnectionFactory factory = broker.factory();
    factory.setUsername("limited");
    factory.setPassword("limited");
    try (Connection owner = broker.connect();
        Connection connection = factory.newConnection()) {
      String theirs = Broker.queue(owner.createChannel(), "missing_permission");
      refused(connection, channel -> Broker.queue(channel, "theirs"));
      refused(connection, channel -> channel.queueDelete(theirs));
      refused(connection, channel -> channel.queuePurge(theirs));
      refused(connection, channel -> channel.basicGet(theirs, true));
      refused(connection, channel -> Broker.consume(channel, theirs, true));
      refused(connection, channel -> Broker.publish(channel, "amq.direct", theirs, "x"));
      Channel channel = connection.createChannel();
      String mine = Broker.queue(channel, "mine");
      channel.exchangeDeclare("mine", "direct", false, true, null);
      channel.queueBind(mine, "mine", "key");
      refused(connection, other -> other.queueBind(mine, "amq.direct", "key"));
      Broker.publish(channel, "mine", "key", "allowed");
      Broker.equal("allowed", Broker.text(channel.basicGet(mine, true).getBody()));
      channel.queueDelete(mine);
    }
  }

  private static void refused(Connection connection, Broker.Action action) throws Exception {
    String text = Broker.channelRefused(connection, 403, action);
    Broker.check(text.startsWith("ACCESS_REFUSED"), text);
  }

  private void channelErrors() throws Exception {
    try (Connection connection = broker.connect()) {
      String queue = "channel_errors";
      Channel setup = connection.createChannel();
      setup.queueDeclare(queue, true, false, false, null);
      Broker.publish(setup, "", queue, "kept");
      Broker.channelRefused(connection, 404, c -> c.queueDeclarePassive("missing"));
      Broker.channelRefused(connection, 404, c -> c.exchangeDeclarePassive("missing"));
      Broker.channelRefused(connection, 404, c -> Broker.publish(c, "missing", "key", "x"));
      Broker.channelRefused(connection, 404, c -> Broker.consume(c, "missing", true));
      Broker.channelRefused(connection, 404, c -> c.queueBind(queue, "missing", "key"));
      Broker.channelRefused(connection, 406, c -> c.queueDeclare(queue, false, false, false, null));
      Broker.channelRefused(connection, 406, c -> c.exchangeDeclare("amq.direct", "fanout", true));
      Broker.channelRefused(connection, 406, c -> c.queueDelete(queue, false, true));
      Broker.channelRefused(connection, 406, c -> c.basicAck(42, false));
      Broker.channelRefused(connection, 403, c -> Broker.queue(c, "amq.mine"));
      Broker.channelRefused(connection, 403, c -> c.exchangeDelete("amq.direct"));
      Broker.equal(1, setup.queueDelete(queue).getMessageCount());
    }
  }

  private void connectionErrors() throws Exception {
    byte[] body = "x".getBytes(UTF_8);
    connectionRefused(540, c -> c.basicPublish("", "connection_errors", false, true, null, body));
    connectionRefused(540, c -> c.basicQos(1000, 0, false));
  }

  private void connectionRefused(int code, Broker.Action action) throws Exception {
    Connection connection = broker.connect();
    CompletableFuture<ShutdownSignalException> closed = new CompletableFuture<>();
    connection.addShutdownListener(closed::complete);
    try {
      action.on(connection.createChannel());
    } catch (IOException | ShutdownSignalException refused) {
      // Why is what the listener is told.
    }
    connectionClosed(code, Broker.within(closed));
  }

  private static void connectionClosed(int code, ShutdownSignalException signal) {
    boolean right =
        signal.getReason() instanceof AMQP.Connection.Close close && close.getReplyCode() == code;
    Broker.check(right, "expected " + code + ", got " + signal.getReason());
  }
}
