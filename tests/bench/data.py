# SPDX-License-Identifier: Apache-2.0
"""The files that are backed up: made from a seed, the same everywhere, each kind as compressible as what it stands for.

Every function takes a directory that is not there yet and a scale, and makes the files below it. zstd at level 3, chunk by
chunk, packs source trees 3.0 times (files below 4 KiB 1.8), dumps 3.3, samples 1.5, records 1.9, random bytes not at all.
"""

import array
import os
import random

MIB = 1 << 20
LETTERS = "etaoinshrdlucmwfgypbvk"


def words_of(rng, count):
    return ["".join(rng.choices(LETTERS, k=rng.randint(2, 11))) for _ in range(count)]


def source_lines(rng, size):
    """Text like a program's: few words in each stretch, some of them often, indented."""
    all_words = words_of(rng, 6000)
    shapes = []
    for _ in range(120):
        shape = " " * (2 * rng.choice((0, 1, 1, 2, 2, 3, 4)))
        holes = 3
        while holes:
            if rng.random() < 0.45:
                shape += "%s"
                holes -= 1
            else:
                shape += rng.choice(all_words)
            shape += rng.choice((" = ", "(", ", ", ".", "->", " ", " + ", "::", "[", " != "))
        shapes.append(shape.rstrip() + rng.choice((";", ");", " {", "", "],", " # ")) + "\n")
    made, pieces = 0, []
    while made < size:
        near = rng.choices(all_words, k=60)
        near += near[:12] * 8 + [str(rng.randrange(10**6)) for _ in range(12)]
        count = rng.randint(300, 1200)
        words = iter(rng.choices(near, k=3 * count))
        piece = "".join(map(str.__mod__, rng.choices(shapes, k=count), zip(words, words, words)))
        made += len(piece)
        pieces.append(piece)
    return "".join(pieces).encode()


def tree(top, rng, text, files, folders, size_of):
    """Files that are stretches of one text, each with a first line of its own; 3 in 100 are copies of an earlier one."""
    paths = [top]
    os.makedirs(top)
    for number in range(folders - 1):
        path = os.path.join(paths[rng.randrange(max(1, len(paths) // 3))], f"part{number}")
        os.mkdir(path)
        paths.append(path)
    content = b""
    for number in range(files):
        if number == 0 or rng.random() >= 0.03:
            size = size_of(rng)
            start = rng.randrange(len(text) - size)
            content = (b"// file %d\n" % number + text[start : start + size])[:size]
        with open(os.path.join(paths[number % folders], f"file{number}.c"), "wb") as file:
            file.write(content)


def source(top, scale):
    rng = random.Random("source")
    text = source_lines(rng, 24 * MIB)
    files = max(50, int(60_000 * scale))
    tree(top, rng, text, files, max(5, files // 14),
         lambda rng: min(400_000, int(rng.lognormvariate(9.14, 1.08))))


def small(top, scale):
    rng = random.Random("small")
    text = source_lines(rng, 24 * MIB)
    files = max(100, int(200_000 * scale))
    tree(top, rng, text, files, max(5, files // 100), lambda rng: rng.randint(0, 4096))


def write_blocks(path, size, block):
    """`block` gives one MiB at a time."""
    with open(path, "wb") as file:
        left = size
        while left > 0:
            file.write(block()[: min(left, MIB)])
            left -= MIB


def noise(top, scale):
    rng = random.Random("random")
    os.makedirs(top)
    for number in range(8):
        write_blocks(f"{top}/noise{number}", max(MIB, int(250_000_000 * scale)), lambda: rng.randbytes(MIB))


def signal(rng, count):
    """As from a sensor: 16-bit values that wander."""
    value, values = 0.0, array.array("H")
    for step in (rng.gauss(0, 16) for _ in range(count)):
        value = value * 0.999 + step
        values.append(int(value) & 0xFFFF)
    return values.tobytes()


def samples(rng, wave):
    """A stretch of the signal whose low bytes are turned, so that no two blocks are the same."""
    start = 2 * rng.randrange((len(wave) - MIB) // 2)
    block = bytearray(wave[start : start + MIB])
    turn = rng.randrange(256)
    block[0::2] = block[0::2].translate(bytes(value ^ turn for value in range(256)))
    return bytes(block)


def records(rng):
    """As of a database's table: 16 bytes with a type, a counter, a short name from a list and a number."""
    few = bytes(value % 40 + 65 for value in range(256))
    block = bytearray(MIB)
    count = MIB // 16
    block[0::16] = rng.randbytes(count).translate(bytes(value % 4 for value in range(256)))
    start = rng.randrange(1 << 24)
    counters = b"".join((start + index).to_bytes(4, "big") for index in range(count))
    for byte in range(4):
        block[4 + byte :: 16] = counters[byte::4]
    for byte in (8, 9, 10):
        block[byte::16] = rng.randbytes(count).translate(few)
    for byte in (11, 12, 13):
        block[byte::16] = rng.randbytes(count)
    return bytes(block)


def mixed(top, scale):
    rng = random.Random("mixed")
    os.makedirs(top)
    size = max(MIB, int(250_000_000 * scale))
    for number in range(6):
        write_blocks(f"{top}/noise{number}", size, lambda: rng.randbytes(MIB))
    wave = signal(rng, 4 * MIB)
    for number in range(3):
        write_blocks(f"{top}/samples{number}", size, lambda: samples(rng, wave))
        write_blocks(f"{top}/records{number}", size, lambda: records(rng))


def rows(rng, first, count):
    """Rows as COPY writes them: key, time, name, address, state, amount, token, remark."""
    states = ("new", "paid", "sent", "returned", "closed")
    common = words_of(random.Random("words"), 900)
    often = common[:40] * 40 + common
    remark = iter(rng.choices(often, k=12 * count))
    remarks = map(" ".join, zip(*[remark] * 12))
    names = rng.choices(common, k=2 * count)
    for index, text in enumerate(remarks):
        key = first + index
        given, family = names[2 * index], names[2 * index + 1]
        yield (f"{key}\t2024-03-{key // 90_000 % 28 + 1:02} {key // 3600 % 24:02}:{key // 60 % 60:02}:{key % 60:02}"
               f"\t{given} {family}\t{given}.{family}@{names[index]}.example\t{states[key * 7 % 5]}"
               f"\t{rng.randrange(10**6) / 100}\t{rng.getrandbits(32):08x}\t{text}\\N\t\\N\tt\t0\n")


def dump(top, scale):
    rng = random.Random("dump")
    os.makedirs(top)
    left, key = max(MIB, int(2_000_000_000 * scale)), 1
    with open(f"{top}/database.sql", "w", encoding="ascii") as file:
        file.write("COPY public.orders FROM stdin;\n")
        while left > 0:
            text = "".join(rows(rng, key, 5000))
            file.write(text)
            key += 5000
            left -= len(text)
        file.write("\\.\n")
