// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/receiver/s3_exchange.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "engine/sqlserver/receiver/s3_body.h"

namespace holdfast::engine::sqlserver {

namespace {

constexpr std::string_view xml_begin = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
constexpr std::string_view xml_space = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
constexpr std::uint64_t other_bytes_max = std::uint64_t{64} << 10U;  // of bodies that say nothing
constexpr std::uint64_t listed_max = 1000;

std::string element(std::string_view name, std::string_view text) {
  const std::string tag(name);
  return "<" + tag + ">" + xml_escaped(text) + "</" + tag + ">";
}

std::string root(std::string_view name, const std::string& content) {
  const std::string tag(name);
  return std::string(xml_begin) + "<" + tag + std::string(xml_space) + ">" + content + "</" + tag +
         ">\n";
}

std::string in_quotes(const std::string& etag) {
  return "\"" + etag + "\"";
}

// "Fri, 24 May 2013 00:00:00 GMT", of now: what is here is new.
std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto two = [](int value) {
    return std::string(value < 10 ? "0" : "") + std::to_string(value);
  };
  return std::string(days[parts.tm_wday]) + ", " + two(parts.tm_mday) + " " + months[parts.tm_mon] +
         " " + std::to_string(parts.tm_year + 1900) + " " + two(parts.tm_hour) + ":" +
         two(parts.tm_min) + ":" + two(parts.tm_sec) + " GMT";
}

// Keeps nothing: of bodies that are only to be proven.
class NoSink final : public ByteSink {
 public:
  void write(ByteView /*bytes*/) override {}
};

class Exchange final : public HttpExchange {
 public:
  Exchange(S3Store& store, S3Head head) : store_(store), head_(std::move(head)) {
    refusal_ = begin();
  }
  [[nodiscard]] bool is_decided() const noexcept override {
    return refusal_.has_value() || (body_ && body_->refusal());
  }
  void take(ByteView bytes) noexcept override;
  [[nodiscard]] HttpReply reply() noexcept override;

 private:
  using Refused = std::optional<S3Refusal>;
  [[nodiscard]] Refused begin();
  [[nodiscard]] Refused begin_body();
  // Something on our side failed: whoever expects the object is told.
  void fail(const std::exception_ptr& error) noexcept;
  [[nodiscard]] Refused answer(HttpReply& into);
  [[nodiscard]] Refused answer_upload(HttpReply& into);
  [[nodiscard]] Refused complete(HttpReply& into);
  [[nodiscard]] Refused list_parts(HttpReply& into) const;
  [[nodiscard]] std::string list_objects() const;
  [[nodiscard]] Refused head_object(HttpReply& into) const;
  [[nodiscard]] Refused get_object(HttpReply& into) const;
  [[nodiscard]] Refused delete_object() const;
  [[nodiscard]] HttpReply refused(const S3Refusal& refusal) const;

  S3Store& store_;
  S3Head head_;
  S3Request request_;
  Refused refusal_;
  std::optional<S3Body> body_;
  std::optional<S3Content> content_;  // upload_part, put_object
  BytesSink document_;                // complete_upload
};

Exchange::Refused Exchange::begin() {
  const auto asked = read_request(head_, store_.bucket, request_);
  if (asked && asked->code == "InvalidURI") return asked;
  S3Proof proof;
  // Who is not who he says learns nothing more.
  if (auto refusal = prove(head_, request_, store_.key, std::time(nullptr), proof)) return refusal;
  if (asked) return asked;
  if (store_.is_closed) {
    return S3Refusal{503, "ServiceUnavailable", "The backup was stopped."};
  }
  const bool has_content = request_.operation == S3Operation::upload_part ||
                           request_.operation == S3Operation::put_object;
  const bool is_document = request_.operation == S3Operation::complete_upload;
  if (has_content || is_document) {
    const std::uint64_t most = has_content ? s3_part_bytes_max : s3_complete_bytes_max;
    body_.emplace(head_, std::move(proof), most, has_content);
    return begin_body();
  }
  if (request_.content_length.value_or(0) > 0) {
    body_.emplace(head_, std::move(proof), other_bytes_max, true);
  }
  return std::nullopt;
}

Exchange::Refused Exchange::begin_body() {
  if (request_.operation == S3Operation::put_object) {
    if (!store_.uploads.is_expected(request_.name)) {
      return S3Refusal{403, "AccessDenied", "Nothing is expected under this name."};
    }
  } else if (auto refusal = store_.uploads.check(request_.name, request_.upload_id)) {
    return refusal;
  }
  if (request_.operation != S3Operation::complete_upload) content_.emplace(store_.pieces);
  return std::nullopt;
}

void Exchange::fail(const std::exception_ptr& error) noexcept {
  store_.uploads.fail(request_.name, error);
  refusal_ = S3Refusal{500, "InternalError", "The backup cannot be kept."};
  content_.reset();
}

void Exchange::take(ByteView bytes) noexcept {
  if (is_decided() || !body_) return;
  try {
    NoSink nowhere;
    ByteSink& into = content_ ? static_cast<ByteSink&>(*content_)
                     : request_.operation == S3Operation::complete_upload
                         ? static_cast<ByteSink&>(document_)
                         : nowhere;
    body_->take(bytes, into);
    if (body_->refusal()) content_.reset();
  } catch (...) {  // a full disk, or a stop
    fail(std::current_exception());
  }
}

HttpReply Exchange::refused(const S3Refusal& refusal) const {
  log(LogLevel::debug, "the receiver of backups refuses a request",
      {{"method", head_.method},
       {"object", request_.name},
       {"code", refusal.code},
       {"why", refusal.message}});
  HttpReply reply;
  reply.status = refusal.status;
  reply.headers = {{"Content-Type", "application/xml"}};
  reply.body = error_xml(refusal, "/" + request_.bucket + "/" + request_.name);
  return reply;
}

HttpReply Exchange::reply() noexcept {
  HttpReply made;
  Refused refusal = refusal_;
  try {
    if (!refusal && body_) refusal = body_->finish();
    if (!refusal) refusal = answer(made);
  } catch (...) {
    fail(std::current_exception());
    refusal = refusal_;
  }
  if (refusal) made = refused(*refusal);
  std::array<std::byte, 8> id;
  fill_random(id);
  made.headers.emplace_back("x-amz-request-id", to_hex(id));
  return made;
}

Exchange::Refused Exchange::answer(HttpReply& into) {
  switch (request_.operation) {
    case S3Operation::head_bucket:
      into.headers = {{"x-amz-bucket-region", "us-east-1"}};
      return std::nullopt;
    case S3Operation::bucket_location:
      into.body = root("LocationConstraint", "");
      return std::nullopt;
    case S3Operation::list_objects:
    case S3Operation::list_objects_v2:
      into.headers = {{"Content-Type", "application/xml"}};
      into.body = list_objects();
      return std::nullopt;
    case S3Operation::head_object:
      return head_object(into);
    case S3Operation::get_object:
      return get_object(into);
    case S3Operation::delete_object:
      into.status = 204;
      return delete_object();
    default:
      return answer_upload(into);
  }
}

Exchange::Refused Exchange::answer_upload(HttpReply& into) {
  std::string text;
  switch (request_.operation) {
    case S3Operation::create_upload:
      if (auto refusal = store_.uploads.create(request_.name, text)) return refusal;
      into.headers = {{"Content-Type", "application/xml"}};
      into.body = root("InitiateMultipartUploadResult", element("Bucket", request_.bucket) +
                                                            element("Key", request_.name) +
                                                            element("UploadId", text));
      return std::nullopt;
    case S3Operation::upload_part:
      into.headers = {{"ETag", in_quotes(s3_etag(body_->md5()))}};
      return store_.uploads.put_part(request_.name, request_.upload_id, request_.part, *content_,
                                     body_->md5(), body_->size_bytes());
    case S3Operation::put_object:
      if (auto refusal = store_.uploads.put_object(request_.name, *content_, body_->md5(),
                                                   body_->size_bytes(), text)) {
        return refusal;
      }
      into.headers = {{"ETag", in_quotes(text)}};
      return std::nullopt;
    case S3Operation::complete_upload:
      return complete(into);
    case S3Operation::abort_upload:
      into.status = 204;
      return store_.uploads.abort(request_.name, request_.upload_id);
    default:
      return list_parts(into);
  }
}

Exchange::Refused Exchange::complete(HttpReply& into) {
  std::vector<S3NamedPart> parts;
  if (auto refusal = read_complete(as_text(document_.bytes), parts)) return refusal;
  std::string etag;
  if (auto refusal = store_.uploads.complete(request_.name, request_.upload_id, parts, etag)) {
    return refusal;
  }
  const std::string* const host = head_.header("host");
  into.headers = {{"Content-Type", "application/xml"}};
  into.body = root("CompleteMultipartUploadResult",
                   element("Location", "https://" + (host == nullptr ? std::string() : *host) +
                                           "/" + request_.bucket + "/" + request_.name) +
                       element("Bucket", request_.bucket) + element("Key", request_.name) +
                       element("ETag", in_quotes(etag)));
  return std::nullopt;
}

Exchange::Refused Exchange::list_parts(HttpReply& into) const {
  std::vector<S3Uploads::ListedPart> parts;
  if (auto refusal = store_.uploads.list(request_.name, request_.upload_id, parts)) return refusal;
  const auto number = [&](std::string_view name, std::uint64_t otherwise, std::uint64_t most) {
    const std::string* const text = request_.parameter(name);
    return text == nullptr ? otherwise : s3_number(*text, most).value_or(otherwise);
  };
  const std::uint64_t after = number("part-number-marker", 0, s3_parts_max);
  const std::uint64_t most = number("max-parts", listed_max, listed_max);
  std::string content = element("Bucket", request_.bucket) + element("Key", request_.name) +
                        element("UploadId", request_.upload_id) +
                        element("PartNumberMarker", std::to_string(after)) +
                        element("MaxParts", std::to_string(most));
  std::uint64_t listed = 0, last = after;
  bool is_cut = false;
  for (const auto& part : parts) {
    if (part.number <= after) continue;
    if (listed == most) {
      is_cut = most > 0;
      break;
    }
    ++listed;
    last = part.number;
    content += "<Part>" + element("PartNumber", std::to_string(part.number)) +
               element("ETag", in_quotes(part.etag)) +
               element("Size", std::to_string(part.size_bytes)) + "</Part>";
  }
  content += element("NextPartNumberMarker", std::to_string(last)) +
             element("IsTruncated", is_cut ? "true" : "false");
  into.headers = {{"Content-Type", "application/xml"}};
  into.body = root("ListPartsResult", content);
  return std::nullopt;
}

std::string Exchange::list_objects() const {
  struct Listed {
    std::string name, etag;
    std::uint64_t size_bytes;
  };
  std::vector<Listed> all;
  for (auto& each : store_.uploads.complete_objects()) {
    all.push_back({each.name, each.etag, each.size_bytes});
  }
  for (auto& each : store_.offers.all()) all.push_back({each.name, each.etag, each.size_bytes});
  std::sort(all.begin(), all.end(),
            [](const Listed& a, const Listed& b) { return a.name < b.name; });
  const auto value = [&](std::string_view name) {
    const std::string* const text = request_.parameter(name);
    return text == nullptr ? std::string() : *text;
  };
  const bool is_second = request_.operation == S3Operation::list_objects_v2;
  const std::string prefix = value("prefix");
  std::string after = value(is_second ? "start-after" : "marker");
  if (is_second && !value("continuation-token").empty()) after = value("continuation-token");
  const std::uint64_t most = s3_number(value("max-keys"), listed_max).value_or(listed_max);
  std::string content, last;
  std::uint64_t listed = 0;
  bool is_cut = false;
  for (const Listed& each : all) {
    if (each.name.substr(0, prefix.size()) != prefix || each.name <= after) continue;
    if (listed == most) {
      is_cut = most > 0;
      break;
    }
    ++listed;
    last = each.name;
    content += "<Contents>" + element("Key", each.name) +
               element("LastModified", to_rfc3339({std::time(nullptr), 0, 0})) +
               element("ETag", in_quotes(each.etag)) +
               element("Size", std::to_string(each.size_bytes)) +
               element("StorageClass", "STANDARD") + "</Contents>";
  }
  content = element("Name", request_.bucket) + element("Prefix", prefix) +
            element("MaxKeys", std::to_string(most)) +
            element("IsTruncated", is_cut ? "true" : "false") + content;
  if (is_second) {
    content += element("KeyCount", std::to_string(listed));
    if (is_cut) content += element("NextContinuationToken", last);
  } else if (is_cut) {
    content += element("NextMarker", last);
  }
  return root("ListBucketResult", content);
}

Exchange::Refused Exchange::head_object(HttpReply& into) const {
  std::string etag;
  if (const auto offered = store_.offers.find(request_.name)) {
    into.stream_bytes = offered->size_bytes;
    etag = offered->etag;
  } else {
    const auto complete = store_.uploads.complete_objects();
    const auto found = std::find_if(complete.begin(), complete.end(),
                                    [&](const auto& each) { return each.name == request_.name; });
    if (found == complete.end()) return S3Refusal{404, "NoSuchKey", "There is no such object."};
    into.stream_bytes = found->size_bytes;
    etag = found->etag;
  }
  into.stream = [](std::uint64_t /*at*/, std::span<std::byte> /*into*/) {};  // never asked
  into.headers = {{"ETag", in_quotes(etag)},
                  {"Accept-Ranges", "bytes"},
                  {"Last-Modified", http_date()},
                  {"Content-Type", "application/octet-stream"}};
  return std::nullopt;
}

Exchange::Refused Exchange::get_object(HttpReply& into) const {
  const auto offered = store_.offers.find(request_.name);
  if (!offered) {
    if (head_object(into)) return S3Refusal{404, "NoSuchKey", "There is no such object."};
    into = {};
    return S3Refusal{501, "NotImplemented", "What was written here is not kept here."};
  }
  const std::string* const match = head_.header("if-match");
  if (match != nullptr && *match != in_quotes(offered->etag) && *match != offered->etag &&
      *match != "*") {
    return S3Refusal{412, "PreconditionFailed", "The object has another entity tag."};
  }
  if (auto refusal = head_object(into)) return refusal;
  S3Range range{0, offered->size_bytes};
  const std::string* const header = head_.header("range");
  if (const auto read =
          header == nullptr ? std::nullopt : read_range(*header, offered->size_bytes)) {
    if (read->size_bytes == 0) {
      return S3Refusal{416, "InvalidRange", "The requested range is not satisfiable."};
    }
    range = *read;
    into.status = 206;
    into.headers.emplace_back("Content-Range",
                              "bytes " + std::to_string(range.first) + "-" +
                                  std::to_string(range.first + range.size_bytes - 1) + "/" +
                                  std::to_string(offered->size_bytes));
  }
  into.stream_bytes = range.size_bytes;
  into.stream = [&offers = store_.offers, name = request_.name, first = range.first](
                    std::uint64_t at, std::span<std::byte> bytes) {
    offers.read(name, first + at, bytes);
  };
  return std::nullopt;
}

Exchange::Refused Exchange::delete_object() const {
  if (!store_.uploads.is_expected(request_.name)) {
    return S3Refusal{403, "AccessDenied", "Nothing but an own upload can be deleted here."};
  }
  store_.uploads.remove(request_.name);
  return std::nullopt;
}

}  // namespace

std::unique_ptr<HttpExchange> make_exchange(S3Store& store, S3Head head) {
  return std::make_unique<Exchange>(store, std::move(head));
}

}  // namespace holdfast::engine::sqlserver
