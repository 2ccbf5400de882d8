"""Parquet files to the last byte: pages, dictionaries, footers."""

import struct
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq


class Thrift:
    """Reads the compact protocol, as far as page headers need it."""

    def __init__(self, data, at):
        self.data, self.at = data, at

    def varint(self):
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    def zigzag(self):
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def struct(self):
        """A struct as field number to value."""
        found, last = {}, 0
        while True:
            head = self.data[self.at]
            self.at += 1
            if head == 0:
                return found
            delta, kind = head >> 4, head & 15
            last = last + delta if delta else self.zigzag()
            found[last] = self.value(kind)

    def value(self, kind):
        if kind in (1, 2):
            return kind == 1
        if kind == 3:
            self.at += 1
            return self.data[self.at - 1]
        if kind in (4, 5, 6):
            return self.zigzag()
        if kind == 7:
            self.at += 8
            return struct.unpack("<d", self.data[self.at - 8 : self.at])[0]
        if kind == 8:
            size = self.varint()
            self.at += size
            return self.data[self.at - size : self.at]
        if kind in (9, 10):
            head = self.data[self.at]
            self.at += 1
            size = head >> 4 if head >> 4 != 15 else self.varint()
            return [self.value(head & 15) for _ in range(size)]
        if kind == 12:
            return self.struct()
        raise ValueError(f"a field of kind {kind} at byte {self.at}")


@dataclass
class Chunk:
    """A column chunk: what its dictionary holds, its statistics, the bytes it takes."""

    column: str
    dictionary: list
    statistics: object
    spans: list
    pages: int


def chunks(path):
    """Every column chunk of a file."""
    data = path.read_bytes()
    meta = pq.read_metadata(path)
    found = []
    for group in range(meta.num_row_groups):
        for i in range(meta.num_columns):
            column = meta.row_group(group).column(i)
            found.append(read_chunk(data, column))
    return data, meta, found


def read_chunk(data, column):
    """One chunk, page by page."""
    starts = [column.data_page_offset]
    if column.dictionary_page_offset:
        starts.append(column.dictionary_page_offset)
    at = min(starts)
    end = at + column.total_compressed_size
    dictionary, spans, n_pages = [], [(at, end)], 0
    while at < end:
        reader = Thrift(data, at)
        header = reader.struct()
        body = data[reader.at : reader.at + header[3]]
        at = reader.at + header[3]
        n_pages += 1
        for statistics in (header.get(5, {}).get(5), header.get(8, {}).get(8)):
            for field in (1, 2, 5, 6) if statistics else ():
                if field in statistics:
                    dictionary += plain(with_size(statistics[field], column), column.physical_type, 1)
        if header[1] == 2:
            raw = unpacked(body, column.compression, header[2])
            dictionary += plain(raw, column.physical_type, header[7][1])
    return Chunk(column.path_in_schema, dictionary, column.statistics, spans, n_pages)


def with_size(raw, column):
    """A value of statistics as it would be written in a page."""
    is_text = column.physical_type == "BYTE_ARRAY"
    return struct.pack("<I", len(raw)) + raw if is_text else raw


def unpacked(body, codec, size):
    """The bytes of a page."""
    if codec == "UNCOMPRESSED":
        return body
    return pa.decompress(body, decompressed_size=size, codec=codec.lower(), asbytes=True)


def plain(raw, kind, n):
    """Values written one after the other."""
    formats = {"INT32": ("<i", 4), "INT64": ("<q", 8), "FLOAT": ("<f", 4), "DOUBLE": ("<d", 8)}
    if kind in formats:
        form, size = formats[kind]
        return [struct.unpack_from(form, raw, size * i)[0] for i in range(n)]
    if kind == "BYTE_ARRAY":
        found, at = [], 0
        for _ in range(n):
            size = struct.unpack_from("<I", raw, at)[0]
            found.append(raw[at + 4 : at + 4 + size].decode(errors="replace"))
            at += 4 + size
        return found
    return []


def unaccounted(data, found):
    """Stretches of a file that belong to no page and no footer."""
    footer = struct.unpack("<I", data[-8:-4])[0]
    spans = sorted([(0, 4), (len(data) - 8 - footer, len(data))] + [s for c in found for s in c.spans])
    gaps, at = [], 0
    for start, end in spans:
        if start > at:
            gaps.append((at, start))
        at = max(at, end)
    return gaps
