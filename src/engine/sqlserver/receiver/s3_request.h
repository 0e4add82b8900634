// SPDX-License-Identifier: Apache-2.0
// What an S3 client asks for, read from the head of its request, and what S3 answers. Pure.
//
// Source: Amazon S3 API Reference (operations, "Error responses"); Amazon S3 User Guide, "Virtual
// hosting of buckets".
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace holdfast::engine::sqlserver {

using S3Fields = std::vector<std::pair<std::string, std::string>>;

// The head of a request as it came.
struct S3Head {
  std::string method;
  std::string target;  // path and query, still escaped
  S3Fields headers;    // names in lower case, in the order they came
  // nullptr: none of that name.
  [[nodiscard]] const std::string* header(std::string_view name) const noexcept;
};

// Why a request is not answered as it wishes.
struct S3Refusal {
  unsigned status = 400;
  std::string code;  // of S3: "NoSuchUpload"
  std::string message;
};

enum class S3Operation : std::uint8_t {
  head_bucket,
  bucket_location,
  list_objects,
  list_objects_v2,
  create_upload,
  upload_part,
  complete_upload,
  abort_upload,
  list_parts,
  put_object,
  head_object,
  get_object,
  delete_object,
};

inline constexpr unsigned s3_parts_max = 10'000;
inline constexpr std::uint64_t s3_part_bytes_max = std::uint64_t{5} << 30U;

struct S3Request {
  S3Operation operation = S3Operation::head_bucket;
  std::string bucket, name;
  S3Fields query;         // unescaped
  std::string upload_id;  // of what belongs to an upload
  unsigned part = 0;      // upload_part: 1..s3_parts_max
  // Of the body as it comes over the wire; nothing: not told.
  std::optional<std::uint64_t> content_length;
  [[nodiscard]] const std::string* parameter(std::string_view name) const noexcept;
};

// Reads what is asked for; `bucket` is the only one there is, which a host may begin with. Nothing
// if that went well. What is not an operation above is 501 NotImplemented or 405 MethodNotAllowed.
[[nodiscard]] std::optional<S3Refusal> read_request(const S3Head& head, std::string_view bucket,
                                                    S3Request& into);

// "%2F" unescaped; nothing if a percent sign has no two hex digits. A plus sign is itself.
[[nodiscard]] std::optional<std::string> s3_unescaped(std::string_view text);
// All but letters, digits and "-._~" as "%2F"; with `keep_slash` slashes stay too.
[[nodiscard]] std::string s3_escaped(std::string_view text, bool keep_slash);
// A decimal number without sign; nothing if it is none or beyond `most`.
[[nodiscard]] std::optional<std::uint64_t> s3_number(std::string_view text, std::uint64_t most);

// One range of bytes of an object of that size, as "bytes=0-499", "bytes=500-" and "bytes=-500" say
// it. Nothing if the whole object is to be sent, as S3 does for what it cannot read and for several
// ranges; of `size_bytes` 0 if the range lies outside.
struct S3Range {
  std::uint64_t first = 0, size_bytes = 0;
};
[[nodiscard]] std::optional<S3Range> read_range(std::string_view header, std::uint64_t size_bytes);

// What CompleteMultipartUpload names as its parts.
struct S3NamedPart {
  unsigned number = 0;
  std::string etag;  // without quotes
};
inline constexpr std::size_t s3_complete_bytes_max = std::size_t{8} << 20U;
[[nodiscard]] std::optional<S3Refusal> read_complete(std::string_view document,
                                                     std::vector<S3NamedPart>& into);

// `text` as characters of an XML document.
[[nodiscard]] std::string xml_escaped(std::string_view text);
[[nodiscard]] std::string error_xml(const S3Refusal& refusal, std::string_view resource);

}  // namespace holdfast::engine::sqlserver
