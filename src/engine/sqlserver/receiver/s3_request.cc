// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/receiver/s3_request.h"

#include <algorithm>
#include <charconv>

#include "base/ascii.h"
#include "base/error.h"
#include "base/xml.h"

namespace holdfast::engine::sqlserver {

namespace {

constexpr std::size_t name_bytes_max = 1024;  // of an object, as S3 has it

const std::string* find(const S3Fields& fields, std::string_view name) noexcept {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const auto& field) { return field.first == name; });
  return found == fields.end() ? nullptr : &found->second;
}

bool is_unreserved(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

S3Refusal not_implemented(std::string_view what) {
  return {501, "NotImplemented",
          "This place takes and gives backups only; it does not know " + std::string(what) + "."};
}
S3Refusal not_allowed() {
  return {405, "MethodNotAllowed", "The method is not allowed on this resource."};
}
S3Refusal invalid(std::string_view code, std::string_view message) {
  return {400, std::string(code), std::string(message)};
}

// Splits "path?query" and unescapes both.
std::optional<S3Refusal> read_target(const S3Head& head, std::string& path, S3Fields& query) {
  const std::string_view target = head.target;
  const std::size_t mark = target.find('?');
  const auto unescaped = s3_unescaped(target.substr(0, mark));
  if (!unescaped || unescaped->empty() || unescaped->front() != '/') {
    return invalid("InvalidURI", "The path cannot be read.");
  }
  path = *unescaped;
  if (mark == std::string_view::npos) return std::nullopt;
  std::string_view rest = target.substr(mark + 1);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = s3_unescaped(pair.substr(0, equals));
    auto value = s3_unescaped(pair.substr(std::min(equals + 1, pair.size())));
    if (!name || !value) return invalid("InvalidURI", "The query cannot be read.");
    query.emplace_back(std::move(*name), std::move(*value));
  }
  return std::nullopt;
}

// Which object of which bucket: "/bucket/name", or "/name" at a host that begins with the bucket.
void read_address(const S3Head& head, std::string_view bucket, std::string_view path,
                  S3Request& into) {
  const std::string* const host = head.header("host");
  path.remove_prefix(1);
  if (host != nullptr && host->size() > bucket.size() && (*host)[bucket.size()] == '.' &&
      equal_but_for_case(std::string_view(*host).substr(0, bucket.size()), bucket)) {
    into.bucket = bucket;
    into.name = path;
    return;
  }
  const std::size_t slash = std::min(path.find('/'), path.size());
  into.bucket = path.substr(0, slash);
  into.name = path.substr(std::min(slash + 1, path.size()));
}

// Parameters that turn an operation of ours into another one that is not.
constexpr std::string_view other_operations[] = {"accelerate",
                                                 "acl",
                                                 "analytics",
                                                 "attributes",
                                                 "cors",
                                                 "encryption",
                                                 "intelligent-tiering",
                                                 "inventory",
                                                 "legal-hold",
                                                 "lifecycle",
                                                 "logging",
                                                 "metrics",
                                                 "notification",
                                                 "object-lock",
                                                 "ownershipControls",
                                                 "policy",
                                                 "policyStatus",
                                                 "publicAccessBlock",
                                                 "replication",
                                                 "requestPayment",
                                                 "restore",
                                                 "retention",
                                                 "select",
                                                 "session",
                                                 "tagging",
                                                 "torrent",
                                                 "versioning",
                                                 "versions",
                                                 "website",
                                                 "versionId",
                                                 "delete",
                                                 "renameObject",
                                                 "metadataTable",
                                                 "append"};

std::optional<S3Refusal> read_bucket_operation(const S3Head& head, S3Request& into) {
  if (head.method == "HEAD") {
    into.operation = S3Operation::head_bucket;
    return std::nullopt;
  }
  if (head.method == "PUT" || head.method == "DELETE" || head.method == "POST") {
    return not_allowed();
  }
  if (head.method != "GET") return not_implemented(head.method);
  if (into.parameter("uploads") != nullptr) return not_implemented("lists of uploads");
  if (into.parameter("location") != nullptr) {
    into.operation = S3Operation::bucket_location;
    return std::nullopt;
  }
  const std::string* const kind = into.parameter("list-type");
  if (kind != nullptr && *kind != "2") return invalid("InvalidArgument", "Invalid list-type.");
  into.operation = kind == nullptr ? S3Operation::list_objects : S3Operation::list_objects_v2;
  return std::nullopt;
}

std::optional<S3Refusal> read_upload_operation(const S3Head& head, const std::string& id,
                                               S3Request& into) {
  into.upload_id = id;
  if (head.method == "POST") into.operation = S3Operation::complete_upload;
  if (head.method == "DELETE") into.operation = S3Operation::abort_upload;
  if (head.method == "GET") into.operation = S3Operation::list_parts;
  if (head.method != "PUT") return std::nullopt;
  into.operation = S3Operation::upload_part;
  const std::string* const number = into.parameter("partNumber");
  const auto part = s3_number(number == nullptr ? std::string_view() : *number, s3_parts_max);
  if (!part || *part == 0) {
    return invalid("InvalidArgument",
                   "Part number must be an integer between 1 and 10000, inclusive.");
  }
  into.part = static_cast<unsigned>(*part);
  return std::nullopt;
}

std::optional<S3Refusal> read_object_operation(const S3Head& head, S3Request& into) {
  if (into.name.size() > name_bytes_max) return invalid("KeyTooLongError", "The name is too long.");
  const bool is_known = head.method == "GET" || head.method == "HEAD" || head.method == "PUT" ||
                        head.method == "POST" || head.method == "DELETE";
  if (!is_known) return not_implemented(head.method);
  if (head.header("x-amz-copy-source") != nullptr) return not_implemented("copies");
  const std::string* const upload = into.parameter("uploadId");
  if (upload != nullptr && head.method != "HEAD") {
    return read_upload_operation(head, *upload, into);
  }
  if (head.method == "POST") {
    if (into.parameter("uploads") == nullptr) return not_allowed();
    into.operation = S3Operation::create_upload;
    return std::nullopt;
  }
  if (head.method == "PUT") into.operation = S3Operation::put_object;
  if (head.method == "GET") into.operation = S3Operation::get_object;
  if (head.method == "HEAD") into.operation = S3Operation::head_object;
  if (head.method == "DELETE") into.operation = S3Operation::delete_object;
  if (into.operation == S3Operation::put_object && into.parameter("partNumber") != nullptr) {
    return invalid("InvalidArgument", "This operation needs an upload.");
  }
  return std::nullopt;
}

}  // namespace

const std::string* S3Head::header(std::string_view name) const noexcept {
  return find(headers, name);
}
const std::string* S3Request::parameter(std::string_view wanted) const noexcept {
  return find(query, wanted);
}

std::optional<S3Refusal> read_request(const S3Head& head, std::string_view bucket,
                                      S3Request& into) {
  into = {};
  std::string path;
  if (auto refusal = read_target(head, path, into.query)) return refusal;
  read_address(head, bucket, path, into);
  if (const std::string* const length = head.header("content-length")) {
    into.content_length = s3_number(*length, UINT64_MAX / 2);
    if (!into.content_length) return invalid("InvalidArgument", "Invalid Content-Length.");
  }
  if (into.bucket.empty()) return not_implemented("lists of buckets");
  if (into.bucket != bucket) {
    return S3Refusal{404, "NoSuchBucket", "The specified bucket does not exist."};
  }
  for (const std::string_view other : other_operations) {
    if (into.parameter(other) != nullptr) return not_implemented(other);
  }
  return into.name.empty() ? read_bucket_operation(head, into) : read_object_operation(head, into);
}

std::optional<std::string> s3_unescaped(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    std::byte byte{};
    if (i + 2 >= text.size() || !read_hex(text.substr(i + 1, 2), std::span(&byte, 1))) {
      return std::nullopt;
    }
    result += static_cast<char>(byte);
    i += 2;
  }
  return result;
}

std::string s3_escaped(std::string_view text, bool keep_slash) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    if (is_unreserved(c) || (keep_slash && c == '/')) {
      result += c;
      continue;
    }
    const auto value = static_cast<unsigned char>(c);
    result += '%';
    result += digits[value >> 4U];
    result += digits[value & 15U];
  }
  return result;
}

std::optional<std::uint64_t> s3_number(std::string_view text, std::uint64_t most) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > most) return std::nullopt;
  return value;
}

std::optional<S3Range> read_range(std::string_view header, std::uint64_t size_bytes) {
  constexpr std::string_view unit = "bytes=";
  if (header.substr(0, unit.size()) != unit) return std::nullopt;
  header.remove_prefix(unit.size());
  const std::size_t dash = header.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = s3_number(header.substr(0, dash), UINT64_MAX);
  const auto last = s3_number(header.substr(dash + 1), UINT64_MAX);
  if (dash == 0) {  // the last ones
    if (!last) return std::nullopt;
    const std::uint64_t size = std::min(*last, size_bytes);
    return S3Range{size_bytes - size, size};
  }
  if (!first || (!last && dash + 1 != header.size()) || (last && *last < *first)) {
    return std::nullopt;
  }
  if (*first >= size_bytes) return S3Range{0, 0};
  const std::uint64_t end = last && *last < size_bytes ? *last + 1 : size_bytes;
  return S3Range{*first, end - *first};
}

std::optional<S3Refusal> read_complete(std::string_view document, std::vector<S3NamedPart>& into) {
  into.clear();
  const S3Refusal malformed{400, "MalformedXML",
                            "The XML you provided was not well-formed or did not validate."};
  XmlElement root;
  try {
    root = parse_xml(document, "CompleteMultipartUpload");
  } catch (const Error&) {  // what is no XML is the client's fault, and is told to it
    return malformed;
  }
  if (root.name != "CompleteMultipartUpload") return malformed;
  for (const XmlElement* const part : root.all("Part")) {
    const XmlElement* const number = part->child("PartNumber");
    const XmlElement* const etag = part->child("ETag");
    if (number == nullptr || etag == nullptr) return malformed;
    const auto value = s3_number(number->text, s3_parts_max);
    if (!value || *value == 0) return malformed;
    if (!into.empty() && *value <= into.back().number) {
      return S3Refusal{400, "InvalidPartOrder", "The list of parts was not in ascending order."};
    }
    std::string_view text = etag->text;
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
      text = text.substr(1, text.size() - 2);
    }
    into.push_back({static_cast<unsigned>(*value), ascii_lower(text)});
  }
  if (into.empty()) return malformed;
  return std::nullopt;
}

std::string xml_escaped(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    if (c == '<')
      result += "&lt;";
    else if (c == '>')
      result += "&gt;";
    else if (c == '&')
      result += "&amp;";
    else if (c == '"')
      result += "&quot;";
    else if (static_cast<unsigned char>(c) < 0x20)
      result += ' ';
    else
      result += c;
  }
  return result;
}

std::string error_xml(const S3Refusal& refusal, std::string_view resource) {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" + xml_escaped(refusal.code) +
         "</Code><Message>" + xml_escaped(refusal.message) + "</Message><Resource>" +
         xml_escaped(resource) + "</Resource></Error>\n";
}

}  // namespace holdfast::engine::sqlserver
