"""One bare connection whose every frame is written down.

pika's generated classes encode and decode the methods; frames, waiting and field tables are ours,
since a client would hide what is to be compared.
"""

import contextlib
import re
import socket
import struct

import pika.spec

import tables  # noqa: F401 (first of all: it changes how methods are encoded)

#: So long a broker may say nothing before that is what it says.
PATIENCE_S = 10
CAPABILITIES = {"basic.nack": True, "consumer_cancel_notify": True}
ENDS = ("end of stream", "silence")
WITH_CONTENT = ("basic.deliver", "basic.get-ok", "basic.return")
HEADER = b"AMQP\x00\x00\x09\x01"
METHOD, CONTENT_HEADER, BODY, HEARTBEAT = 1, 2, 3, 8

def frame(kind, channel, payload):
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def method_frame(channel, method):
    return frame(METHOD, channel, struct.pack(">I", method.INDEX) + b"".join(method.encode()))


def content_frames(channel, properties, body, frame_max=131072):
    header = struct.pack(">HHQ", 60, 0, len(body)) + b"".join(properties.encode())
    room = frame_max - 8
    parts = [body[at : at + room] for at in range(0, len(body), room)]
    return frame(CONTENT_HEADER, channel, header) + b"".join(
        frame(BODY, channel, part) for part in parts
    )


def spell(name):
    """`Basic.GetOk` as the specification spells it: `basic.get-ok`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def show(value):
    """A value on one line; what a broker makes up is the same for both."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {show(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(show, value)) + "]"
    if isinstance(value, bytes):
        value = value.decode(errors="replace") if len(value) < 200 else f"{len(value)} bytes"
    text = re.sub(r"amq\.gen-[\w-]+", "amq.gen-*", str(value) if value is not None else "void")
    text = re.sub(r"(?<=reply-to\.)[\w+/=.-]+", "*", text)
    return re.sub(r"amq\.ctag-[\w.-]+", "amq.ctag-*", text)


class Peer:
    """A connection to a broker, and which of its channels are open."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, PATIENCE_S)
        self.received = b""
        self.content = {}
        self.channels = set()
        self.ended = False

    def send(self, data):
        with contextlib.suppress(OSError):  # It may be closing already; what it has to say is read.
            self.socket.sendall(data)

    def call(self, channel, method, answer):
        """Sends a method that must be answered by this one."""
        self.send(method_frame(channel, method))
        events = self.until([answer])
        if events[-1].name != answer:
            raise RuntimeError(f"{spell(method.NAME)} answered by {events}")
        return events[-1]

    def start(self):
        """Begins a connection; what the broker says first is told by one scenario alone."""
        self.send(HEADER)
        self.until(["connection.start"])
        return self

    def open(self, user="guest", host="/", channels=(1,), tune=None, capabilities=None):
        """Logs in, its name being its password, and opens the channels."""
        capabilities = CAPABILITIES if capabilities is None else capabilities
        client = {"capabilities": capabilities, "product": "differential"}
        login = pika.spec.Connection.StartOk(client, "PLAIN", f"\0{user}\0{user}", "en_US")
        self.start().call(0, login, "connection.tune")
        self.send(method_frame(0, pika.spec.Connection.TuneOk(*(tune or (2047, 131072, 0)))))
        self.call(0, pika.spec.Connection.Open(host), "connection.open-ok")
        for channel in channels:
            self.reopen(channel)
        return self

    def reopen(self, channel):
        """Opens a channel unless it is open."""
        if channel not in self.channels and not self.ended:
            self.call(channel, pika.spec.Channel.Open(), "channel.open-ok")

    def until(self, names):
        """What comes until all of these came (one of several after `|`), or the broker closes the
        channel or the connection, which is answered, or says nothing more."""
        missing, events = list(names), []
        while missing:
            event = self.next_event()
            events.append(event)
            self.note(event)
            if event.name == "connection.close":
                missing = ["end of stream"]
                continue
            if event.name in ENDS:
                break
            for wanted in missing:
                if event.name in wanted.split("|"):
                    missing.remove(wanted)
                    break
            else:
                if event.name == "channel.close":
                    break
        return events

    def note(self, event):
        """Follows what is open, and answers closes."""
        if event.name == "connection.close":
            self.send(method_frame(0, pika.spec.Connection.CloseOk()))
        elif event.name == "channel.close":
            self.send(method_frame(event.channel, pika.spec.Channel.CloseOk()))
        elif event.name == "end of stream":
            self.ended = True
        elif event.name == "channel.open-ok":
            self.channels.add(event.channel)
        if event.name in ("channel.close", "channel.close-ok"):
            self.channels.discard(event.channel)

    def next_event(self):
        """The next method, with its content if it has one, or how the stream ended."""
        while True:
            got = self.next_frame()
            if isinstance(got, str):
                return Event(got)
            kind, channel, payload = got
            if kind == METHOD:
                event = method_event(channel, payload)
                if event.name not in WITH_CONTENT:
                    return event
                self.content[channel] = event
            elif kind in (CONTENT_HEADER, BODY) and self.content[channel].add(kind, payload):
                return self.content.pop(channel)

    def next_frame(self):
        """Type, channel and payload; or what came instead of a frame."""
        while True:
            if self.received[:4] == b"AMQP" and len(self.received) >= 8:
                self.received = self.received[8:]
                return "protocol header"
            if len(self.received) >= 7 and self.received[:4] != b"AMQP":
                kind, channel, length = struct.unpack_from(">BHI", self.received)
                if len(self.received) >= length + 8:
                    payload = self.received[7 : 7 + length]
                    self.received = self.received[length + 8 :]
                    return kind, channel, payload
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                return "silence"
            except ConnectionResetError:
                data = b""
            if not data:
                return "end of stream"
            self.received += data

    def close(self):
        self.socket.close()


class Event:
    """Something a broker sent: its name and fields, written as they are compared."""

    def __init__(self, name, channel=0, fields=None):
        self.name, self.channel = name, channel
        self.fields = fields or {}
        self.size, self.body, self.parts = None, b"", 0
        self.reply_to = None

    def __repr__(self):
        return f"{self.name} on channel {self.channel}: {self.fields}"

    def add(self, kind, payload):
        """Adds a frame of its content; whether that was the last."""
        if kind == CONTENT_HEADER:
            self.size = struct.unpack_from(">Q", payload, 4)[0]
            self.read_properties(payload)
        else:
            self.body += payload
            self.parts += 1
        if len(self.body) < self.size:
            return False
        self.fields["body"] = show(self.body)
        if self.parts > 1:
            self.fields["body frames"] = str(self.parts)
        return True

    def read_properties(self, payload):
        properties = pika.spec.BasicProperties()
        properties.decode(payload, 12)
        there = {name: value for name, value in vars(properties).items() if value is not None}
        headers = there.pop("headers", None)
        self.reply_to = there.get("reply_to")
        self.fields |= {name: show(value) for name, value in there.items()}
        if headers is not None:
            self.fields |= {f"header {name}": show(value) for name, value in headers.items()}
        if headers == {}:
            self.fields["headers"] = "none"

    def told(self):
        """As the transcript has it."""
        channel = {"channel": str(self.channel)} if self.channel > 1 else {}
        return {"name": self.name, "fields": channel | self.fields}


def method_event(channel, payload):
    (index,) = struct.unpack_from(">I", payload)
    method = pika.spec.methods[index]().decode(payload, 4)
    fields = {name: show(value) for name, value in vars(method).items() if not name.startswith("_")}
    if "server_properties" in fields:
        del fields["server_properties"]
        for name, value in method.server_properties.items():
            # Its name, versions and licence are nobody's business but its own.
            fields[f"property {name}"] = show(value) if name == "capabilities" else "..."
    return Event(spell(method.NAME), channel, fields)
