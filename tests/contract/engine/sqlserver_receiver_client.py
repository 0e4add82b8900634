#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an S3 client that is not ours, boto3, does with the receiver; reads its orders as JSON from standard input.

Orders: endpoint, bucket, access_key, secret, ca (file of the certificate), name, file (content to write, or where what is
read goes), part_bytes, and do: one of the functions below. Prints what came of it as JSON: {"code": "", …}, where code is
S3's word for a refusal.
"""

import base64
import hashlib
import http.client
import json
import random
import socket
import ssl
import sys
import threading
import time
import urllib.parse
import urllib.request
import zlib

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

ORDERS = json.load(sys.stdin)


RESOLVE = socket.getaddrinfo
# Names of the example domain are this machine: what a server's DNS does for hosts that begin with a bucket.
socket.getaddrinfo = lambda host, *more, **named: RESOLVE("127.0.0.1" if str(host).endswith(".test") else host, *more, **named)


def client(secret=None, style="path", signature="s3v4", attempts=1):
    config = Config(signature_version=signature, retries={"max_attempts": attempts, "mode": "standard"},
                    s3={"addressing_style": style, **({"payload_signing_enabled": ORDERS["signed"]} if "signed" in ORDERS else {})},
                    read_timeout=60, connect_timeout=10)
    return boto3.client("s3", endpoint_url=ORDERS["endpoint"], region_name=ORDERS.get("region", "us-east-1"),
                        aws_access_key_id=ORDERS["access_key"], aws_secret_access_key=secret or ORDERS["secret"],
                        verify=ORDERS["ca"], config=config)


def parts():
    size = ORDERS["part_bytes"]
    with open(ORDERS["file"], "rb") as file:
        content = file.read()
    return [content[at:at + size] for at in range(0, len(content), size)] or [b""]


def place(**more):
    return {"Bucket": ORDERS["bucket"], "Key": ORDERS["name"], **more}


def upload(order, s3=None, **checks):
    """Parts in that order, of numbers from 1; the same number may come again. What completes it."""
    s3 = s3 or client()
    content = parts()
    upload_id = s3.create_multipart_upload(**place())["UploadId"]
    tags = {}
    for number in order(len(content)):
        body = content[number - 1]
        more = {name: make(body) for name, make in checks.items()}
        tags[number] = s3.upload_part(**place(UploadId=upload_id, PartNumber=number, Body=body, **more))["ETag"]
    listed = s3.list_parts(**place(UploadId=upload_id))["Parts"]
    assert [part["PartNumber"] for part in listed] == sorted(tags), listed
    named = [{"PartNumber": number, "ETag": tags[number]} for number in sorted(tags)]
    done = s3.complete_multipart_upload(**place(UploadId=upload_id, MultipartUpload={"Parts": named}))
    digests = b"".join(hashlib.md5(part).digest() for part in content)
    assert done["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-{len(content)}"', done
    assert s3.head_object(**place())["ContentLength"] == sum(map(len, content))
    return {}


def in_order():
    return upload(lambda count: range(1, count + 1))


def reversed_order():
    return upload(lambda count: range(count, 0, -1))


def shuffled():
    def order(count):
        numbers = list(range(1, count + 1))
        random.Random(7).shuffle(numbers)
        return numbers
    return upload(order)


def repeated():
    """Every part twice, the first one a third time at the end."""
    return upload(lambda count: [number for one in range(1, count + 1) for number in (one, one)] + [1])


def virtual_host():
    return upload(lambda count: range(1, count + 1), client(style="virtual"))


def with_checksums():
    return upload(lambda count: range(count, 0, -1),
                  ContentMD5=lambda body: base64.b64encode(hashlib.md5(body).digest()).decode(),
                  ChecksumCRC32=lambda body: base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode(),
                  ChecksumSHA256=lambda body: base64.b64encode(hashlib.sha256(body).digest()).decode())


def trailing_checksum():
    """The checksum comes behind the body, in chunks that are not signed, as newer clients do it unasked."""
    return upload(lambda count: range(1, count + 1), ChecksumAlgorithm=lambda body: "SHA256")


def at_once():
    """Four threads send the parts."""
    s3 = client()
    content = parts()
    upload_id = s3.create_multipart_upload(**place())["UploadId"]
    tags = {}

    def send(first):
        for number in range(first, len(content) + 1, 4):
            tags[number] = s3.upload_part(**place(UploadId=upload_id, PartNumber=number, Body=content[number - 1]))["ETag"]

    threads = [threading.Thread(target=send, args=(first,)) for first in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    named = [{"PartNumber": number, "ETag": tags[number]} for number in sorted(tags)]
    s3.complete_multipart_upload(**place(UploadId=upload_id, MultipartUpload={"Parts": named}))
    return {}


def managed():
    """boto3's own upload_file, which chooses parts and threads itself."""
    from boto3.s3.transfer import TransferConfig
    client().upload_file(ORDERS["file"], ORDERS["bucket"], ORDERS["name"],
                         Config=TransferConfig(multipart_threshold=1, multipart_chunksize=ORDERS["part_bytes"]))
    return {}


def put_object():
    with open(ORDERS["file"], "rb") as file:
        content = file.read()
    done = client().put_object(**place(Body=content))
    assert done["ETag"] == f'"{hashlib.md5(content).hexdigest()}"', done
    return {}


def wrong_secret():
    client(secret="A" * 40).create_multipart_upload(**place())


def wrong_secret_of_part():
    upload_id = client().create_multipart_upload(**place())["UploadId"]
    client(secret="A" * 40).upload_part(**place(UploadId=upload_id, PartNumber=1, Body=parts()[0]))


def presigned(method, **more):
    url = client().generate_presigned_url(method, Params=place(**more), ExpiresIn=60)
    return url, lambda request: urllib.request.urlopen(request, context=ssl.create_default_context(cafile=ORDERS["ca"]))


def by_query():
    """Signed by the query, a part and what reads it."""
    s3 = client()
    content = parts()[0]
    upload_id = s3.create_multipart_upload(**place())["UploadId"]
    url, call = presigned("upload_part", UploadId=upload_id, PartNumber=1)
    tag = call(urllib.request.Request(url, data=content, method="PUT")).headers["ETag"]
    s3.complete_multipart_upload(**place(UploadId=upload_id, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]}))
    return {}


def wrong_checksum():
    """A part whose checksum is wrong is refused; sent again rightly, it is taken."""
    s3 = client()
    body = parts()[0]
    upload_id = s3.create_multipart_upload(**place())["UploadId"]
    codes = []
    for wrong in ({"ContentMD5": base64.b64encode(bytes(16)).decode()}, {"ChecksumCRC32": "AAAAAA=="},
                  {"ChecksumCRC32C": "AAAAAA=="}, {"ChecksumSHA1": base64.b64encode(bytes(20)).decode()},
                  {"ChecksumSHA256": base64.b64encode(bytes(32)).decode()}):
        try:
            s3.upload_part(**place(UploadId=upload_id, PartNumber=1, Body=body, **wrong))
            codes.append("taken")
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])
    tag = s3.upload_part(**place(UploadId=upload_id, PartNumber=1, Body=body))["ETag"]
    s3.complete_multipart_upload(**place(UploadId=upload_id, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]}))
    return {"codes": codes}


def aborted():
    s3 = client()
    upload_id = s3.create_multipart_upload(**place())["UploadId"]
    for number, body in enumerate(parts(), 1):
        s3.upload_part(**place(UploadId=upload_id, PartNumber=number, Body=body))
    s3.abort_multipart_upload(**place(UploadId=upload_id))
    s3.upload_part(**place(UploadId=upload_id, PartNumber=1, Body=b"more"))


def half():
    """Sends all parts but the last one whole, half of that one, says so, and waits to be killed."""
    s3 = client()
    content = parts()
    upload_id = s3.create_multipart_upload(**place())["UploadId"]
    for number, body in enumerate(content[:-1], 1):
        s3.upload_part(**place(UploadId=upload_id, PartNumber=number, Body=body))

    class Stuck:
        def __init__(self, body):
            self.body, self.at = body, 0

        def __len__(self):
            return len(self.body)

        def read(self, count=-1):
            if self.at >= len(self.body) // 2:
                print("stuck", flush=True)
                time.sleep(600)
            end = min(len(self.body) // 2, self.at + (count if count >= 0 else 1 << 20))
            piece, self.at = self.body[self.at:end], end
            return piece

        def seek(self, to, whence=0):
            self.at = to if whence == 0 else len(self.body) + to

        def tell(self):
            return self.at

    url, _ = presigned("upload_part", UploadId=upload_id, PartNumber=len(content))
    where = urllib.parse.urlsplit(url)
    http_client = http.client.HTTPSConnection(where.hostname, where.port, context=ssl.create_default_context(cafile=ORDERS["ca"]))
    http_client.request("PUT", where.path + "?" + where.query, body=Stuck(content[-1]),
                        headers={"Content-Length": str(len(content[-1]))})


def read():
    """Looks at the bucket and the object as clients do, and reads it whole and in ranges."""
    s3 = client()
    s3.head_bucket(Bucket=ORDERS["bucket"])
    assert not s3.get_bucket_location(Bucket=ORDERS["bucket"])["LocationConstraint"]
    for list_them in (s3.list_objects_v2, s3.list_objects):
        found = list_them(Bucket=ORDERS["bucket"], Prefix=ORDERS["name"][:2])["Contents"]
        assert [each["Key"] for each in found] == [ORDERS["name"]], found
        assert "Contents" not in list_them(Bucket=ORDERS["bucket"], Prefix="zz")
    size = s3.head_object(**place())["ContentLength"]
    whole = s3.get_object(**place())["Body"].read()
    assert len(whole) == size
    step = ORDERS["part_bytes"]
    for at in range(0, size, step):
        got = s3.get_object(**place(Range=f"bytes={at}-{at + step - 1}"))
        assert got["Body"].read() == whole[at:at + step]
        assert got["ContentRange"] == f"bytes {at}-{min(size, at + step) - 1}/{size}", got["ContentRange"]
    assert s3.get_object(**place(Range="bytes=-5"))["Body"].read() == whole[-5:]
    s3.download_file(ORDERS["bucket"], ORDERS["name"], ORDERS["file"])
    return {"refused": [refused(lambda: s3.get_object(**place(Range=f"bytes={size}-"))),
                        refused(lambda: s3.get_object(**place(Key="none"))),
                        refused(lambda: s3.head_object(**place(Key="none"))),
                        refused(lambda: s3.delete_object(**place())),
                        refused(lambda: s3.put_object(**place(Body=b"x"))),
                        refused(lambda: s3.create_multipart_upload(**place())),
                        refused(lambda: s3.create_bucket(Bucket=ORDERS["bucket"])),
                        refused(s3.list_buckets),
                        refused(lambda: s3.list_multipart_uploads(Bucket=ORDERS["bucket"])),
                        refused(lambda: s3.get_object_acl(**place())),
                        refused(lambda: s3.list_objects_v2(Bucket="other"))]}


def drips(head):
    """Says `head`, then a byte every 100 ms; how long it was listened to."""
    port = int(ORDERS["endpoint"].rsplit(":", 1)[1])
    context = ssl.create_default_context(cafile=ORDERS["ca"])
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost") as connection:
        connection.sendall(head)
        begun = time.monotonic()
        while time.monotonic() - begun < 30:
            try:
                connection.sendall(b"x")
                connection.settimeout(0.1)
                if connection.recv(100) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        return {"seconds": time.monotonic() - begun}


def dawdling_head():
    return drips(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")


def dawdling_body():
    upload_id = client().create_multipart_upload(**place())["UploadId"]
    url, _ = presigned("upload_part", UploadId=upload_id, PartNumber=1)
    where = urllib.parse.urlsplit(url)
    return drips(f"PUT {where.path}?{where.query} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: 1000000\r\n\r\n".encode())


def old_tls():
    context = ssl.create_default_context(cafile=ORDERS["ca"])
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    port = int(ORDERS["endpoint"].rsplit(":", 1)[1])
    context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost").close()


def look():
    return {"code": refused(lambda: client().get_object(**place()))}


def refused(call):
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ""


def main():
    action = globals()[ORDERS["do"]]
    try:
        said = action() or {}
        print(json.dumps({"code": "", **said}))
    except ClientError as error:
        print(json.dumps({"code": error.response["Error"]["Code"], "status": error.response["ResponseMetadata"]["HTTPStatusCode"]}))
    except (BotoCoreError, OSError) as error:
        print(json.dumps({"code": type(error).__name__, "message": str(error)[:500]}))


if __name__ == "__main__":
    main()
