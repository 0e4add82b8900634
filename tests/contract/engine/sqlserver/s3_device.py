#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What BACKUP TO URL and RESTORE FROM URL do with a file, for scenarios: write, read or abandon URL FILE.

The credential is HOME/secret, the certificate that is trusted HOME/receiver.pem. The traffic is that of
sqlserver_backup_client.py: documented, never seen from a SQL Server.
"""

import os
import sys
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from sqlserver_backup_client import Endpoint  # noqa: E402

PART = 10 << 20


def write(endpoint, path, is_completed):
    answer = ElementTree.fromstring(endpoint.call("POST", "uploads=")[1])
    upload_id = next(each.text for each in answer if each.tag.endswith("UploadId"))
    with open(path, "rb") as file:
        content = file.read()
    tags = []
    for at in range(0, len(content), PART):
        headers, _ = endpoint.call("PUT", f"partNumber={len(tags) + 1}&uploadId={upload_id}", content[at:at + PART])
        tags.append(headers["ETag"])
        if not is_completed:
            return
    named = "".join(f"<Part><PartNumber>{part}</PartNumber><ETag>{tag}</ETag></Part>" for part, tag in enumerate(tags, 1))
    endpoint.call("POST", f"uploadId={upload_id}", f"<CompleteMultipartUpload>{named}</CompleteMultipartUpload>".encode())


def read(endpoint, path):
    size, done = int(endpoint.call("HEAD")[0]["Content-Length"]), 0
    with open(path, "wb") as file:
        while done < size:
            _, content = endpoint.call("GET", headers={"range": f"bytes={done}-{min(size, done + PART) - 1}"})
            file.write(content)
            done += len(content)


def main():
    verb, url, path = sys.argv[1:]
    home = os.environ["HOME"]
    with open(os.path.join(home, "secret")) as file:
        credential = file.read()
    endpoint = Endpoint({"url": url, "credential": credential, "ca": os.path.join(home, "receiver.pem")})
    if verb == "read":
        read(endpoint, path)
    else:
        write(endpoint, path, verb == "write")


if __name__ == "__main__":
    main()
