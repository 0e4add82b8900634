// SPDX-License-Identifier: Apache-2.0
// One request to S3 from its head to its reply.
//
// Source: Amazon S3 API Reference: HeadBucket, GetBucketLocation, ListObjects, ListObjectsV2,
// CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload, ListParts,
// PutObject, HeadObject, GetObject, DeleteObject.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "engine/sqlserver/receiver/s3_http.h"
#include "engine/sqlserver/receiver/s3_offers.h"
#include "engine/sqlserver/receiver/s3_pieces.h"
#include "engine/sqlserver/receiver/s3_request.h"
#include "engine/sqlserver/receiver/s3_signature.h"
#include "engine/sqlserver/receiver/s3_uploads.h"

namespace holdfast::engine::sqlserver {

// What requests are about: one bucket, one key, what is expected and what is offered.
struct S3Store {
  std::string bucket;
  S3Key key;
  S3Uploads& uploads;
  S3Offers& offers;
  S3Pieces& pieces;
  std::atomic<bool> is_closed = false;  // every request is refused
};

// Any thread, several at once; `store` stays.
[[nodiscard]] std::unique_ptr<HttpExchange> make_exchange(S3Store& store, S3Head head);

}  // namespace holdfast::engine::sqlserver
