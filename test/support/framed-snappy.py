"""Snappy's framing format by Google's own library for the blocks (libsnappy.so.1) and Python's standard library for the rest, made from the
specification and apart from hoard: a second opinion. `framed-snappy.py -c|-d < input > output`."""
import ctypes
import struct
import sys

library = ctypes.CDLL("libsnappy.so.1")
IDENTIFIER = b"\xff\x06\x00\x00sNaPpY"

TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    TABLE.append(byte)


def checksum(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def call(function, data, room):
    size = ctypes.c_size_t(room)
    out = ctypes.create_string_buffer(room)
    if function(data, ctypes.c_size_t(len(data)), out, ctypes.byref(size)) != 0:
        sys.exit("not a block of Snappy")
    return out.raw[: size.value]


def chunk(kind, body):
    return bytes([kind]) + struct.pack("<I", len(body))[:3] + body


def compress(data):
    out = [IDENTIFIER]
    for at in range(0, len(data), 65536):
        block = data[at : at + 65536]
        short = call(library.snappy_compress, block, 100000)
        kind, body = (0, short) if len(short) < len(block) else (1, block)
        out.append(chunk(kind, checksum(block) + body))
    return b"".join(out)


def decompress(data):
    if not data.startswith(IDENTIFIER):
        sys.exit("no identifier")
    out, at = [], len(IDENTIFIER)
    while at < len(data):
        kind, size = data[at], int.from_bytes(data[at + 1 : at + 4], "little")
        body = data[at + 4 : at + 4 + size]
        at += 4 + size
        if len(body) != size:
            sys.exit("cut")
        if 2 <= kind < 0x80:
            sys.exit("unknown chunk")
        if kind > 1:
            continue
        block = call(library.snappy_uncompress, body[4:], 65536) if kind == 0 else body[4:]
        if checksum(block) != body[:4]:
            sys.exit("wrong checksum")
        out.append(block)
    return b"".join(out)


run = {"-c": compress, "-d": decompress}[sys.argv[1]]
sys.stdout.buffer.write(run(sys.stdin.buffer.read()))
