// SPDX-License-Identifier: Apache-2.0
// Requests of S3 clients, as text: "METHOD target", a line for each header, an empty line, the
// body. Whatever comes, it is taken or refused, alike however the body is cut; nobody gets in
// without the key, and what is taken has the size and the checksums it says.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/ascii.h"
#include "engine/sqlserver/receiver/s3_body.h"
#include "engine/sqlserver/receiver/s3_request.h"
#include "engine/sqlserver/receiver/s3_signature.h"
#include "fuzz_target.h"

namespace fuzz = holdfast::fuzz;
namespace sqlserver = holdfast::engine::sqlserver;

namespace {

std::string_view take_line(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\n'), rest.size());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

sqlserver::S3Head read_head(std::string_view& rest) {
  sqlserver::S3Head head;
  const std::string_view first = take_line(rest);
  const std::size_t space = std::min(first.find(' '), first.size());
  head.method = first.substr(0, space);
  head.target = first.substr(std::min(space + 1, first.size()));
  for (std::string_view line = take_line(rest); !line.empty(); line = take_line(rest)) {
    const std::size_t colon = std::min(line.find(':'), line.size());
    head.headers.emplace_back(holdfast::ascii_lower(line.substr(0, colon)),
                              line.substr(std::min(colon + 1, line.size())));
  }
  return head;
}

struct Taken {
  std::string code;
  holdfast::Bytes content;
};

Taken take(const sqlserver::S3Head& head, const sqlserver::S3Proof& proof, std::string_view wire,
           std::size_t step) {
  sqlserver::S3Body body(head, proof, std::uint64_t{1} << 20U, true);
  holdfast::BytesSink sink;
  for (; !wire.empty(); wire.remove_prefix(std::min(step, wire.size()))) {
    body.take(holdfast::as_bytes(wire.substr(0, step)), sink);
  }
  if (const auto refusal = body.finish()) return {refusal->code, {}};
  fuzz::require(body.size_bytes() == sink.bytes.size(), "a body is of another size than it says");
  return {"", std::move(sink.bytes)};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  std::string_view rest = holdfast::as_text(fuzz::view(data, size_bytes));
  const sqlserver::S3Head head = read_head(rest);
  sqlserver::S3Request request;
  const auto refusal = sqlserver::read_request(head, "examplebucket", request);
  if (!refusal) {
    fuzz::require(request.bucket == "examplebucket", "another bucket is let in");
    fuzz::require(request.operation != sqlserver::S3Operation::upload_part ||
                      (request.part >= 1 && request.part <= sqlserver::s3_parts_max),
                  "a part has an impossible number");
  }
  static const sqlserver::S3Key key{
      "AKIAIOSFODNN7EXAMPLE",
      holdfast::Secret(std::string("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"))};
  static const sqlserver::S3Key other{"AKIAIOSFODNN7EXAMPLE",
                                      holdfast::Secret(std::string("another secret"))};
  constexpr std::int64_t then = 1'369'353'600;
  sqlserver::S3Proof proof;
  fuzz::require(sqlserver::prove(head, request, other, then, proof).has_value(),
                "a request is let in without the key");
  const bool is_proven = !sqlserver::prove(head, request, key, then, proof);
  if (const std::string* const range = head.header("range")) {
    const auto read = sqlserver::read_range(*range, size_bytes);
    fuzz::require(
        !read || (read->first <= size_bytes && read->size_bytes <= size_bytes - read->first),
        "a range lies outside");
  }
  std::vector<sqlserver::S3NamedPart> parts;
  static_cast<void>(sqlserver::read_complete(rest, parts));
  std::vector<sqlserver::S3Proof> proofs;
  if (is_proven) proofs.push_back(proof);
  for (const auto payload : {sqlserver::S3Payload::unsigned_payload,
                             sqlserver::S3Payload::unsigned_chunks_and_trailer}) {
    proofs.emplace_back().payload = payload;
  }
  for (const sqlserver::S3Proof& each : proofs) {
    const Taken whole = take(head, each, rest, rest.size() + 1);
    const Taken cut = take(head, each, rest, 7);
    fuzz::require(whole.code == cut.code && whole.content == cut.content,
                  "a body is taken in two ways");
  }
  return 0;
}
