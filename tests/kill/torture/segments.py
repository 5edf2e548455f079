"""What a partition holds, by its files alone: Kafka's segments, read without any client or broker.

Which records are committed follows from the control records: a transaction's records count when its commit marker is there. On the way
what no client can see is checked: offsets without a gap, sequences of each producer without one, epochs that never fall, no batch of a
transaction left open.
"""

import pathlib
import struct

HEADER = struct.Struct(">qiibIhiqqqhii")
TRANSACTIONAL, CONTROL = 0x10, 0x20
SEQUENCES = 1 << 31


class Damage(Exception):
    pass


def batches(directory):
    for file in sorted(pathlib.Path(directory).glob("*.log")):
        content, at = file.read_bytes(), 0
        while at + HEADER.size <= len(content):
            header = HEADER.unpack_from(content, at)
            length = header[1]
            if length == 0:
                break  # The rest is room for more.
            if at + 12 + length > len(content):
                raise Damage(f"{file}: the batch at byte {at} is cut off")
            yield header, content[at + HEADER.size:at + 12 + length]
            at += 12 + length


def varint(content, at):
    result, shift = 0, 0
    while True:
        byte = content[at]
        result |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return (result >> 1) ^ -(result & 1), at


def field(content, at):
    length, at = varint(content, at)
    return (None, at) if length < 0 else (content[at:at + length], at + length)


def records(content, count):
    """Offset deltas, keys and values."""
    at = 0
    for _ in range(count):
        length, at = varint(content, at)
        end = at + length
        _, place = varint(content, at + 1)
        delta, place = varint(content, place)
        key, place = field(content, place)
        value, place = field(content, place)
        yield delta, key, value
        at = end


def committed(directory):
    """The committed records, by offset in order: (offset, value)."""
    found, opened, epochs, sequences, next_offset = [], {}, {}, {}, None
    for header, content in batches(directory):
        base, _, _, magic, _, attributes, last_delta, _, _, producer, epoch, sequence, count = header
        where = f"{directory}: the batch at offset {base}"
        if magic != 2 or attributes & 7:
            raise Damage(f"{where} has magic {magic} and attributes {attributes}")
        if next_offset not in (None, base):
            raise Damage(f"{where} should be at {next_offset}")
        next_offset = base + last_delta + 1
        if epoch < epochs.get(producer, 0):
            raise Damage(f"{where} of producer {producer} has epoch {epoch} after {epochs[producer]}")
        epochs[producer] = epoch
        parsed = list(records(content, count))
        if attributes & CONTROL:
            is_commit = struct.unpack(">hh", parsed[0][1])[1] == 1
            values = opened.pop(producer, [])
            found.extend(values if is_commit else [])
            continue
        expected = sequences.get((producer, epoch), 0)
        if sequence != expected:
            raise Damage(f"{where} of producer {producer}, epoch {epoch}, has sequence {sequence} instead of {expected}")
        sequences[producer, epoch] = (sequence + count) % SEQUENCES
        values = [(base + delta, value.decode()) for delta, _, value in parsed]
        if attributes & TRANSACTIONAL:
            opened.setdefault(producer, []).extend(values)
        else:
            found.extend(values)
    if opened:
        raise Damage(f"{directory}: transactions of the producers {sorted(opened)} are open still")
    return sorted(found)
