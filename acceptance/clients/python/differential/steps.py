"""The words that scenarios are written in.

A step sends something on a connection, `a` unless it says `on`, and tells what came back. Whatever
the broker closed before is opened again first, so that one refusal does not hide the next.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from pika.spec import Basic, BasicProperties, Confirm, Exchange, Queue

from peer import spell


@dataclass(frozen=True)
class Step:
    #: "connect", "leave", or "send".
    do: str
    #: What the transcript calls it.
    what: str
    on: str = "a"
    channel: int = 1
    #: The method that is sent, or bytes in its place.
    method: Any = None
    properties: Any = None
    body: bytes = b""
    data: bytes = b""
    #: What must come; without it, the method's answer.
    wait: tuple | None = None
    #: Whether everything that the step caused must have come when it ends: asks for something else
    #: behind it, which is answered after it.
    probe: bool = False
    #: Whether the channel is left as it is, open or not.
    bare: bool = False
    #: Whether brokers may answer in any order.
    unordered: bool = False
    #: The answer until which it is repeated, as it comes in the broker's own time.
    until: str | None = None
    options: dict = field(default_factory=dict)


def connect(on="b", user="guest", **options):
    """A connection: logged in with channel 1, or only greeted, if `open` is false."""
    return Step("connect", f"connect {on}", on, options={"user": user, **options})


def named(what, step):
    """Calls a step something else in the transcript."""
    return replace(step, what=what)


def leave(on="b"):
    """Drops a connection without a word."""
    return Step("leave", f"leave {on}", on)


#: What answers a method, where that is not its name with `-ok`.
ANSWERS = {"basic.get": "basic.get-ok|basic.get-empty"}


def call(method, channel=1, wait=None, **more):
    """Sends a method and waits for its answer, or for what `wait` names."""
    name = spell(method.NAME)
    answered = method.synchronous and not getattr(method, "nowait", False)
    if wait is None:
        wait = (ANSWERS.get(name, f"{name}-ok"),) if answered else ()
    more.setdefault("probe", not answered and channel > 0)
    return Step("send", name, channel=channel, method=method, wait=tuple(wait), **more)


def publish(key, body=b"m", exchange="", mandatory=False, channel=1, wait=(), **properties):
    """Publishes a message; nothing answers that by itself."""
    of_step = ("on", "unordered", "probe", "bare")
    more = {name: properties.pop(name) for name in of_step if name in properties}
    method = Basic.Publish(0, exchange, key, mandatory, properties.pop("immediate", False))
    step = call(method, channel, wait, **more)
    return replace(step, properties=BasicProperties(**properties), body=body)


def raw(data, wait=(), what="bytes", probe=True, **more):
    """Sends bytes."""
    return Step("send", what, data=data, wait=tuple(wait), probe=probe, **more)


def eventually(step, answer):
    """Repeats a step until it gets this answer; only the last one is told."""
    return replace(step, until=answer)


def arrival(name="q", no_ack=True, **more):
    """Gets from a queue until there is a message."""
    return eventually(get(name, no_ack, **more), "basic.get-ok")


def queue(name="q", durable=False, arguments=None, **more):
    """Declares a queue."""
    flags = {flag: more.pop(flag) for flag in ("passive", "exclusive", "auto_delete") if flag in more}
    return call(Queue.Declare(queue=name, durable=durable, arguments=arguments, **flags), **more)


def exchange(name, kind, arguments=None, **more):
    """Declares an exchange."""
    names = ("passive", "durable", "auto_delete", "internal")
    flags = {flag: more.pop(flag) for flag in names if flag in more}
    return call(Exchange.Declare(exchange=name, type=kind, arguments=arguments, **flags), **more)


def bind(name="q", source="e", key="", arguments=None, **more):
    """Binds a queue."""
    method = Queue.Bind(queue=name, exchange=source, routing_key=key, arguments=arguments)
    return call(method, **more)


def consume(name="q", tag="t", no_ack=False, wait=("basic.consume-ok",), **more):
    """Consumes, and waits for deliveries as well if `wait` names them."""
    flags = {flag: more.pop(flag) for flag in ("arguments", "exclusive", "no_local") if flag in more}
    method = Basic.Consume(queue=name, consumer_tag=tag, no_ack=no_ack, **flags)
    return call(method, wait=wait, **more)


def count(name="q", **more):
    """How many messages and consumers there are; everything sent before was done by then."""
    return queue(name, passive=True, **more)


def counted(messages, name="q", **more):
    """The same, once there are so many messages."""
    return eventually(count(name, **more), f"queue.declare-ok {messages}")


def get(name="q", no_ack=True, **more):
    """Gets one message, or learns that there is none."""
    return call(Basic.Get(0, name, no_ack), **more)


def confirms(**more):
    """Puts the channel into confirm mode."""
    return call(Confirm.Select(), **more)


#: What a publish that is to be confirmed waits for.
ACK = ("basic.ack|basic.nack",)
DELIVERED = ("basic.deliver",)
RETURNED = ("basic.return",)
