// SPDX-License-Identifier: Apache-2.0
// The body of a request to S3 on its way in: chunks of its own kind are taken apart, and signature,
// size and checksums proven at its end.
//
// Source: Amazon S3 API Reference, "Signature Calculations … Transferring Payload in Multiple
// Chunks" and "… Including trailing headers".
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/hash.h"
#include "base/stream.h"
#include "engine/sqlserver/receiver/s3_checksum.h"
#include "engine/sqlserver/receiver/s3_request.h"
#include "engine/sqlserver/receiver/s3_signature.h"

namespace holdfast::engine::sqlserver {

// One body. Not for two threads at once. Nothing of what it gives on is to be believed before
// finish() has said so.
class S3Body {
 public:
  // `most_bytes`: of what it may hold; `is_checked`: whether the checksums in the head are its own,
  // as they are everywhere but in CompleteMultipartUpload.
  S3Body(const S3Head& head, S3Proof proof, std::uint64_t most_bytes, bool is_checked);

  // What speaks against it so far: after construction, something in the head.
  [[nodiscard]] const std::optional<S3Refusal>& refusal() const noexcept { return refusal_; }
  // The next bytes as they come; what they hold goes to `into`. After a refusal they are dropped.
  void take(ByteView wire, ByteSink& into);
  // The end. A refusal unless all is proven.
  [[nodiscard]] std::optional<S3Refusal> finish();

  // After finish().
  [[nodiscard]] const Md5Digest& md5() const noexcept { return md5_digest_; }
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return size_bytes_; }

 private:
  enum class At : std::uint8_t { size_line, data, data_end, trailer, end };
  void give(ByteView data, ByteSink& into);
  void take_chunked(ByteView wire, ByteSink& into);
  // Moves a line from the front of `wire` to line_; false while its end has not come.
  [[nodiscard]] bool take_line(ByteView& wire);
  void begin_chunk();
  void end_chunk();
  void take_trailer();
  void end_trailer();
  void refuse(S3Refusal refusal);
  [[nodiscard]] bool is_chunked() const noexcept;
  [[nodiscard]] bool is_signed_chunks() const noexcept;

  S3Proof proof_;
  std::uint64_t most_bytes_;
  std::optional<std::uint64_t> told_bytes_;  // x-amz-decoded-content-length, else Content-Length
  std::optional<S3Refusal> refusal_;
  std::uint64_t size_bytes_ = 0;
  Md5 md5_;
  Md5Digest md5_digest_{};
  std::optional<Sha256> hash_;  // of the body, or of a chunk
  S3Checksums checksums_;

  At at_ = At::size_line;
  std::string line_;  // that has begun
  std::uint64_t chunk_left_ = 0;
  bool is_last_chunk_ = false;
  std::string chunk_signature_, previous_signature_;
  std::string trailer_, trailer_signature_;
};

}  // namespace holdfast::engine::sqlserver
