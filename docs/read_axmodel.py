#!/usr/bin/env python3
"""Reads an .axmodel with nothing but Python: header, section table, checksums (where the xxhash module is there), the manifest,
and the steps of the program. It explains docs/axmodel-format.md; Axon's own tools do not use it."""
import json
import struct
import sys

MAGIC = b"\x89AXM\r\n\x1a\n"
DTYPES = ["none", "float32", "int8", "uint8", "int16", "int32", "int64", "bool", "float16", "float64", "uint16", "uint32", "uint64"]

try:
    import xxhash

    def checksum(data):
        return xxhash.xxh3_64_intdigest(data)
except ImportError:
    checksum = None


def fail(text):
    sys.exit(f"read_axmodel: {text}")


def expect(data, wanted, what):
    if checksum and checksum(data) != wanted:
        fail(f"{what} is damaged: its checksum does not fit")


def sections(data):
    """The section table as {type: raw bytes}, in file order."""
    if data[:8] != MAGIC:
        fail("not an .axmodel")
    major, minor, count, size, table_sum = struct.unpack_from("<HHIQQ", data, 8)
    expect(data[:56], struct.unpack_from("<Q", data, 56)[0], "the header")
    if major != 1:
        fail(f"version {major}.{minor} is not known")
    if size != len(data) or 64 + 64 * count > size:
        fail("the file is cut short")
    expect(data[64:64 + 64 * count], table_sum, "the section table")
    found = {}
    for i in range(count):
        kind, compression, offset, stored, raw, total = struct.unpack_from("<4sIQQQQ", data, 64 + 64 * i)
        kind = kind.decode("latin-1")
        if offset % 64 or offset + stored > size:
            fail(f"section {kind} does not lie in the file")
        part = data[offset:offset + stored]
        expect(part, total, f"section {kind}")
        print(f"{kind}  offset {offset:10}  stored {stored:10}  raw {raw:10}  {'zstd' if compression else 'plain'}")
        if compression:
            try:
                import zstandard
                part = zstandard.ZstdDecompressor().decompress(part, max_output_size=raw)
            except ImportError:
                part = None
        found[kind] = part
    return found


class Table:
    """A FlatBuffers table: field i is found through the vtable; an absent one has its default."""

    def __init__(self, buf, at):
        self.buf, self.at = buf, at
        self.vtable = at - struct.unpack_from("<i", buf, at)[0]

    def place(self, field):
        size = struct.unpack_from("<H", self.buf, self.vtable)[0]
        slot = 4 + 2 * field
        offset = struct.unpack_from("<H", self.buf, self.vtable + slot)[0] if slot < size else 0
        return self.at + offset if offset else None

    def number(self, field, form, default=0):
        at = self.place(field)
        return struct.unpack_from("<" + form, self.buf, at)[0] if at else default

    def follow(self, field):
        at = self.place(field)
        return at + struct.unpack_from("<I", self.buf, at)[0] if at else None

    def text(self, field):
        at = self.follow(field)
        if at is None:
            return ""
        n = struct.unpack_from("<I", self.buf, at)[0]
        return self.buf[at + 4:at + 4 + n].decode("utf-8", "replace")

    def numbers(self, field, form):
        at = self.follow(field)
        if at is None:
            return []
        n = struct.unpack_from("<I", self.buf, at)[0]
        return list(struct.unpack_from(f"<{n}{form}", self.buf, at + 4))

    def tables(self, field):
        at = self.follow(field)
        if at is None:
            return []
        n = struct.unpack_from("<I", self.buf, at)[0]
        places = [at + 4 + 4 * i for i in range(n)]
        return [Table(self.buf, p + struct.unpack_from("<I", self.buf, p)[0]) for p in places]


def show_program(buf):
    """Field numbers are the order of the fields in formats/files/axmodel.fbs."""
    program = Table(buf, struct.unpack_from("<I", buf, 0)[0])
    operands = program.tables(0)

    def operand(i):
        if i < 0:
            return "-"
        o = operands[i]
        shape = "x".join(str(d) for d in o.numbers(4, "q"))
        return f"{o.text(0) or '#' + str(i)}:{DTYPES[o.number(2, 'B')]}[{shape}]"

    print(f"arena {program.number(4, 'q')} bytes, constants {program.number(5, 'q')} bytes")
    for title, field in (("input", 2), ("output", 3)):
        for port in program.tables(field):
            shape = "x".join(str(d) for d in port.numbers(3, "q"))
            print(f"{title} {port.text(0)} {DTYPES[port.number(2, 'B')]} {shape} = {operand(port.number(1, 'i'))}")
    for step in program.tables(1):
        ins = ", ".join(operand(i) for i in step.numbers(3, "i"))
        outs = ", ".join(operand(i) for i in step.numbers(4, "i"))
        print(f"{step.text(0):16} {outs} <- {ins}")


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: read_axmodel.py FILE.axmodel")
    with open(sys.argv[1], "rb") as f:
        parts = sections(f.read())
    if parts.get("META"):
        manifest = json.loads(parts["META"])
        print("manifest of", manifest["name"], "made by Axon", manifest["versions"]["axon"])
    if parts.get("PROG"):
        show_program(parts["PROG"])


if __name__ == "__main__":
    main()
