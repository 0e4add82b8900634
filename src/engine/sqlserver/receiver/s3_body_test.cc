// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/receiver/s3_body.h"

#include <gtest/gtest.h>

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::string_view text = "123456789";

std::string crc(S3Sum sum, std::string_view of, std::size_t step) {
  S3Crc made(sum);
  while (!of.empty()) {
    made.update(as_bytes(of.substr(0, step)));
    of.remove_prefix(std::min(step, of.size()));
  }
  std::byte bytes[8];
  store_le64(bytes, made.value());
  std::string hex;
  for (int i = 7; i >= 0; --i) hex += to_hex(std::span(&bytes[i], 1));
  return hex;
}

// The check values of the catalogue of parametrised CRC algorithms.
TEST(S3Checksum, CrcsAreThePublishedOnes) {
  for (const std::size_t step : {std::size_t{9}, std::size_t{1}, std::size_t{4}}) {
    EXPECT_EQ(crc(S3Sum::crc32, text, step), "00000000cbf43926");
    EXPECT_EQ(crc(S3Sum::crc32c, text, step), "00000000e3069283");
    EXPECT_EQ(crc(S3Sum::crc64nvme, text, step), "ae8b14860a799888");
  }
  const std::string many(1000, 'a');
  EXPECT_EQ(crc(S3Sum::crc64nvme, many, 1000), crc(S3Sum::crc64nvme, many, 3));
  EXPECT_EQ(crc(S3Sum::crc32, many, 1000), crc(S3Sum::crc32, many, 13));
}

struct Outcome {
  std::string code, content;
};

Outcome take(S3Fields headers, const S3Proof& proof, std::string_view wire, std::size_t step = 4,
             std::uint64_t most = 1000) {
  const S3Head head{"PUT", "/b/n", std::move(headers)};
  S3Body body(head, proof, most, true);
  BytesSink sink;
  while (!wire.empty()) {
    body.take(as_bytes(wire.substr(0, step)), sink);
    wire.remove_prefix(std::min(step, wire.size()));
  }
  const auto refusal = body.finish();
  if (refusal) return {refusal->code, ""};
  EXPECT_EQ(body.size_bytes(), sink.bytes.size());
  return {"", std::string(as_text(sink.bytes))};
}

TEST(S3Body, TakesWhatIsOfItsSizeAndHash) {
  S3Proof proof;
  EXPECT_EQ(take({{"content-length", "9"}}, proof, text).content, text);
  EXPECT_EQ(take({{"content-length", "8"}}, proof, text).code, "IncompleteBody");
  EXPECT_EQ(take({{"content-length", "10"}}, proof, text).code, "IncompleteBody");
  EXPECT_EQ(take({}, proof, text).code, "MissingContentLength");
  EXPECT_EQ(take({{"content-length", "x"}}, proof, text).code, "InvalidArgument");
  EXPECT_EQ(take({{"content-length", "1001"}}, proof, text).code, "EntityTooLarge");
  EXPECT_EQ(take({{"content-length", "0"}}, proof, "").code, "");
  proof.payload = S3Payload::hashed;
  proof.hash = sha256(as_bytes(text));
  EXPECT_EQ(take({{"content-length", "9"}}, proof, text).content, text);
  EXPECT_EQ(take({{"content-length", "9"}}, proof, "123456780").code, "XAmzContentSHA256Mismatch");
}

TEST(S3Body, ProvesTheChecksumsThatCameWithIt) {
  const S3Proof proof;
  const auto with = [&](const std::string& name, const std::string& value) {
    return take({{"content-length", "9"}, {name, value}}, proof, text).code;
  };
  EXPECT_EQ(with("content-md5", "JfnnlDI7RTiF9RgfGyWTpg=="), "BadDigest");
  EXPECT_EQ(with("content-md5", "JfnnlDI7RTiF9RgfG2JNCw=="), "");
  EXPECT_EQ(with("content-md5", "JfnnlDI7RTiF9Q=="), "InvalidDigest");
  EXPECT_EQ(with("content-md5", "no"), "InvalidDigest");
  EXPECT_EQ(with("x-amz-checksum-crc32", "y/Q5Jg=="), "");
  EXPECT_EQ(with("x-amz-checksum-crc32", "y/Q5Jw=="), "BadDigest");
  EXPECT_EQ(with("x-amz-checksum-crc32", "y/Q5"), "InvalidRequest");
  EXPECT_EQ(with("x-amz-checksum-crc32c", "4waSgw=="), "");
  EXPECT_EQ(with("x-amz-checksum-crc32c", "y/Q5Jg=="), "BadDigest");
  EXPECT_EQ(with("x-amz-checksum-crc64nvme", "rosUhgp5mIg="), "");
  EXPECT_EQ(with("x-amz-checksum-crc64nvme", "rosUhgp5mIk="), "BadDigest");
  EXPECT_EQ(with("x-amz-checksum-sha1", "98O8HYCOBHMqCcZZ3L9yC8vgrJU="), "BadDigest");
  EXPECT_EQ(with("x-amz-checksum-sha1", "98O8HYCOBHMq32eZZczDTKeuNEE="), "");
  EXPECT_EQ(with("x-amz-checksum-sha256", to_base64(sha256(as_bytes(text)))), "");
  EXPECT_EQ(with("x-amz-checksum-sha256", to_base64(sha256({}))), "BadDigest");
  EXPECT_EQ(with("x-amz-checksum-xxh3", "AAAA"), "NotImplemented");
  EXPECT_EQ(with("x-amz-checksum-algorithm", "CRC32"), "");
}

TEST(S3Body, TakesChunksWithATrailer) {
  S3Proof proof;
  proof.payload = S3Payload::unsigned_chunks_and_trailer;
  const S3Fields headers = {{"x-amz-decoded-content-length", "9"},
                            {"content-length", "50"},
                            {"x-amz-trailer", "x-amz-checksum-crc32"}};
  const auto sent = [&](std::string_view wire) {
    const Outcome first = take(headers, proof, wire, 1), second = take(headers, proof, wire, 1000);
    EXPECT_EQ(first.code, second.code);
    EXPECT_EQ(first.content, second.content);
    return first.code.empty() ? first.content : first.code;
  };
  const std::string right = "x-amz-checksum-crc32:y/Q5Jg==\r\n\r\n";
  EXPECT_EQ(sent("5\r\n12345\r\n4\r\n6789\r\n0\r\n" + right), text);
  EXPECT_EQ(sent("9\r\n123456789\r\n0\r\n" + right), text);
  EXPECT_EQ(sent("9\r\n123456789\r\n0\r\nx-amz-checksum-crc32: y/Q5Jg==\n\n"), text);
  EXPECT_EQ(sent("9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jw==\r\n\r\n"), "BadDigest");
  EXPECT_EQ(sent("9\r\n123456789\r\n0\r\n\r\n"), "MalformedTrailerError");
  EXPECT_EQ(sent("9\r\n123456789\r\n0\r\nx-amz-checksum-sha1:AA==\r\n\r\n"),
            "MalformedTrailerError");
  EXPECT_EQ(sent("9\r\n123456789\r\n0\r\nno colon\r\n\r\n"), "InvalidChunkSizeError");
  EXPECT_EQ(sent("9\r\n123456789"), "IncompleteBody");
  EXPECT_EQ(sent("8\r\n12345678\r\n0\r\n" + right), "IncompleteBody");
  EXPECT_EQ(sent("a\r\n123456789a\r\n0\r\n" + right), "IncompleteBody");
  EXPECT_EQ(sent("9\r\n123456789x\r\n0\r\n" + right), "InvalidChunkSizeError");
  EXPECT_EQ(sent("-1\r\n" + right), "InvalidChunkSizeError");
  EXPECT_EQ(sent("fffffffffffffffff\r\n" + right), "InvalidChunkSizeError");
  EXPECT_EQ(sent("\r\n" + right), "InvalidChunkSizeError");
  EXPECT_EQ(sent(std::string(2000, '1')), "InvalidChunkSizeError");
  EXPECT_EQ(sent("9\r\n123456789\r\n0\r\n" + right + "more"), "IncompleteBody");
}

TEST(S3Body, LeavesTheChecksumsOfAnObjectWhereTheyAreNotItsOwn) {
  const S3Head head{
      "POST", "/b/n?uploadId=a", {{"content-length", "9"}, {"x-amz-checksum-crc32", "AAAAAA==-3"}}};
  S3Body body(head, S3Proof(), 1000, false);
  BytesSink sink;
  body.take(as_bytes(text), sink);
  EXPECT_FALSE(body.finish());
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
