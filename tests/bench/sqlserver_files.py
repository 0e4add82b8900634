# SPDX-License-Identifier: Apache-2.0
"""Writes backup files and packages of SQL Server, synthetic and as large as wanted: docs/sqlserver.md has the formats."""

import hashlib
import heapq
import random
import zipfile

PAGE_BYTES, CHUNK_BYTES, SECTOR_BYTES = 8192, 65536, 512
# What is made anew; files repeat it. A multiple of what a record of a compressed backup holds.
PIECE_PAGES = 256
CHECKSUMMED, TELLS_PLACES = 0x20, 0x80000000


def le(number, count):
    return number.to_bytes(count, "little")


def fold(content, count):
    """The exclusive or of all words of so many bytes."""
    number, size = int.from_bytes(content + bytes(-len(content) % count), "little"), -(-len(content) // count)
    while size > 1:
        half = (size + 1) // 2
        number, size = number >> 8 * count * half ^ number & (1 << 8 * count * half) - 1, half
    return number


def turning(content):
    """Words of 32 bits by exclusive or, each after a turn to the left by one."""
    value, content = 0, content + bytes(-len(content) % 4)
    for at in range(0, len(content), 4):
        value = (value << 1 & 0xFFFFFFFF | value >> 31) ^ int.from_bytes(content[at:at + 4], "little")
    return value


# ---- pages ----

NAMES = "Adam Beata Carlos Dorota Emre Farid Greta Hanna Igor Jolanta Kenji Laura Marek Nadia Oskar Paula Quentin Rosa".split()
STREETS = "Long Lane, High Street, Station Road, Church Row, Mill Lane, Park Avenue, Green Walk, Bridge Street".split(", ")


def rows_of_page(chance, first):
    """Rows as tables of a shop have them: numbers, dates, texts in one and in two bytes, and a hash."""
    room, rows, at = PAGE_BYTES - 96, [], 96
    while True:
        number = first + len(rows)
        name = f"{chance.choice(NAMES)} {chance.choice(NAMES)}son".encode("utf-16-le")
        street = f"{chance.randrange(1, 300)} {chance.choice(STREETS)}".encode()
        fixed = (le(number, 4) + le(chance.randrange(5000), 4) + le(0, 4) + le(chance.randrange(10**6), 4)
                 + le(chance.randrange(25_920_000), 4) + le(45_000 + number // 900, 4) + chance.randbytes(8))
        ends = 4 + len(fixed) + 3 + 2 + 4
        row = (b"\x30\0" + le(4 + len(fixed), 2) + fixed + le(8, 2) + b"\0" + le(2, 2) + le(ends + len(name), 2)
               + le(ends + len(name) + len(street), 2) + name + street)
        if at - 96 + len(row) + 2 * len(rows) + 2 > room:
            slots = b"".join(le(place, 2) for place in reversed([place for place, _ in rows]))
            return b"".join(text for _, text in rows), slots, len(rows)
        rows.append((at, row))
        at += len(row)


def page_checksum(page):
    value = 0
    for sector in range(16):
        words = fold(page[sector * SECTOR_BYTES:(sector + 1) * SECTOR_BYTES], 4)
        turn = 15 - sector
        value ^= (words << turn | words >> 32 - turn) & 0xFFFFFFFF
    return value


def make_piece():
    """The first pages of file 1, each with its checksum."""
    chance, rows, pages = random.Random(20261122), 0, []
    for number in range(PIECE_PAGES):
        content, slots, count = rows_of_page(chance, rows)
        rows += count
        head = (b"\1\1\0\0" + le(0x200, 2) + bytes(16) + le(count, 2) + le(100, 4)).ljust(32, b"\0") + le(number, 4) + le(1, 2)
        page = head.ljust(96, b"\0") + content
        page = bytearray(page.ljust(PAGE_BYTES - len(slots), b"\0") + slots)
        page[60:64] = le(page_checksum(page), 4)
        pages.append(bytes(page))
    return b"".join(pages)


def moved(piece, first):
    """The same, with the numbers of pages from `first` on and their checksums."""
    pages = bytearray(piece)
    for at in range(0, len(pages), PAGE_BYTES):
        number = at // PAGE_BYTES
        change = number ^ number + first
        check = int.from_bytes(pages[at + 60:at + 64], "little") ^ (change << 15 | change >> 17) & 0xFFFFFFFF
        pages[at + 32:at + 36], pages[at + 60:at + 64] = le(number + first, 4), le(check, 4)
    return bytes(pages)


# ---- packing: LZ77 with Huffman codes, [MS-XCA] 2.1.4 ----

DEPTH, LENGTH_MIN, LENGTH_GOOD = 8, 3, 64


def match_length(content, before, at):
    length, rest = 0, len(content) - at
    while length < rest and content[before + length:before + length + 16] == content[at + length:at + length + 16]:
        length += 16
    while length < rest and content[before + length] == content[at + length]:
        length += 1
    return min(length, rest)


def tokens_of(content):
    """(symbol, what follows it): bytes, and of the last places with the same three bytes the longest match."""
    tokens, seen, at, size = [], {}, 0, len(content)
    while at < size:
        best, distance = 0, 0
        for before in reversed(seen.get(content[at:at + LENGTH_MIN], ())[-DEPTH:]):
            if content[before + best:before + best + 1] != content[at + best:at + best + 1]:
                continue
            length = match_length(content, before, at)
            if length > best:
                best, distance = length, at - before
                if best >= LENGTH_GOOD:
                    break
        if best < LENGTH_MIN:
            tokens.append((content[at], None))
            best = 1
        else:
            bits = distance.bit_length() - 1
            rest = best - LENGTH_MIN
            tokens.append((256 + 16 * bits + min(rest, 15), (bits, distance - (1 << bits), rest)))
        for place in range(at, min(at + best, size - LENGTH_MIN + 1)):
            seen.setdefault(content[place:place + LENGTH_MIN], []).append(place)
        at += best
    return tokens + [(256, None)]  # the end


def lengths_of_codes(counts):
    """By symbol; at most 15."""
    while True:
        heap = [(count, symbol, (symbol,)) for symbol, count in counts.items()]
        heapq.heapify(heap)
        lengths = dict.fromkeys(counts, 0)
        while len(heap) > 1:
            one, other = heapq.heappop(heap), heapq.heappop(heap)
            for symbol in one[2] + other[2]:
                lengths[symbol] += 1
            heapq.heappush(heap, (one[0] + other[0], min(one[1], other[1]), one[2] + other[2]))
        if max(lengths.values()) <= 15:
            return lengths
        counts = {symbol: (count + 1) // 2 for symbol, count in counts.items()}


class BitWriter:
    """Words of 16 bits, between which single bytes stand where a reader has taken two words ahead."""

    def __init__(self, front):
        self.out = bytearray(front + bytes(4))
        self.slots = [len(front), len(front) + 2]
        self.word, self.free = 0, 16

    def bits(self, count, value):
        if count <= self.free:
            self.word, self.free = self.word << count | value, self.free - count
            return
        over = count - self.free
        self.put(self.word << self.free | value >> over)
        self.slots = [self.slots[1], len(self.out)]
        self.out += bytes(2)
        self.word, self.free = value & (1 << over) - 1, 16 - over

    def put(self, word):
        self.out[self.slots[0]:self.slots[0] + 2] = le(word, 2)

    def finish(self):
        self.put(self.word << self.free)
        return bytes(self.out)


def packed(content):
    tokens, counts = tokens_of(content), {}
    for symbol, _ in tokens:
        counts[symbol] = counts.get(symbol, 0) + 1
    lengths, codes, code = lengths_of_codes(counts), {}, 0
    for length in range(1, 16):
        for symbol in sorted(symbol for symbol, of in lengths.items() if of == length):
            codes[symbol] = (length, code)
            code += 1
        code <<= 1
    table = bytes(lengths.get(2 * at, 0) | lengths.get(2 * at + 1, 0) << 4 for at in range(256))
    writer = BitWriter(table)
    for symbol, match in tokens:
        writer.bits(*codes[symbol])
        if match:
            bits, rest_of_distance, rest = match
            if rest >= 15:
                writer.out += le(rest - 15, 1) if rest < 15 + 255 else b"\xff" + le(rest, 2)
            writer.bits(bits, rest_of_distance)
    return writer.finish()


# ---- blocks of a backup ----

def date(year, month, day, hour, minute, second):
    return (year << 26 | month << 22 | day << 17 | hour << 12 | minute << 6 | second).to_bytes(5, "big")


MADE, ENDED = date(2026, 11, 22, 4, 5, 6), date(2026, 11, 22, 4, 6, 7)


def stream_head(kind, size, media=0):
    head = kind + bytes(2) + le(media, 2) + le(size, 8) + bytes(4)
    return head + le(fold(head, 2), 2)


def stream(kind, content, media=0):
    return stream_head(kind, len(content), media) + content


def block_head(kind, size, numbers=(), texts=()):
    """A block up to its streams: numbers are (place, bytes), texts (place of their size and offset, text)."""
    head = bytearray(kind.ljust(size, b"\0"))
    head[10:12], head[48] = b"\x0e\1", 2
    for at, value in numbers:
        head[at:at + len(value)] = value
    for at, text in texts:
        text = text if isinstance(text, bytes) else text.encode("utf-16-le")
        head[at:at + 4] = le(len(text), 2) + le(len(head), 2)
        head += text
    head += bytes(-len(head) % 4)
    head[8:10] = le(len(head), 2)
    head[50:52] = le(fold(bytes(head[:50]), 2), 2)
    return bytes(head)


def ended(block, offset):
    """With the stream that ends a block, up to the next place where one may begin."""
    block += bytes(-len(block) % 4)
    return block + stream(b"SPAD", bytes(-(offset + len(block) + 22) % 1024))


def filemark(places=()):
    head = bytearray(block_head(b"SFMB", SECTOR_BYTES, [(4, le(TELLS_PLACES, 4)), (52, le(55, 4)), (56, le(len(places), 4))]))
    for number, place in enumerate(reversed(places)):
        head[72 + 8 * number:80 + 8 * number] = le(place, 8)
    return bytes(head)


def record(kind, size, numbers, texts):
    text = bytearray(kind.ljust(size, b"\0"))
    for at, value in numbers:
        text[at:at + len(value)] = value
    for at, value in texts:
        value = value.encode("utf-16-le")
        text[at:at + 4] = le(len(value), 2) + le(len(text), 2)
        text += value
    text[4:8] = le(len(text), 4)
    return bytes(text)


def configuration(pages, is_end):
    lsn = [(at, le(40, 4) + le(block, 4) + b"\1\0") for at, block in ((32, 100), (42, 200), (52, 100), (62, 80))]
    facts = [(8, le(512 | 16, 4)), (24, b"\xe1\x10\0\x10"), (72, date(2020, 2, 3, 4, 5, 6)), (77, MADE), (87, b"D\0\0\0\xa0"),
             (94, le(957, 2)), (96, le(pages * PAGE_BYTES, 8)), (116, le(0x409, 4)), (216, b"\x09\x04\xd0\0\x34")]
    facts += lsn + ([(82, ENDED)] if is_end else [])
    file = [(16, le(PAGE_BYTES, 4)), (24, le(pages, 4)), (32, le(4096, 4))]
    return stream(b"MQCI", record(b"SCIN", 336, facts, [(104, "Shop"), (108, "HOST\\SQL")])
                  + record(b"SFIN", 400, file + [(8, b"\x84"), (20, b"\1"), (36, b"\1"), (40, le(pages * PAGE_BYTES, 8))],
                           [(48, "Shop"), (52, "D:\\Data\\Shop.mdf")])
                  + record(b"SFIN", 400, file + [(8, b"\4"), (20, b"\2"), (40, le(1 << 20, 8))],
                           [(48, "Shop_log"), (52, "E:\\Log\\Shop.ldf")]))


def tape():
    raid = b"\x5a" * 16 + bytes(4) + le(1, 2) * 3 + bytes(6)
    numbers = [(52, le(0xABCD0001, 4)), (60, le(1, 2)), (64, le(1, 2)), (84, le(1024, 2)), (86, le(0x1200, 2)), (88, MADE)]
    return ended(block_head(b"TAPE", 94, numbers, [(80, "Microsoft SQL Server")]) + stream(b"RAID", raid), 0)


def front_of_data(pages, offset):
    """All of a set in front of its pages; these begin at a sector."""
    region = b""
    start = block_head(b"SSET", 98, [(52, le(4, 4)), (60, le(0x1200, 2)), (62, le(1, 2)), (88, MADE)],
                       [(64, "Nightly"), (76, "HOST\\dba"), (44, le(1, 8) + b"\x11" * 8)])
    volume = block_head(b"VOLB", 74, (), [(56, "D:"), (60, "Data"), (64, "HOST")])
    for block in (start, volume, block_head(b"MSCI", 56) + configuration(pages, False)):
        region += ended(block, offset + len(region))
    region += block_head(b"MSDA", 60)
    size = -(offset + len(region) + 22 + 24) % SECTOR_BYTES
    size += SECTOR_BYTES * (size % 4 != 0)
    return region + stream(b"APAD", bytes(size), 0x80) + stream_head(b"MQDA", 2 + pages * PAGE_BYTES, 2 | CHECKSUMMED) + bytes(2)


def back_of_data(pages, words, offset):
    """What follows the pages, whose words of 32 bits are together `words`."""
    # Two bytes stand in front of them, so that words of the stream are not those of the pages.
    turned = (words << 16 | words >> 16) & 0xFFFFFFFF
    region = bytes(-(offset) % 4) + stream(b"CSUM", le(turned, 4))
    region = ended(region, offset)
    log = stream(b"MQTL", b"\0\0" + b"L" * 2048)
    for block in (block_head(b"MSTL", 60) + log, block_head(b"MSLS", 56) + configuration(pages, True)):
        region += ended(block, offset + len(region))
    return region


def end_of_set(offset):
    block = block_head(b"ESET", 88, [(52, le(4, 4)), (78, le(1, 2)), (80, MADE)])
    first = ended(block + stream(b"TSMP", b"m" * 64), offset)
    return first + ended(block, offset + len(first))


def write_plain(path, size):
    """A full backup of as many pages as come nearest to `size` bytes; each page has a number of its own."""
    piece = make_piece()
    pieces = max(1, size // len(piece))
    pages, words = pieces * PIECE_PAGES, 0
    with open(path, "wb") as file:
        head = tape() + filemark()
        file.write(head)
        file.write(front_of_data(pages, len(head)))
        for number in range(pieces):
            content = moved(piece, number * PIECE_PAGES)
            words ^= fold(content, 4)
            file.write(content)
        file.write(back_of_data(pages, words, file.tell()))
        file.write(filemark())
        file.write(end_of_set(file.tell()))
        file.write(filemark())
    return pages


def packed_record(content):
    chunk = packed(content)
    head = b"\x21" + le(len(content) // SECTOR_BYTES, 1) + le(len(chunk), 2) + b"\xee" * 16 + bytes(4)
    return head + le(turning(chunk), 4) + chunk


def padding(offset):
    size = -(offset + 24) % SECTOR_BYTES
    return b"\x24\0" + le(size, 2) + bytes(20 + size)


def index(entries, offset):
    table = b"".join(le(in_chain, 8) + le(place, 8) for in_chain, place in entries)
    size = -(offset + 24 + len(table) + 32) % SECTOR_BYTES + len(table) + 32
    head = b"\1\0\1\0" + le(len(entries), 4) + le(size, 4) + le(turning(table), 4)
    return b"\x2c" + bytes(23) + head + table + bytes(size - len(table) - 32) + head


def records_of(region):
    return b"".join(packed_record(region[at:at + CHUNK_BYTES]) for at in range(0, len(region), CHUNK_BYTES))


def write_packed(path, size):
    """A compressed full backup of about so many bytes; it has the same records again and again. How many pages it has."""
    piece = make_piece()
    records = records_of(piece)
    pieces = max(1, size // len(records))
    pages, words = pieces * PIECE_PAGES, fold(piece, 4) * (pieces % 2)
    head, marks = tape(), []

    def mark(file):
        place = file.tell()
        file.write(filemark(marks))
        marks.append(place)

    with open(path, "wb") as file:
        file.write((b"MSSQLBAK" + le(2, 4) + le(3, 4)).ljust(480, b"\0"))
        file.write(records_of(head))
        file.write(padding(file.tell()))
        mark(file)
        front = front_of_data(pages, len(head) + SECTOR_BYTES)
        file.write(records_of(front))
        for _ in range(pieces):
            file.write(records)
        in_region = len(front) + pieces * len(piece)
        entries = [(in_region, file.tell())]
        offset = len(head) + SECTOR_BYTES + in_region
        back = back_of_data(pages, words, offset)
        file.write(records_of(back))
        file.write(index(entries, file.tell()))
        mark(file)
        file.write(records_of(end_of_set(offset + len(back) + SECTOR_BYTES)))
        file.write(padding(file.tell()))
        mark(file)
    return pages


# ---- packages ----

MODEL = """\ufeff<?xml version="1.0" encoding="utf-8"?>
<DataSchemaModel FileFormatVersion="1.2" SchemaVersion="2.9" DspName="Microsoft.Data.Tools.Schema.Sql.Sql150DatabaseSchemaProvider"
 CollationLcid="1033" CollationCaseSensitive="True" xmlns="http://schemas.microsoft.com/sqlserver/dac/Serialization/2012/02"><Model>
<Element Type="SqlDatabaseOptions"><Property Name="Collation" Value="Latin1_General_CS_AS"/></Element>
<Element Type="SqlPrimaryKeyConstraint"><Relationship Name="ColumnSpecifications"><Entry><Element
 Type="SqlIndexedColumnSpecification"><Relationship Name="Column"><Entry><References Name="[dbo].[orders].[id]"/></Entry>
</Relationship></Element></Entry></Relationship><Relationship Name="DefiningTable"><Entry><References Name="[dbo].[orders]"/></Entry>
</Relationship></Element>
<Element Type="SqlTable" Name="[dbo].[orders]"><Relationship Name="Columns">{columns}</Relationship></Element>
</Model></DataSchemaModel>"""
COLUMN = """<Entry><Element Type="SqlSimpleColumn" Name="[dbo].[orders].[{name}]">{needed}<Relationship Name="TypeSpecifier"><Entry>
<Element Type="SqlTypeSpecifier">{length}<Relationship Name="Type"><Entry><References ExternalSource="BuiltIns" Name="[{type}]"/></Entry>
</Relationship></Element></Entry></Relationship></Element></Entry>"""
ORIGIN = """<?xml version="1.0" encoding="utf-8"?><DacOrigin><PackageProperties><ContainsExportedData>true</ContainsExportedData>
</PackageProperties><Operation><Start>2026-11-22T04:05:06</Start><ProductVersion>162.0.52.1</ProductVersion></Operation><Server>
<ServerVersion>Microsoft SQL Server 2022 (RTM) - 16.0.1000.6 (X64)</ServerVersion></Server><ExportStatistics><TableRowCountTotalTag>
{rows}</TableRowCountTotalTag></ExportStatistics><Checksums><Checksum Uri="/model.xml">{sha256}</Checksum></Checksums></DacOrigin>"""
RELATIONS = '<Relationships><Relationship Type="table=orders" Target="/{part}"/></Relationships>'
COLUMNS = (("id", "int", 0), ("customer", "int", None), ("price", "money", 0), ("made", "datetime2", 0), ("name", "nvarchar", 60),
           ("token", "uniqueidentifier", 0), ("note", "nvarchar", None))
GROUP, ROWS_PER_GROUP = b"\xaa\xbb\xcc", 256  # which bytes of rows are the number of their group
PART = "Data/dbo.orders/TableData-000-00000.BCP"


def rows_of_group():
    chance, rows = random.Random(20261122), []
    for number in range(ROWS_PER_GROUP):
        name = f"{chance.choice(NAMES)} {chance.choice(NAMES)}son, {chance.randrange(300)} {chance.choice(STREETS)}".encode("utf-16-le")
        note = f"a remark on number {chance.randrange(10**6)} and on what belongs to it".encode("utf-16-le")
        ticks, days = chance.randrange(86_400) * 10_000_000, 738_000 + chance.randrange(1000)
        rows.append(le(number, 1) + GROUP + (b"\4" + le(chance.randrange(5000), 4) if number % 9 else b"\xff")
                    + le(0, 4) + le(chance.randrange(10**8), 4) + le(ticks, 5) + le(days, 3) + le(len(name), 2) + name
                    + b"\x10" + chance.randbytes(13) + GROUP + (le(len(note), 2) + note if number % 5 else b"\xff\xff"))
    return b"".join(rows)


def write_package(path, size):
    """One table whose rows have about so many bytes, in one part. How many rows, and how many bytes they have."""
    rows = rows_of_group()
    groups = max(2, size // len(rows))
    columns = "".join(COLUMN.format(name=name, type=kind, needed="" if size is None else '<Property Name="IsNullable" Value="False"/>',
                                    length=f'<Property Name="Length" Value="{size or 100}"/>' if kind == "nvarchar" else "")
                      for name, kind, size in COLUMNS)
    model = MODEL.format(columns=columns).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.xml", model)
        archive.writestr("DacMetadata.xml", "<DacType><Name>Shop</Name><Version>1.0.0.0</Version></DacType>")
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open(PART, "w", force_zip64=True) as part:
            for number in range(groups):
                part.write(rows.replace(GROUP, le(number, 3)))
        archive.writestr("_rels/.rels", RELATIONS.format(part=PART))
        archive.writestr("Origin.xml", ORIGIN.format(rows=groups * ROWS_PER_GROUP, sha256=hashlib.sha256(model).hexdigest()))
    return groups * ROWS_PER_GROUP, groups * len(rows)
