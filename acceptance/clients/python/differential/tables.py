"""Field tables that keep the type of every value, in place of the client library's own."""

import struct
import time

import pika.data

#: Tag of a table value: how it is packed, for those of a fixed size.
NUMBERS = {
    "t": ">?", "b": ">b", "B": ">B", "s": ">h", "u": ">H", "I": ">i", "i": ">I", "l": ">q",
    "L": ">q", "f": ">f", "d": ">d", "T": ">Q",
}  # fmt: skip


class Typed:
    """A table value with its tag: `Typed("s", 3)`."""

    def __init__(self, tag, value):
        self.tag, self.value = tag, value

    def __repr__(self):
        if self.tag == "T" and abs(self.value - time.time()) < 600:
            return "T:now"
        return f"{self.tag}:{self.value!r}"


def encode_value(value):
    """Tag and bytes; what has no type of its own is written as most clients do."""
    if isinstance(value, Typed):
        if value.tag in NUMBERS:
            return value.tag.encode() + struct.pack(NUMBERS[value.tag], value.value)
        if value.tag == "D":
            return b"D" + struct.pack(">Bi", *value.value)
        return value.tag.encode() + long_string(value.value)
    if isinstance(value, bool):
        return encode_value(Typed("t", value))
    if isinstance(value, int):
        return encode_value(Typed("I" if abs(value) < 2**31 else "l", value))
    if isinstance(value, str):
        return b"S" + long_string(value.encode())
    if value is None:
        return b"V"
    if isinstance(value, list):
        return b"A" + long_string(b"".join(map(encode_value, value)))
    return b"F" + encode_entries(value)


def encode_entries(table):
    entries = ((name.encode(), encode_value(value)) for name, value in table.items())
    return long_string(b"".join(bytes([len(name)]) + name + value for name, value in entries))


def encode_table(pieces, table):
    encoded = encode_entries(table or {})
    pieces.append(encoded)
    return len(encoded)


def decode_value(encoded, offset):
    tag = chr(encoded[offset])
    offset += 1
    if tag in NUMBERS:
        (value,) = struct.unpack_from(NUMBERS[tag], encoded, offset)
        return Typed(tag, value), offset + struct.calcsize(NUMBERS[tag])
    if tag == "V":
        return None, offset
    if tag == "D":
        return Typed("D", struct.unpack_from(">Bi", encoded, offset)), offset + 5
    (length,) = struct.unpack_from(">I", encoded, offset)
    offset += 4
    content = encoded[offset : offset + length]
    if tag == "F":
        return decode_table(encoded, offset - 4)
    if tag == "A":
        values, at = [], 0
        while at < length:
            value, at = decode_value(content, at)
            values.append(value)
        return values, offset + length
    if tag == "S":
        return content.decode(errors="replace"), offset + length
    return Typed(tag, content), offset + length


def decode_table(encoded, offset):
    (length,) = struct.unpack_from(">I", encoded, offset)
    offset += 4
    end = offset + length
    table = {}
    while offset < end:
        name, offset = pika.data.decode_short_string(encoded, offset)
        table[name], offset = decode_value(encoded, offset)
    return table, end


pika.data.encode_table, pika.data.decode_table = encode_table, decode_table


def long_string(content):
    return struct.pack(">I", len(content)) + content
