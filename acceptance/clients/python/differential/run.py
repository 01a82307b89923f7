"""Plays every scenario against one broker and writes what it answered, as JSON.

run.py HOST:PORT [SCENARIO]

A scenario begins with a connection `a` with channel 1 open, unless it opens its own.

Scenarios call their queues alike. Those of a module that is `ANYWHERE` are played in several virtual
hosts at a time, one after the other in each; those that are `TOGETHER` touch nothing that others
do; the rest come one after the other in the virtual host that the definitions are about.
"""

import json
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from pika.spec import Exchange, Queue

from peer import Peer, content_frames, method_frame, spell
from steps import connect
import arguments
import channels
import connections
import consuming
import dying
import faults
import handshake
import rights
import routing
import messages
import transactions

#: What a step may be repeated for.
PATIENCE_S = 10
THREADS = 20
#: Virtual hosts of the definitions that are like `/`, and that no policy or limit is for.
LANES = [f"lane {number}" for number in range(8)]
MODULES = (
    arguments, channels, connections, consuming, dying, faults, handshake, messages, rights, routing, transactions,
)  # fmt: skip


class Play:
    """One scenario on its way: its connections, and what is to be removed after it."""

    def __init__(self, address, host):
        self.address, self.host = address, host
        self.peers, self.options = {}, {}
        self.queues, self.exchanges = set(), set()
        self.reply_to = ""

    def step(self, step):
        """Plays a step; answers with the events it caused."""
        if step.do == "connect":
            if step.on in self.peers:
                self.peers[step.on].close()
            self.options[step.on] = dict(step.options)
            self.connect(step.on)
            return []
        if step.do == "leave":
            self.peers.pop(step.on).close()
            return []
        deadline = time.monotonic() + PATIENCE_S
        while True:
            events = self.send(step)
            if step.until is None or found(events, step.until) or time.monotonic() > deadline:
                return events
            time.sleep(0.003)

    def connect(self, on):
        options = dict(self.options.setdefault(on, {}))
        if options.pop("open", True):
            options.setdefault("host", self.host)
            self.peers[on] = self.patiently(lambda: Peer(self.address).open(**options))
            return
        self.peers[on] = Peer(self.address)
        if options.get("greet", True):
            self.peers[on].start()

    @staticmethod
    def patiently(action):
        """Limits may count a connection that is closed for a little longer."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return action()
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def send(self, step):
        if step.on not in self.peers or self.peers[step.on].ended:
            self.connect(step.on)
        peer = self.peers[step.on]
        if not step.bare and step.channel and self.options[step.on].get("open", True):
            peer.reopen(step.channel)
        peer.send(self.encoded(step))
        events = peer.until(step.wait)
        closed = {"connection.close", "channel.close", "end of stream", "silence"}
        if step.probe and not closed & {event.name for event in events}:
            probe = Exchange.Declare(exchange="amq.direct", passive=True)
            peer.send(method_frame(step.channel, probe))
            events += peer.until(["exchange.declare-ok"])
            if events[-1].name == "exchange.declare-ok":
                events.pop()
        for event in events:
            self.reply_to = event.reply_to or self.reply_to
        return events

    def encoded(self, step):
        if step.method is None:
            return step.data
        method = step.method
        if isinstance(method, Queue.Declare) and not method.passive:
            if "host" not in self.options[step.on]:
                self.queues.add(method.queue)
        if isinstance(method, Exchange.Declare) and not method.passive:
            self.exchanges.add(method.exchange)
        if getattr(method, "routing_key", None) == "(reply to)":
            method.routing_key = self.reply_to
        data = method_frame(step.channel, method)
        if step.properties is not None:
            data += content_frames(step.channel, step.properties, step.body)
        return data

    def clean(self):
        for peer in self.peers.values():
            peer.close()
        removals = [Queue.Delete(queue=name) for name in sorted(self.queues) if name]
        names = sorted(name for name in self.exchanges if name and not name.startswith("amq."))
        removals += [Exchange.Delete(exchange=name) for name in names]
        if removals:
            cleaner = Peer(self.address).open(host=self.host)
            for removal in removals:
                remove(cleaner, removal)
            cleaner.close()


def remove(peer, removal):
    """Deletes; what still belongs to a connection that ends goes with that."""
    answer = f"{spell(removal.NAME)}-ok"
    while True:
        peer.reopen(1)
        peer.send(method_frame(1, removal))
        if peer.until([answer])[-1].fields.get("reply_code") != "405":
            return


def found(events, wanted):
    """Whether the last event is the one that a step is repeated for."""
    name, _, messages = wanted.partition(" ")
    last = events[-1] if events else None
    return last and last.name == name and messages in ("", last.fields.get("message_count"))


def play(address, name, steps, host="/"):
    run = Play(address, host)
    told = []
    try:
        if steps[0].do != "connect":
            run.step(connect("a"))
        times = Counter()
        for step in steps:
            times[step.what] += 1
            label = f"{step.what} ({times[step.what]})" if times[step.what] > 1 else step.what
            try:
                events = [told_of(event, host) for event in run.step(step)]
            except Exception as error:
                raise RuntimeError(f"{name!r}, {label}") from error
            if step.unordered:
                events.sort(key=repr)
            told.append({"step": label, "events": events})
    finally:
        run.clean()
    return told


def told_of(event, host):
    """An event as it would be in the virtual host `/`."""
    text = json.dumps(event.told())
    return json.loads(text.replace(f"vhost '{host}'", "vhost '/'"))


def main():
    host, port = sys.argv[1].split(":")
    wanted = sys.argv[2:]
    scenarios = [
        (module, name, steps)
        for module in MODULES
        for name, steps in module.SCENARIOS.items()
        if not wanted or name in wanted
    ]
    names = [name for _, name, _ in scenarios]
    assert len(names) == len(set(names)), "a name is there twice"
    address = host, int(port)
    free = SimpleQueue()
    for lane in LANES:
        free.put(lane)

    def play_anywhere(name, steps):
        lane = free.get()
        try:
            return play(address, name, steps, lane)
        finally:
            free.put(lane)

    with (
        ThreadPoolExecutor(THREADS) as together,
        ThreadPoolExecutor(len(LANES)) as anywhere,
        ThreadPoolExecutor(1) as in_turn,
    ):
        played = {}
        for module, name, steps in scenarios:
            if getattr(module, "TOGETHER", False):
                played[name] = together.submit(play, address, name, steps)
            elif getattr(module, "ANYWHERE", False):
                played[name] = anywhere.submit(play_anywhere, name, steps)
            else:
                played[name] = in_turn.submit(play, address, name, steps)
        transcript = {name: scenario.result() for name, scenario in played.items()}
    json.dump(transcript, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
