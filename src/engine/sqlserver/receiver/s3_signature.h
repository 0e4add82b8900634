// SPDX-License-Identifier: Apache-2.0
// AWS Signature Version 4 of requests to S3, proven as a server proves it. Pure.
//
// Source: Amazon S3 API Reference, "Authenticating Requests (AWS Signature Version 4)": by header,
// by query, and of bodies in chunks, with trailing headers or without.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/secret.h"
#include "engine/sqlserver/receiver/s3_request.h"

namespace holdfast::engine::sqlserver {

struct S3Key {
  std::string access_key;
  Secret secret;
};

// How far the clocks of both sides may be apart.
inline constexpr std::int64_t s3_skew_seconds_max = 15L * 60;

// How a body is protected, as its head has said under its signature.
enum class S3Payload : std::uint8_t {
  hashed,            // SHA-256 of the whole body
  unsigned_payload,  // not at all, but for TLS
  signed_chunks,     // STREAMING-AWS4-HMAC-SHA256-PAYLOAD
  signed_chunks_and_trailer,
  unsigned_chunks_and_trailer,  // STREAMING-UNSIGNED-PAYLOAD-TRAILER
};

// What a proven head says of the body, and what its chunks are signed with.
struct S3Proof {
  S3Payload payload = S3Payload::unsigned_payload;
  Sha256Digest hash{};  // S3Payload::hashed
  Sha256Digest signing_key{};
  std::string moment, scope, signature;  // "20130524T000000Z", "20130524/us-east-1/s3/aws4_request"
};

// Nothing if the request is signed with that key, at about `now` (seconds since 1970, UTC), over
// all that S3 wants to be signed. `request` is what read_request() made of `head`.
[[nodiscard]] std::optional<S3Refusal> prove(const S3Head& head, const S3Request& request,
                                             const S3Key& key, std::int64_t now, S3Proof& into);

// The signature of a chunk's data, of SHA-256 `data_hash`, after `previous`, the one of the chunk
// before it, of the head for the first.
[[nodiscard]] std::string chunk_signature(const S3Proof& proof, std::string_view previous,
                                          const Sha256Digest& data_hash);
// The same of the trailing headers, which are "name:value\n" each.
[[nodiscard]] std::string trailer_signature(const S3Proof& proof, std::string_view previous,
                                            std::string_view trailer);

}  // namespace holdfast::engine::sqlserver
