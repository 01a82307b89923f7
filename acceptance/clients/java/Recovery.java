import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.Recoverable;
import com.rabbitmq.client.RecoveryListener;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** The client's automatic recovery, against what it has to recover from. */
final class Recovery {
  private final Broker broker;

  Recovery(Broker broker) {
    this.broker = broker;
  }

  void addTo(Map<String, Main.Scenario> scenarios) {
    scenarios.put("cut_connection", this::cutConnection);
    scenarios.put("restarted_broker", this::restartedBroker);
  }

  private Connection connect() throws Exception {
    ConnectionFactory factory = broker.factory();
    factory.setAutomaticRecoveryEnabled(true);
    factory.setTopologyRecoveryEnabled(true);
    factory.setNetworkRecoveryInterval(100);
    return factory.newConnection();
  }

  /** Does something to the broker and waits until the client has recovered from it. */
  private void recover(Connection connection, String word) throws Exception {
    CompletableFuture<Void> recovered = new CompletableFuture<>();
    RecoveryListener listener =
        new RecoveryListener() {
          @Override
          public void handleRecovery(Recoverable recoverable) {
            recovered.complete(null);
          }

          @Override
          public void handleRecoveryStarted(Recoverable recoverable) {}
        };
    ((Recoverable) connection).addRecoveryListener(listener);
    broker.control(word);
    Broker.within(recovered);
    ((Recoverable) connection).removeRecoveryListener(listener);
  }

  private void cutConnection() throws Exception {
    try (Connection connection = connect()) {
      Channel channel = connection.createChannel();
      channel.exchangeDeclare("cut_connection", "topic", false, true, null);
      String queue = channel.queueDeclare().getQueue();
      channel.queueBind(queue, "cut_connection", "a.#");
      Broker.Inbox inbox = Broker.consume(channel, queue, false);
      for (int round = 0; round < 3; round++) {
        Broker.publish(channel, "cut_connection", "a.b", String.valueOf(round));
        Delivery delivery = inbox.expect(round, round + 1).get(0);
        channel.basicAck(Broker.tag(delivery), false);
        recover(connection, "cut");
      }
    }
  }

  private void restartedBroker() throws Exception {
    try (Connection connection = connect()) {
      Channel channel = connection.createChannel();
      String queue = "restarted_broker";
      channel.queueDeclare(queue, true, false, false, null);
      channel.confirmSelect();
      for (int number = 0; number < 10; number++) {
        byte[] body = String.valueOf(number).getBytes();
        channel.basicPublish("", queue, Broker.PERSISTENT, body);
      }
      channel.waitForConfirmsOrDie(Broker.PATIENCE_S * 1000L);
      channel.basicQos(1);
      Broker.Inbox inbox = Broker.consume(channel, queue, false);
      inbox.expect(0, 1);
      recover(connection, "restart");
      for (int number = 0; number < 10; number++) {
        Delivery delivery = inbox.expect(number, number + 1).get(0);
        channel.basicAck(Broker.tag(delivery), false);
      }
      Broker.until("the end of the queue", () -> Broker.depth(channel, queue) == 0);
      channel.queueDelete(queue);
    }
  }
}
