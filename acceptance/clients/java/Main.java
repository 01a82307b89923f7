import java.util.LinkedHashMap;
import java.util.Map;

/** Runs the scenarios of ../README.md and reports each in a line. */
final class Main {
  /** Returns when the broker did what it should, and throws when it did not. */
  interface Scenario {
    void run() throws Exception;
  }

  public static void main(String[] arguments) {
    Broker broker = new Broker(arguments[0], arguments[1]);
    Map<String, Scenario> scenarios = new LinkedHashMap<>();
    new Topology(broker).addTo(scenarios);
    new Publishing(broker).addTo(scenarios);
    new Consuming(broker).addTo(scenarios);
    new DeadLetters(broker).addTo(scenarios);
    new Contents(broker).addTo(scenarios);
    new Refusals(broker).addTo(scenarios);
    new Recovery(broker).addTo(scenarios);
    scenarios.forEach(Main::report);
    // The client's own threads may still be at work.
    System.exit(0);
  }

  private static void report(String name, Scenario scenario) {
    try {
      scenario.run();
      System.out.println("ok " + name);
    } catch (Exception | AssertionError failure) {
      System.out.println("failed " + name + ": " + failure.toString().replace('\n', ' '));
      failure.printStackTrace();
    }
  }
}
