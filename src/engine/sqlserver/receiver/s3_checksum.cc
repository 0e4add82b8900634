// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/receiver/s3_checksum.h"

#include <algorithm>
#include <array>

namespace holdfast::engine::sqlserver {

namespace {

constexpr std::string_view prefix = "x-amz-checksum-";

constexpr std::size_t value_bytes(S3Sum sum) noexcept {
  switch (sum) {
    case S3Sum::crc32:
    case S3Sum::crc32c:
      return 4;
    case S3Sum::crc64nvme:
      return 8;
    case S3Sum::sha1:
      return 20;
    case S3Sum::sha256:
      return 32;
  }
  return 0;
}

// Eight tables, so that eight bytes are taken at a time: table k is for a byte with k behind it.
using Tables = std::array<std::uint64_t[256], 8>;

constexpr Tables make_tables(std::uint64_t polynomial) {
  Tables tables{};
  for (std::uint64_t byte = 0; byte < 256; ++byte) {
    std::uint64_t value = byte;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value >> 1U) ^ ((value & 1U) != 0 ? polynomial : 0);
    }
    tables[0][byte] = value;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint64_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8U) ^ tables[0][before & 0xffU];
    }
  }
  return tables;
}

constexpr Tables crc32_tables = make_tables(0xedb88320U);
constexpr Tables crc32c_tables = make_tables(0x82f63b78U);
constexpr Tables crc64nvme_tables = make_tables(0x9a6c9329ac4bc9b5U);

const std::uint64_t (*tables_of(S3Sum sum))[256] {
  if (sum == S3Sum::crc32) return crc32_tables.data();
  return sum == S3Sum::crc32c ? crc32c_tables.data() : crc64nvme_tables.data();
}

bool is_crc(S3Sum sum) noexcept {
  return sum == S3Sum::crc32 || sum == S3Sum::crc32c || sum == S3Sum::crc64nvme;
}

}  // namespace

std::optional<S3Sum> sum_of_header(std::string_view name) noexcept {
  if (name.substr(0, prefix.size()) != prefix) return std::nullopt;
  name.remove_prefix(prefix.size());
  if (name == "crc32") return S3Sum::crc32;
  if (name == "crc32c") return S3Sum::crc32c;
  if (name == "crc64nvme") return S3Sum::crc64nvme;
  if (name == "sha1") return S3Sum::sha1;
  if (name == "sha256") return S3Sum::sha256;
  return std::nullopt;
}

S3Crc::S3Crc(S3Sum sum)
    : table_(tables_of(sum)),
      value_(sum == S3Sum::crc64nvme ? UINT64_MAX : UINT32_MAX),
      mask_(value_) {}

void S3Crc::update(ByteView bytes) noexcept {
  std::uint64_t value = value_;
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    const std::uint64_t word = load_le64(at) ^ value;
    value = 0;
    for (unsigned k = 0; k < 8; ++k) value ^= table_[7 - k][(word >> (8U * k)) & 0xffU];
  }
  for (; left > 0; ++at, --left) {
    value = (value >> 8U) ^ table_[0][(value ^ std::to_integer<std::uint64_t>(*at)) & 0xffU];
  }
  value_ = value;
}

std::optional<S3Refusal> S3Checksums::add(S3Sum sum, std::string_view name,
                                          std::string_view value) {
  auto bytes = from_base64(value);
  if (!bytes || bytes->size() != value_bytes(sum)) {
    return S3Refusal{400, "InvalidRequest",
                     "Value for " + std::string(name) + " header is invalid."};
  }
  expected_.push_back({sum, std::string(name), std::move(*bytes)});
  return std::nullopt;
}

std::optional<S3Refusal> S3Checksums::expect(const S3Head& head) {
  for (const auto& [name, value] : head.headers) {
    if (name == "content-md5") {
      md5_ = from_base64(value);
      if (!md5_ || md5_->size() != std::tuple_size_v<Md5Digest>) {
        return S3Refusal{400, "InvalidDigest", "The Content-MD5 you specified is not valid."};
      }
    }
    const std::string_view wanted =
        name == "x-amz-trailer" ? std::string_view(value) : std::string_view(name);
    if (wanted.substr(0, prefix.size()) != prefix || wanted == "x-amz-checksum-type" ||
        wanted == "x-amz-checksum-algorithm" || wanted == "x-amz-checksum-mode") {
      continue;
    }
    const auto sum = sum_of_header(wanted);
    if (!sum) {
      return S3Refusal{501, "NotImplemented", std::string(wanted) + " is not known here."};
    }
    if (name == "x-amz-trailer") {
      expected_.push_back({*sum, std::string(wanted), Bytes()});
    } else if (auto refusal = add(*sum, name, value)) {
      return refusal;
    }
  }
  for (const Expected& each : expected_) {
    if (is_crc(each.sum)) crcs_.emplace_back(each.sum, S3Crc(each.sum));
    if (each.sum == S3Sum::sha1) sha1_.emplace();
    if (each.sum == S3Sum::sha256) sha256_.emplace();
  }
  return std::nullopt;
}

std::optional<S3Refusal> S3Checksums::expect_trailer(std::string_view name,
                                                     std::string_view value) {
  const auto awaited = std::find_if(expected_.begin(), expected_.end(), [&](const Expected& each) {
    return each.name == name && each.value.empty();
  });
  if (awaited == expected_.end()) {
    return S3Refusal{400, "MalformedTrailerError",
                     "The request has a trailing header that was not announced."};
  }
  const S3Sum sum = awaited->sum;
  expected_.erase(awaited);
  return add(sum, name, value);
}

void S3Checksums::update(ByteView bytes) {
  for (auto& [sum, crc] : crcs_) crc.update(bytes);
  if (sha1_) sha1_->update(bytes);
  if (sha256_) sha256_->update(bytes);
}

Bytes S3Checksums::found(S3Sum sum) {
  const auto copied = [](ByteView digest) { return Bytes(digest.begin(), digest.end()); };
  if (sum == S3Sum::sha1) return copied(sha1_->finish());
  if (sum == S3Sum::sha256) return copied(sha256_->finish());
  const auto crc =
      std::find_if(crcs_.begin(), crcs_.end(), [&](const auto& each) { return each.first == sum; });
  Bytes bytes(value_bytes(sum));
  for (std::size_t i = 0; i < bytes.size(); ++i) {  // big-endian
    bytes[bytes.size() - 1 - i] = static_cast<std::byte>(crc->second.value() >> (8U * i));
  }
  return bytes;
}

std::optional<S3Refusal> S3Checksums::check(const Md5Digest& md5) {
  if (md5_ && !is_equal(*md5_, md5)) {
    return S3Refusal{400, "BadDigest",
                     "The Content-MD5 you specified did not match what we received."};
  }
  for (const Expected& each : expected_) {
    if (each.value.empty()) {
      return S3Refusal{400, "MalformedTrailerError",
                       "The trailing header " + each.name + " was announced and did not come."};
    }
    if (!is_equal(each.value, found(each.sum))) {
      return S3Refusal{400, "BadDigest",
                       "The " + each.name + " you specified did not match what we received."};
    }
  }
  return std::nullopt;
}

}  // namespace holdfast::engine::sqlserver
