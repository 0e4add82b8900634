// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/receiver/s3_body.h"

#include <algorithm>
#include <charconv>

#include "base/ascii.h"

namespace holdfast::engine::sqlserver {

namespace {

constexpr std::size_t line_bytes_max = 1024;
constexpr std::size_t trailer_bytes_max = 4096;

S3Refusal incomplete() {
  return {400, "IncompleteBody",
          "The body does not have the number of bytes that was told in the head."};
}
S3Refusal malformed() {
  return {400, "InvalidChunkSizeError", "A chunk of the body cannot be read."};
}
S3Refusal wrong_signature() {
  return {403, "SignatureDoesNotMatch", "A chunk of the body is not signed as it should be."};
}

}  // namespace

S3Body::S3Body(const S3Head& head, S3Proof proof, std::uint64_t most_bytes, bool is_checked)
    : proof_(std::move(proof)), most_bytes_(most_bytes) {
  const std::string* told = head.header("x-amz-decoded-content-length");
  if (told == nullptr && !is_chunked()) told = head.header("content-length");
  if (told == nullptr) {
    refuse({411, "MissingContentLength", "The size of the body must be told in the head."});
    return;
  }
  told_bytes_ = s3_number(*told, UINT64_MAX);
  if (!told_bytes_) {
    refuse({400, "InvalidArgument", "The size of the body cannot be read."});
    return;
  }
  if (*told_bytes_ > most_bytes_) {
    refuse({400, "EntityTooLarge", "The body is larger than what is allowed."});
    return;
  }
  if (proof_.payload == S3Payload::hashed || is_signed_chunks()) hash_.emplace();
  previous_signature_ = proof_.signature;
  if (!is_checked) return;
  if (auto refusal = checksums_.expect(head)) refuse(std::move(*refusal));
}

bool S3Body::is_chunked() const noexcept {
  return proof_.payload != S3Payload::hashed && proof_.payload != S3Payload::unsigned_payload;
}
bool S3Body::is_signed_chunks() const noexcept {
  return is_chunked() && proof_.payload != S3Payload::unsigned_chunks_and_trailer;
}

void S3Body::refuse(S3Refusal refusal) {
  if (!refusal_) refusal_ = std::move(refusal);
}

void S3Body::take(ByteView wire, ByteSink& into) {
  if (refusal_) return;
  if (is_chunked()) {
    take_chunked(wire, into);
  } else {
    give(wire, into);
  }
}

void S3Body::give(ByteView data, ByteSink& into) {
  size_bytes_ += data.size();
  if (size_bytes_ > *told_bytes_) return refuse(incomplete());
  md5_.update(data);
  if (hash_) hash_->update(data);
  checksums_.update(data);
  into.write(data);
}

bool S3Body::take_line(ByteView& wire) {
  const std::string_view text = as_text(wire);
  const std::size_t end = text.find('\n');
  const std::size_t count = std::min(end, text.size());
  if (line_.size() + count > line_bytes_max) {
    refuse(malformed());
    return false;
  }
  line_ += text.substr(0, count);
  wire = wire.subspan(std::min(count + 1, text.size()));
  if (end == std::string_view::npos) return false;
  if (!line_.empty() && line_.back() == '\r') line_.pop_back();
  return true;
}

void S3Body::take_chunked(ByteView wire, ByteSink& into) {
  while (!wire.empty() && !refusal_) {
    switch (at_) {
      case At::size_line:
        if (take_line(wire)) begin_chunk();
        break;
      case At::data: {
        const auto count =
            static_cast<std::size_t>(std::min<std::uint64_t>(wire.size(), chunk_left_));
        give(wire.first(count), into);
        wire = wire.subspan(count);
        chunk_left_ -= count;
        if (chunk_left_ == 0) end_chunk();
        break;
      }
      case At::data_end:
        if (!take_line(wire)) break;
        if (!line_.empty()) return refuse(malformed());
        at_ = is_last_chunk_ ? At::end : At::size_line;
        break;
      case At::trailer:
        if (take_line(wire)) take_trailer();
        break;
      case At::end:
        return refuse(incomplete());
    }
  }
}

// "10000;chunk-signature=ad80…"
void S3Body::begin_chunk() {
  const std::string line = std::move(line_);
  line_.clear();
  constexpr std::string_view mark = ";chunk-signature=";
  const std::size_t end = std::min(line.find(';'), line.size());
  const auto [stop, error] = std::from_chars(line.data(), line.data() + end, chunk_left_, 16);
  if (error != std::errc() || stop != line.data() + end || chunk_left_ > most_bytes_) {
    return refuse(malformed());
  }
  if (is_signed_chunks()) {
    if (line.compare(end, mark.size(), mark) != 0) return refuse(malformed());
    chunk_signature_ = line.substr(end + mark.size());
  }
  is_last_chunk_ = chunk_left_ == 0;
  at_ = At::data;
  if (is_last_chunk_) end_chunk();
}

void S3Body::end_chunk() {
  if (is_signed_chunks()) {
    const std::string right = chunk_signature(proof_, previous_signature_, hash_->finish());
    if (!is_equal_secret(as_bytes(right), as_bytes(chunk_signature_))) {
      return refuse(wrong_signature());
    }
    previous_signature_ = right;
  }
  at_ = is_last_chunk_ && proof_.payload != S3Payload::signed_chunks ? At::trailer : At::data_end;
}

// "x-amz-checksum-crc32c:sOO8/Q==", or the empty line behind them.
void S3Body::take_trailer() {
  const std::string line = std::move(line_);
  line_.clear();
  if (line.empty()) {
    at_ = At::end;
    return end_trailer();
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string::npos || trailer_.size() + line.size() > trailer_bytes_max) {
    return refuse(malformed());
  }
  const std::string name = ascii_lower(std::string_view(line).substr(0, colon));
  std::string_view value = std::string_view(line).substr(colon + 1);
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  if (name == "x-amz-trailer-signature") {
    trailer_signature_ = value;
    return;
  }
  trailer_.append(name).append(":").append(value).append("\n");
  if (auto refusal = checksums_.expect_trailer(name, value)) refuse(std::move(*refusal));
}

void S3Body::end_trailer() {
  if (!is_signed_chunks()) return;
  const std::string right = trailer_signature(proof_, previous_signature_, trailer_);
  if (!is_equal_secret(as_bytes(right), as_bytes(trailer_signature_))) refuse(wrong_signature());
}

std::optional<S3Refusal> S3Body::finish() {
  if (!refusal_ && is_chunked() && size_bytes_ == told_bytes_ && is_last_chunk_ && line_.empty()) {
    // A client may leave out the empty line at the very end.
    if (at_ == At::trailer) end_trailer();
    at_ = At::end;
  }
  if (refusal_) return refusal_;
  if (size_bytes_ != *told_bytes_ || (is_chunked() && at_ != At::end)) {
    return refusal_ = incomplete();
  }
  md5_digest_ = md5_.finish();
  if (proof_.payload == S3Payload::hashed && !is_equal(hash_->finish(), proof_.hash)) {
    return refusal_ = S3Refusal{400, "XAmzContentSHA256Mismatch",
                                "The provided x-amz-content-sha256 header does not match what was "
                                "computed."};
  }
  return refusal_ = checksums_.check(md5_digest_);
}

}  // namespace holdfast::engine::sqlserver
