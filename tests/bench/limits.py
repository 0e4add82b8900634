# SPDX-License-Identifier: Apache-2.0
"""What one core of this machine can do, through the libraries that Holdfast uses too: the floor below every time measured.

Each rate is the best of several passes, in MB/s of CPU time, which others on the machine hardly change; the first pass,
which fills memory, is dropped. zstd gets the chunks of the row's own files, the others one MiB at a time.
"""

import ctypes
import hashlib
import json
import os
import time

MIB = 1 << 20


def best(work, size, passes=4):
    """MB/s of a piece of work on so many bytes."""
    work()
    times = []
    for _ in range(passes):
        began = time.thread_time()
        work()
        times.append(time.thread_time() - began)
    return size / 1e6 / min(times)


def blocks_of(sample):
    return [sample[at : at + MIB] for at in range(0, len(sample), MIB)]


def zstd_rates(blocks, levels=(1, 3)):
    """Rates of zstd by chunk at these levels, and the rate of opening what the last one made."""
    zstd = ctypes.CDLL("libzstd.so.1")
    for name in ("ZSTD_compressBound", "ZSTD_compressCCtx", "ZSTD_decompressDCtx"):
        getattr(zstd, name).restype = ctypes.c_size_t
    for name in ("ZSTD_createCCtx", "ZSTD_createDCtx"):
        getattr(zstd, name).restype = ctypes.c_void_p
    made = ctypes.c_void_p(zstd.ZSTD_createCCtx())
    opened = ctypes.c_void_p(zstd.ZSTD_createDCtx())
    out = ctypes.create_string_buffer(2 * MIB)
    size = sum(map(len, blocks))
    room = ctypes.c_size_t(len(out))

    def press(block, level):
        return zstd.ZSTD_compressCCtx(made, out, room, block, ctypes.c_size_t(len(block)), level)

    rates = {}
    for level in levels:
        rates[f"zstd -{level}"] = best(lambda: [press(block, level) for block in blocks], size, 2)
    packed = [out.raw[: press(block, levels[-1])] for block in blocks]
    rates["zstd open"] = best(
        lambda: [zstd.ZSTD_decompressDCtx(opened, out, room, block, ctypes.c_size_t(len(block))) for block in packed],
        size)
    zstd.ZSTD_freeCCtx(made)
    zstd.ZSTD_freeDCtx(opened)
    return rates


def seal_rate(sample):
    """AES-256-CTR and Poly1305, as the repository seals each blob."""
    crypto = ctypes.CDLL("libcrypto.so.3")
    for name in ("EVP_CIPHER_CTX_new", "EVP_aes_256_ctr", "EVP_MAC_fetch", "EVP_MAC_CTX_new"):
        getattr(crypto, name).restype = ctypes.c_void_p
    cipher = ctypes.c_void_p(crypto.EVP_CIPHER_CTX_new())
    key, out = b"k" * 32, ctypes.create_string_buffer(MIB + 64)
    crypto.EVP_EncryptInit_ex(cipher, ctypes.c_void_p(crypto.EVP_aes_256_ctr()), None, key, b"i" * 16)
    mac = ctypes.c_void_p(crypto.EVP_MAC_CTX_new(ctypes.c_void_p(crypto.EVP_MAC_fetch(None, b"POLY1305", None))))
    written = ctypes.c_int()
    blocks = blocks_of(sample)

    def seal():
        for block in blocks:
            crypto.EVP_EncryptUpdate(cipher, out, ctypes.byref(written), block, len(block))
            crypto.EVP_MAC_init(mac, key, ctypes.c_size_t(len(key)), None)
            crypto.EVP_MAC_update(mac, out, ctypes.c_size_t(len(block)))
            crypto.EVP_MAC_final(mac, out, None, ctypes.c_size_t(MIB))

    return best(seal, len(sample))


def copy_rate(sample):
    out = ctypes.create_string_buffer(len(sample))
    return best(lambda: ctypes.memmove(out, sample, len(sample)), len(sample))


def file_rates(sample, directory):
    """Writing a file on the tmpfs over another one that was just removed, and reading it out of the page cache."""
    path = os.path.join(directory, "limits")
    blocks = blocks_of(sample)

    def write():
        with open(path, "wb", buffering=0) as file:
            for block in blocks:
                file.write(block)

    def read():
        buffer = bytearray(MIB)
        with open(path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass

    rates = {"tmpfs write": best(write, len(sample)), "read": best(read, len(sample))}
    os.remove(path)
    return rates


def per_file_us(directory, count=2000):
    """What small files cost in microseconds each, Python's own part (1 to 2) included."""
    folder = os.path.join(directory, "limits")
    os.mkdir(folder)
    names = [f"{folder}/{number}" for number in range(count)]

    def create(name):
        file = os.open(name, os.O_CREAT | os.O_WRONLY, 0o600)
        os.write(file, b"x" * 2048)
        os.utime(file, (1, 1))
        os.close(file)

    def read(name):
        file = os.open(name, os.O_RDONLY)
        os.read(file, 4096)
        os.close(file)

    costs = {}
    for what, work in (("create", create), ("open", read), ("stat", os.stat), ("remove", os.remove)):
        began = time.thread_time()
        for name in names:
            work(name)
        costs[f"{what} a file"] = (time.thread_time() - began) / count * 1e6
    os.rmdir(folder)
    return costs


def key_s(repository):
    """Deriving the key of a repository from its password: on one core, and with its lanes spread over all."""
    folder = os.path.join(repository, "keys")
    with open(os.path.join(folder, os.listdir(folder)[0])) as file:
        key = json.load(file)
    began = time.thread_time()
    hashlib.scrypt(b"bench", salt=b"s" * 64, n=key["N"], r=key["r"], p=key["p"], maxmem=1 << 30, dklen=64)
    one_s = time.thread_time() - began
    return one_s, one_s / min(key["p"], os.cpu_count())


def sample_of(directory, size):
    """Chunks of up to one MiB, about so many bytes of them, evenly from everything below a directory."""
    pieces, total = [], 0
    for path in sorted(os.path.join(folder, name) for folder, _, names in os.walk(directory) for name in names):
        file_size = os.path.getsize(path)
        total += file_size
        pieces += [(path, at) for at in range(0, file_size, MIB)]
    blocks = []
    for path, at in pieces[:: max(1, total // size)]:
        with open(path, "rb", buffering=0) as file:
            file.seek(at)
            blocks.append(file.read(MIB))
    return blocks


def of_machine(directory, size=32 * MIB):
    """The rates in MB/s that do not depend on the data, and what files cost in microseconds."""
    sample = os.urandom(size)
    rates = {"sha256": best(lambda: [hashlib.sha256(block) for block in blocks_of(sample)], size),
             "aes-ctr + poly1305": seal_rate(sample), "memcpy": copy_rate(sample)}
    rates.update(file_rates(sample, directory))
    return rates, per_file_us(directory)


def floors_s(rates, file_us, key, files, size, stored):
    """The least that each cell costs, if straightforward code used all cores all the time.

    Cutting into chunks, trees, the index and syncs are left out; hashing several blobs at once could be faster still.
    """
    def mb(count, name):
        return count / 1e6 / rates[name]

    read = {"backup": mb(size, "read") + mb(size, "sha256") + mb(size, "zstd -3") + mb(stored, "aes-ctr + poly1305")
            + mb(stored, "sha256") + mb(stored, "tmpfs write") + files * file_us["open a file"] / 1e6,
            "unchanged": files * file_us["stat a file"] / 1e6,
            "restore": mb(stored, "read") + mb(stored, "aes-ctr + poly1305") + mb(size, "zstd open")
            + mb(size, "sha256") + mb(size, "tmpfs write") + files * file_us["create a file"] / 1e6,
            "check": mb(stored, "read") + mb(stored, "sha256") + mb(stored, "aes-ctr + poly1305")
            + mb(size, "zstd open") + mb(size, "sha256"),
            "open": 0.0}
    return {cell: key + cpu_s / os.cpu_count() for cell, cpu_s in read.items()}
