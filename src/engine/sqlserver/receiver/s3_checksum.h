// SPDX-License-Identifier: Apache-2.0
// The checksums that S3 clients send with a body: x-amz-checksum-crc32 and its like, Content-MD5.
//
// Source: Amazon S3 User Guide, "Checking object integrity"; RFC 1950 (CRC-32), RFC 3720 (CRC-32C),
// NVM Command Set Specification 1.0, section 5.2.1.3.4 (CRC-64).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "engine/sqlserver/receiver/s3_request.h"

namespace holdfast::engine::sqlserver {

enum class S3Sum : std::uint8_t { crc32, crc32c, crc64nvme, sha1, sha256 };
// By a header's name, "x-amz-checksum-crc32c"; nothing if it is none of them.
[[nodiscard]] std::optional<S3Sum> sum_of_header(std::string_view name) noexcept;

// A CRC of bytes that come in pieces: reflected, begun and ended with all bits turned.
class S3Crc {
 public:
  explicit S3Crc(S3Sum sum);  // one of the CRCs
  void update(ByteView bytes) noexcept;
  [[nodiscard]] std::uint64_t value() const noexcept { return ~value_ & mask_; }

 private:
  const std::uint64_t (*table_)[256];
  std::uint64_t value_, mask_;
};

// All that is expected of one body.
class S3Checksums {
 public:
  // Reads the headers of a request with a body; a refusal for a value that is none, and for a
  // checksum that is not known here.
  [[nodiscard]] std::optional<S3Refusal> expect(const S3Head& head);
  // One that came behind the body. It was announced in the head.
  [[nodiscard]] std::optional<S3Refusal> expect_trailer(std::string_view name,
                                                        std::string_view value);
  void update(ByteView bytes);
  // A refusal unless all of them came and are right. `md5`: of the whole body.
  [[nodiscard]] std::optional<S3Refusal> check(const Md5Digest& md5);

 private:
  struct Expected {
    S3Sum sum;
    std::string name;
    Bytes value;  // empty: it is to come in the trailer
  };
  [[nodiscard]] std::optional<S3Refusal> add(S3Sum sum, std::string_view name,
                                             std::string_view value);
  [[nodiscard]] Bytes found(S3Sum sum);

  std::vector<Expected> expected_;
  std::optional<Bytes> md5_;
  std::vector<std::pair<S3Sum, S3Crc>> crcs_;
  std::optional<Sha1> sha1_;
  std::optional<Sha256> sha256_;
};

}  // namespace holdfast::engine::sqlserver
