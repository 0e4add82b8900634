#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stands in for a SQL Server: replays what is documented of its traffic with S3-compatible object storage.

BACKUP TO URL: an upload in parts of MAXTRANSFERSIZE (10 MiB unless told, the last one shorter) over several connections,
then its completion. RESTORE FROM URL: the object is looked at, its head is read, then ranges of the same size. It knows
nothing of Holdfast and has only the standard library. It proves nothing about a SQL Server: what that sends beyond its
documentation is not known here.

Orders come as JSON on standard input: do ("backup" or "restore"), url ("s3://host:port/bucket/name"), credential
("key:secret"), ca (file), and size_bytes, part_bytes, connections. It prints {"sha256": …, "size_bytes": …, "seconds": …}.
"""

import datetime
import hashlib
import hmac
import http.client
import json
import ssl
import struct
import sys
import threading
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree

MIB = 1 << 20


class Endpoint:
    """One connection; signs with AWS Signature Version 4."""

    def __init__(self, orders):
        where = urllib.parse.urlsplit(orders["url"])
        self.host, self.port, self.path = where.hostname, where.port, where.path
        self.key, self.secret = orders["credential"].split(":")
        self.context = ssl.create_default_context(cafile=orders["ca"])
        self.connection = None

    def signed(self, method, query, headers, payload):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        headers = {**headers, "host": f"{self.host}:{self.port}", "x-amz-date": now, "x-amz-content-sha256": payload}
        names = ";".join(sorted(headers))
        text = "\n".join([method, urllib.parse.quote(self.path), query,
                          *(f"{name}:{headers[name]}" for name in sorted(headers)), "", names, payload])
        scope = f"{now[:8]}/us-east-1/s3/aws4_request"
        to_sign = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(text.encode()).hexdigest()])
        key = ("AWS4" + self.secret).encode()
        for word in (*scope.split("/"), to_sign):
            key = hmac.new(key, word.encode(), hashlib.sha256).digest()
        headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={self.key}/{scope}, SignedHeaders={names}, "
                                    f"Signature={key.hex()}")
        return headers

    def call(self, method, query="", body=b"", headers=None):
        payload = hashlib.sha256(body).hexdigest()
        for attempt in (1, 2):
            if self.connection is None:
                self.connection = http.client.HTTPSConnection(self.host, self.port, context=self.context, timeout=120)
            try:
                self.connection.request(method, self.path + ("?" + query if query else ""), body=body,
                                        headers=self.signed(method, query, headers or {}, payload))
                answer = self.connection.getresponse()
                content = answer.read()
                break
            except (OSError, http.client.HTTPException):
                self.connection = None
                if attempt == 2:
                    raise
        if answer.status >= 300:
            sys.exit(f"{method} {query}: {answer.status} {content.decode(errors='replace')}")
        return answer.headers, content


def content_of(part, size, block):
    """Differs for every part, so that a wrong order is seen."""
    return struct.pack("<Q", part) + block[8:size]


def backup(orders):
    size, part_bytes = orders["size_bytes"], orders.get("part_bytes", 10 * MIB)
    # Bytes that do not compress: what a backup's pages are like does not matter here.
    block = hashlib.shake_256(b"pages").digest(part_bytes)
    begun = time.monotonic()
    first = Endpoint(orders)
    answer = ElementTree.fromstring(first.call("POST", "uploads=")[1])
    upload_id = next(each.text for each in answer if each.tag.endswith("UploadId"))
    count = max(1, -(-size // part_bytes))
    tags, failures, turn, lock = {}, [], iter(range(1, count + 1)), threading.Lock()

    def send():
        try:
            send_parts(Endpoint(orders))
        except (Exception, SystemExit) as error:
            failures.append(str(error))

    def send_parts(endpoint):
        while not failures:
            with lock:
                part = next(turn, None)
            if part is None:
                return
            body = content_of(part, min(part_bytes, size - (part - 1) * part_bytes), block)
            headers, _ = endpoint.call("PUT", f"partNumber={part}&uploadId={upload_id}", body)
            tags[part] = headers["ETag"]

    threads = [threading.Thread(target=send) for _ in range(orders.get("connections", 4))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        sys.exit("; ".join(failures))
    named = "".join(f"<Part><PartNumber>{part}</PartNumber><ETag>{tags[part]}</ETag></Part>" for part in range(1, count + 1))
    first.call("POST", f"uploadId={upload_id}", f"<CompleteMultipartUpload>{named}</CompleteMultipartUpload>".encode())
    if int(first.call("HEAD")[0]["Content-Length"]) != size:
        sys.exit("the object is not of its size")
    seconds = time.monotonic() - begun
    whole = hashlib.sha256()
    for part in range(1, count + 1):
        whole.update(content_of(part, min(part_bytes, size - (part - 1) * part_bytes), block))
    return whole, size, seconds


def restore(orders):
    begun = time.monotonic()
    step = orders.get("part_bytes", 10 * MIB)
    endpoint = Endpoint(orders)
    size = int(endpoint.call("HEAD")[0]["Content-Length"])
    whole, done = hashlib.sha256(), 0
    endpoint.call("GET", headers={"range": "bytes=0-4095"})
    while done < size:
        _, content = endpoint.call("GET", headers={"range": f"bytes={done}-{min(size, done + step) - 1}"})
        whole.update(content)
        done += len(content)
    return whole, size, time.monotonic() - begun


def main():
    orders = json.load(sys.stdin)
    whole, size, seconds = {"backup": backup, "restore": restore}[orders["do"]](orders)
    print(json.dumps({"sha256": whole.hexdigest(), "size_bytes": size, "seconds": seconds}))


if __name__ == "__main__":
    main()
