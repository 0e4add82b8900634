// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/receiver/s3_request.h"

#include <gtest/gtest.h>

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::string_view bucket = "holdfast-4c1f";

S3Head head_of(std::string method, std::string target, S3Fields headers = {}) {
  headers.emplace_back("host", "backup.example:9443");
  return {std::move(method), std::move(target), std::move(headers)};
}

// "operation part upload name", or the status and code of a refusal.
std::string read(const S3Head& head) {
  S3Request request;
  if (const auto refusal = read_request(head, bucket, request)) {
    return std::to_string(refusal->status) + " " + refusal->code;
  }
  return std::to_string(static_cast<int>(request.operation)) + " " + std::to_string(request.part) +
         " " + request.upload_id + " " + request.name;
}
std::string expected(S3Operation operation, const std::string& rest) {
  return std::to_string(static_cast<int>(operation)) + " " + rest;
}

TEST(S3Request, KnowsWhatABackupAndARestoreNeed) {
  const std::string at = "/holdfast-4c1f/shop.bak";
  EXPECT_EQ(read(head_of("POST", at + "?uploads")),
            expected(S3Operation::create_upload, "0  shop.bak"));
  EXPECT_EQ(read(head_of("PUT", at + "?partNumber=7&uploadId=ab")),
            expected(S3Operation::upload_part, "7 ab shop.bak"));
  EXPECT_EQ(read(head_of("POST", at + "?uploadId=ab")),
            expected(S3Operation::complete_upload, "0 ab shop.bak"));
  EXPECT_EQ(read(head_of("DELETE", at + "?uploadId=ab")),
            expected(S3Operation::abort_upload, "0 ab shop.bak"));
  EXPECT_EQ(read(head_of("GET", at + "?uploadId=ab&max-parts=2")),
            expected(S3Operation::list_parts, "0 ab shop.bak"));
  EXPECT_EQ(read(head_of("PUT", at)), expected(S3Operation::put_object, "0  shop.bak"));
  EXPECT_EQ(read(head_of("HEAD", at)), expected(S3Operation::head_object, "0  shop.bak"));
  EXPECT_EQ(read(head_of("GET", at)), expected(S3Operation::get_object, "0  shop.bak"));
  EXPECT_EQ(read(head_of("DELETE", at)), expected(S3Operation::delete_object, "0  shop.bak"));
  EXPECT_EQ(read(head_of("HEAD", "/holdfast-4c1f")), expected(S3Operation::head_bucket, "0  "));
  EXPECT_EQ(read(head_of("HEAD", "/holdfast-4c1f/")), expected(S3Operation::head_bucket, "0  "));
  EXPECT_EQ(read(head_of("GET", "/holdfast-4c1f?location")),
            expected(S3Operation::bucket_location, "0  "));
  EXPECT_EQ(read(head_of("GET", "/holdfast-4c1f/?list-type=2&prefix=shop")),
            expected(S3Operation::list_objects_v2, "0  "));
  EXPECT_EQ(read(head_of("GET", "/holdfast-4c1f")), expected(S3Operation::list_objects, "0  "));
}

TEST(S3Request, TakesTheBucketFromTheHostToo) {
  S3Head head{"GET", "/shop.bak", {{"host", "Holdfast-4c1f.backup.example:9443"}}};
  EXPECT_EQ(read(head), expected(S3Operation::get_object, "0  shop.bak"));
  head.headers = {{"host", "holdfast-4c1fbackup.example"}};
  EXPECT_EQ(read(head), "404 NoSuchBucket");
}

TEST(S3Request, RefusesWhatItIsNotFor) {
  EXPECT_EQ(read(head_of("GET", "/")), "501 NotImplemented");
  EXPECT_EQ(read(head_of("GET", "/other/shop.bak")), "404 NoSuchBucket");
  EXPECT_EQ(read(head_of("PUT", "/holdfast-4c1f")), "405 MethodNotAllowed");
  EXPECT_EQ(read(head_of("DELETE", "/holdfast-4c1f")), "405 MethodNotAllowed");
  EXPECT_EQ(read(head_of("POST", "/holdfast-4c1f?delete")), "501 NotImplemented");
  EXPECT_EQ(read(head_of("GET", "/holdfast-4c1f?uploads")), "501 NotImplemented");
  EXPECT_EQ(read(head_of("GET", "/holdfast-4c1f?versioning")), "501 NotImplemented");
  EXPECT_EQ(read(head_of("GET", "/holdfast-4c1f/a?acl")), "501 NotImplemented");
  EXPECT_EQ(read(head_of("POST", "/holdfast-4c1f/a")), "405 MethodNotAllowed");
  EXPECT_EQ(read(head_of("PATCH", "/holdfast-4c1f/a")), "501 NotImplemented");
  EXPECT_EQ(read(head_of("PUT", "/holdfast-4c1f/a", {{"x-amz-copy-source", "/b/c"}})),
            "501 NotImplemented");
  EXPECT_EQ(read(head_of("PUT", "/holdfast-4c1f/a?partNumber=1")), "400 InvalidArgument");
  for (const char* const number : {"0", "10001", "-1", "x", "", "99999999999999999999"}) {
    EXPECT_EQ(read(head_of("PUT", std::string("/holdfast-4c1f/a?uploadId=b&partNumber=") + number)),
              "400 InvalidArgument")
        << number;
  }
  EXPECT_EQ(read(head_of("GET", "/holdfast-4c1f/%zz")), "400 InvalidURI");
  EXPECT_EQ(read(head_of("GET", "/holdfast-4c1f/a?b=%4")), "400 InvalidURI");
  EXPECT_EQ(read(head_of("GET", "holdfast-4c1f")), "400 InvalidURI");
  EXPECT_EQ(read(head_of("GET", "/holdfast-4c1f/" + std::string(1025, 'a'))),
            "400 KeyTooLongError");
  EXPECT_EQ(read(head_of("PUT", "/holdfast-4c1f/a", {{"content-length", "many"}})),
            "400 InvalidArgument");
}

TEST(S3Request, EscapesAndUnescapes) {
  EXPECT_EQ(s3_escaped("a b/c~d+\xC3\xA9", true), "a%20b/c~d%2B%C3%A9");
  EXPECT_EQ(s3_escaped("a/b", false), "a%2Fb");
  EXPECT_EQ(s3_unescaped("a%20b%2f+"), "a b/+");
  EXPECT_FALSE(s3_unescaped("%2"));
  EXPECT_FALSE(s3_unescaped("%"));
}

std::string range(std::string_view header, std::uint64_t size) {
  const auto found = read_range(header, size);
  if (!found) return "all";
  return std::to_string(found->first) + "+" + std::to_string(found->size_bytes);
}

TEST(S3Request, ReadsRanges) {
  EXPECT_EQ(range("bytes=0-499", 1000), "0+500");
  EXPECT_EQ(range("bytes=500-", 1000), "500+500");
  EXPECT_EQ(range("bytes=999-5000", 1000), "999+1");
  EXPECT_EQ(range("bytes=-1", 1000), "999+1");
  EXPECT_EQ(range("bytes=-5000", 1000), "0+1000");
  EXPECT_EQ(range("bytes=0-18446744073709551615", 1000), "0+1000");
  EXPECT_EQ(range("bytes=1000-", 1000), "0+0");
  EXPECT_EQ(range("bytes=-0", 1000), "1000+0");
  EXPECT_EQ(range("bytes=0-0", 0), "0+0");
  for (const char* const other : {"bytes=5-4", "bytes=-", "bytes=1-2,4-5", "rows=1-2", "bytes=a-",
                                  "bytes=1", "bytes=99999999999999999999-"}) {
    EXPECT_EQ(range(other, 1000), "all") << other;
  }
}

std::string completed(std::string_view document) {
  std::vector<S3NamedPart> parts;
  if (const auto refusal = read_complete(document, parts)) return refusal->code;
  std::string result;
  for (const auto& part : parts) result += std::to_string(part.number) + "=" + part.etag + " ";
  return result;
}

TEST(S3Request, ReadsWhatCompletesAnUpload) {
  EXPECT_EQ(completed("<?xml version=\"1.0\"?><CompleteMultipartUpload "
                      "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Part><ETag>&quot;AB&quot;"
                      "</ETag><PartNumber>1</PartNumber></Part><Part><PartNumber>3</PartNumber>"
                      "<ChecksumCRC32>x</ChecksumCRC32><ETag>cd</ETag></Part>"
                      "</CompleteMultipartUpload>"),
            "1=ab 3=cd ");
  EXPECT_EQ(completed("<CompleteMultipartUpload/>"), "MalformedXML");
  EXPECT_EQ(completed("<Other/>"), "MalformedXML");
  EXPECT_EQ(completed("no xml"), "MalformedXML");
  EXPECT_EQ(completed(""), "MalformedXML");
  EXPECT_EQ(completed("<!DOCTYPE a [<!ENTITY b 'c'>]><CompleteMultipartUpload/>"), "MalformedXML");
  const auto with = [](const std::string& parts) {
    return completed("<CompleteMultipartUpload>" + parts + "</CompleteMultipartUpload>");
  };
  EXPECT_EQ(with("<Part><PartNumber>1</PartNumber></Part>"), "MalformedXML");
  EXPECT_EQ(with("<Part><PartNumber>0</PartNumber><ETag>a</ETag></Part>"), "MalformedXML");
  EXPECT_EQ(with("<Part><PartNumber>2</PartNumber><ETag>a</ETag></Part>"
                 "<Part><PartNumber>1</PartNumber><ETag>a</ETag></Part>"),
            "InvalidPartOrder");
  EXPECT_EQ(with("<Part><PartNumber>2</PartNumber><ETag>a</ETag></Part>"
                 "<Part><PartNumber>2</PartNumber><ETag>a</ETag></Part>"),
            "InvalidPartOrder");
}

TEST(S3Request, WritesErrorsAsXml) {
  EXPECT_EQ(error_xml({404, "NoSuchKey", "a < b"}, "/x&y"),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code><Message>"
            "a &lt; b</Message><Resource>/x&amp;y</Resource></Error>\n");
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
