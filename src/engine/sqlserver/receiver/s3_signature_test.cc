// SPDX-License-Identifier: Apache-2.0
// The examples that the Amazon S3 API Reference publishes: "Signature Calculations for the
// Authorization Header" (one chunk, several chunks, trailing headers) and "… Using Query
// Parameters".
#include "engine/sqlserver/receiver/s3_signature.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/ascii.h"
#include "engine/sqlserver/receiver/s3_body.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::int64_t then = 1'369'353'600;  // 2013-05-24T00:00:00Z
constexpr std::string_view hash_of_nothing =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

S3Key published_key() {
  return {"AKIAIOSFODNN7EXAMPLE", Secret(std::string("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"))};
}

struct Example {
  std::string method, target, signed_headers, signature;
  S3Fields headers;
};

S3Head head_of(const Example& example) {
  S3Head head{example.method, example.target, example.headers};
  head.headers.emplace_back(
      "authorization",
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
      "SignedHeaders=" +
          example.signed_headers + ",Signature=" + example.signature);
  return head;
}

std::string prove(const S3Head& head, std::int64_t now = then, S3Proof* into = nullptr) {
  S3Request request;
  static_cast<void>(read_request(head, "examplebucket", request));
  S3Proof proof;
  const auto refusal = sqlserver::prove(head, request, published_key(), now, proof);
  if (into != nullptr) *into = proof;
  return refusal ? refusal->code : "";
}

Example get_object() {
  return {"GET",
          "/test.txt",
          "host;range;x-amz-content-sha256;x-amz-date",
          "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
          {{"host", "examplebucket.s3.amazonaws.com"},
           {"range", "bytes=0-9"},
           {"x-amz-content-sha256", std::string(hash_of_nothing)},
           {"x-amz-date", "20130524T000000Z"}}};
}

TEST(S3Signature, AgreesWithWhatIsPublished) {
  EXPECT_EQ(prove(head_of(get_object())), "");
  EXPECT_EQ(prove(head_of({"PUT",
                           "/test$file.text",
                           "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                           "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
                           {{"host", "examplebucket.s3.amazonaws.com"},
                            {"date", "Fri, 24 May 2013 00:00:00 GMT"},
                            {"x-amz-content-sha256",
                             "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
                            {"x-amz-date", "20130524T000000Z"},
                            {"x-amz-storage-class", "REDUCED_REDUNDANCY"}}})),
            "");
  for (const auto& [target, signature] :
       {std::pair{"/?lifecycle",
                  "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
        std::pair{"/?max-keys=2&prefix=J",
                  "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"}}) {
    EXPECT_EQ(prove(head_of({"GET",
                             target,
                             "host;x-amz-content-sha256;x-amz-date",
                             signature,
                             {{"host", "examplebucket.s3.amazonaws.com"},
                              {"x-amz-content-sha256", std::string(hash_of_nothing)},
                              {"x-amz-date", "20130524T000000Z"}}})),
              "");
  }
}

std::string presigned(std::string_view signature, std::string_view host) {
  S3Head head{"GET",
              "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F"
              "20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires="
              "86400&X-Amz-SignedHeaders=host&X-Amz-Signature=" +
                  std::string(signature),
              {{"host", std::string(host)}}};
  return prove(head, then + 86'000);
}

TEST(S3Signature, AgreesWithWhatIsPublishedOfQueries) {
  constexpr std::string_view right =
      "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
  EXPECT_EQ(presigned(right, "examplebucket.s3.amazonaws.com"), "");
  EXPECT_EQ(presigned(right, "examplebucket.s3.example"), "SignatureDoesNotMatch");
  EXPECT_EQ(presigned("", "examplebucket.s3.amazonaws.com"), "SignatureDoesNotMatch");
}

// Changes one thing of a request that is right.
template <typename Change>
std::string after(Change change) {
  S3Head head = head_of(get_object());
  change(head);
  return prove(head);
}
std::string* find(S3Head& head, std::string_view name) {
  for (auto& [key, value] : head.headers) {
    if (key == name) return &value;
  }
  return nullptr;
}

TEST(S3Signature, RefusesEverythingElse) {
  EXPECT_EQ(after([](S3Head& head) { head.method = "HEAD"; }), "SignatureDoesNotMatch");
  EXPECT_EQ(after([](S3Head& head) { head.target = "/test.txu"; }), "SignatureDoesNotMatch");
  EXPECT_EQ(after([](S3Head& head) { head.target += "?a"; }), "SignatureDoesNotMatch");
  EXPECT_EQ(after([](S3Head& head) { *find(head, "range") = "bytes=0-8"; }),
            "SignatureDoesNotMatch");
  EXPECT_EQ(after([](S3Head& head) { *find(head, "x-amz-content-sha256") = "UNSIGNED-PAYLOAD"; }),
            "SignatureDoesNotMatch");
  EXPECT_EQ(after([](S3Head& head) { head.headers.emplace_back("x-amz-acl", "private"); }),
            "AccessDenied");
  EXPECT_EQ(after([](S3Head& head) { head.headers.pop_back(); }), "AccessDenied");
  EXPECT_EQ(after([](S3Head& head) { find(head, "authorization")->back() = '0'; }),
            "SignatureDoesNotMatch");
  EXPECT_EQ(after([](S3Head& head) { find(head, "authorization")->pop_back(); }),
            "SignatureDoesNotMatch");
  const auto with = [](std::string_view from, std::string_view to) {
    return after([&](S3Head& head) {
      std::string& text = *find(head, "authorization");
      text.replace(text.find(from), from.size(), to);
    });
  };
  EXPECT_EQ(with("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLF"), "InvalidAccessKeyId");
  EXPECT_EQ(with("us-east-1", "eu-west-1"), "SignatureDoesNotMatch");
  EXPECT_EQ(with("/s3/", "/ec2/"), "AuthorizationHeaderMalformed");
  EXPECT_EQ(with("aws4_request", "aws5_request"), "AuthorizationHeaderMalformed");
  EXPECT_EQ(with("20130524/", "20130525/"), "AuthorizationHeaderMalformed");
  EXPECT_EQ(with("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), "InvalidRequest");
  EXPECT_EQ(with("host;", ""), "AccessDenied");
  EXPECT_EQ(with(",Signature=", ",Signaturf="), "SignatureDoesNotMatch");
}

TEST(S3Signature, WantsClocksThatAgree) {
  const S3Head head = head_of(get_object());
  EXPECT_EQ(prove(head, then + 900), "");
  EXPECT_EQ(prove(head, then - 900), "");
  EXPECT_EQ(prove(head, then + 901), "RequestTimeTooSkewed");
  EXPECT_EQ(prove(head, then - 901), "RequestTimeTooSkewed");
}

// The example of 66,560 times "a" in chunks.
S3Head chunked_head(bool with_trailer) {
  Example example{"PUT",
                  "/examplebucket/chunkObject.txt",
                  "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"
                  "x-amz-decoded-content-length;x-amz-storage-class",
                  "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
                  {{"host", "s3.amazonaws.com"},
                   {"x-amz-date", "20130524T000000Z"},
                   {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
                   {"x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"},
                   {"content-encoding", "aws-chunked"},
                   {"x-amz-decoded-content-length", "66560"},
                   {"content-length", "66824"}}};
  if (with_trailer) {
    example.signed_headers =
        "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;"
        "x-amz-storage-class;x-amz-trailer";
    example.signature = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
    example.headers[3].second += "-TRAILER";
    example.headers.emplace_back("x-amz-trailer", "x-amz-checksum-crc32c");
  }
  return head_of(example);
}

std::string chunked_body(bool with_trailer) {
  if (!with_trailer) {
    return "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"
           "\r\n" +
           std::string(65536, 'a') +
           "\r\n400;chunk-signature="
           "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" +
           std::string(1024, 'a') +
           "\r\n0;chunk-signature="
           "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n";
  }
  return "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"
         "\r\n" +
         std::string(65536, 'a') +
         "\r\n400;chunk-signature="
         "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n" +
         std::string(1024, 'a') +
         "\r\n0;chunk-signature="
         "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
         "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:"
         "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n";
}

std::string take(const S3Head& head, std::string_view wire, std::size_t step) {
  S3Proof proof;
  if (const std::string refusal = prove(head, then, &proof); !refusal.empty()) return refusal;
  S3Body body(head, proof, std::uint64_t{1} << 20U, true);
  BytesSink sink;
  while (!wire.empty()) {
    body.take(as_bytes(wire.substr(0, step)), sink);
    wire.remove_prefix(std::min(step, wire.size()));
  }
  if (const auto refusal = body.finish()) return refusal->code;
  return as_text(sink.bytes) == std::string(66560, 'a') ? "" : "other content";
}

TEST(S3Signature, AgreesWithWhatIsPublishedOfChunks) {
  for (const bool with_trailer : {false, true}) {
    const S3Head head = chunked_head(with_trailer);
    const std::string body = chunked_body(with_trailer);
    for (const std::size_t step :
         {body.size(), std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
      EXPECT_EQ(take(head, body, step), "") << with_trailer << " " << step;
    }
    EXPECT_EQ(take(head, body.substr(0, body.size() - 2), body.size()), "");
  }
}

TEST(S3Signature, RefusesChunksThatWereChanged) {
  for (const bool with_trailer : {false, true}) {
    const S3Head head = chunked_head(with_trailer);
    const std::string whole = chunked_body(with_trailer);
    for (const std::size_t at : {std::size_t{100}, std::size_t{65'700}, whole.size() - 20}) {
      std::string body = whole;
      body[at] = body[at] == '0' ? '1' : '0';
      EXPECT_NE(take(head, body, body.size()), "") << at;
    }
    for (const std::size_t size : {whole.size() - 3, std::size_t{66'700}, std::size_t{70'000},
                                   std::size_t{50}, std::size_t{0}}) {
      if (size < whole.size()) {
        EXPECT_NE(take(head, whole.substr(0, size), whole.size()), "") << size;
      }
    }
    EXPECT_EQ(take(head, whole + "x", whole.size() + 1), "IncompleteBody");
  }
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
