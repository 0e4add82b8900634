// SPDX-License-Identifier: Apache-2.0
// Objects that are expected, and the uploads that write them: parts in any order go to a sink in
// theirs.
//
// Source: Amazon S3 API Reference, CreateMultipartUpload, UploadPart, CompleteMultipartUpload,
// AbortMultipartUpload, ListParts, PutObject; Amazon S3 User Guide, "Uploading and copying objects
// using multipart upload".
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/stream.h"
#include "engine/sqlserver/receiver/s3_pieces.h"
#include "engine/sqlserver/receiver/s3_receiver.h"
#include "engine/sqlserver/receiver/s3_request.h"

namespace holdfast::engine::sqlserver {

// Any number of threads. What a client is to be told is a value, what is told to whoever expects an
// object an Error. Each expected object has a thread that gives its parts to the sink.
class S3Uploads {
 public:
  explicit S3Uploads(S3Pieces& pieces) : pieces_(pieces) {}
  // Ends everything; nobody is in a call of it any more.
  ~S3Uploads();
  S3Uploads(const S3Uploads&) = delete;
  S3Uploads& operator=(const S3Uploads&) = delete;

  // As S3Receiver has them.
  void expect(const std::string& name, ByteSink& sink);
  S3Receiver::Received finish(std::string_view name);
  void raise_failure(std::string_view name) const;
  void withdraw(std::string_view name) noexcept;
  [[nodiscard]] bool is_expected(std::string_view name) const;
  // Ends all waits, for good, and fails what is not complete: Errc::cancelled.
  void close() noexcept;
  // Something on our side went wrong while `name` was received: its upload has failed.
  void fail(std::string_view name, const std::exception_ptr& error) noexcept;

  using Refused = std::optional<S3Refusal>;
  [[nodiscard]] Refused create(std::string_view name, std::string& id);
  // Whether that upload can be written to: NoSuchUpload.
  [[nodiscard]] Refused check(std::string_view name, std::string_view id) const;
  // A part that is proven, whose content is taken out. One that is there is replaced; one that was
  // given on already must be the same, else the upload fails.
  [[nodiscard]] Refused put_part(std::string_view name, std::string_view id, unsigned number,
                                 S3Content& content, const Md5Digest& md5,
                                 std::uint64_t size_bytes);
  // Returns once the sink has everything. The same call again is answered alike.
  [[nodiscard]] Refused complete(std::string_view name, std::string_view id,
                                 const std::vector<S3NamedPart>& parts, std::string& etag);
  [[nodiscard]] Refused abort(std::string_view name, std::string_view id);
  // An object in one go; returns as complete() does.
  [[nodiscard]] Refused put_object(std::string_view name, S3Content& content, const Md5Digest& md5,
                                   std::uint64_t size_bytes, std::string& etag);
  struct ListedPart {
    unsigned number;
    std::string etag;
    std::uint64_t size_bytes;
  };
  [[nodiscard]] Refused list(std::string_view name, std::string_view id,
                             std::vector<ListedPart>& into) const;

  // What is complete, for whoever looks whether it is there.
  struct Complete {
    std::string name, etag;
    std::uint64_t size_bytes;
  };
  [[nodiscard]] std::vector<Complete> complete_objects() const;
  // Whether it is complete under that name. Deleted, its finish() throws Errc::incomplete.
  void remove(std::string_view name) noexcept;

 private:
  struct Object;
  using Found = std::shared_ptr<Object>;
  [[nodiscard]] Found find(std::string_view name) const;  // under the lock; nullptr
  void pump(Object& object);
  // Takes the object out and ends its thread.
  [[nodiscard]] Found end(std::string_view name, const std::exception_ptr& reason);
  [[nodiscard]] Refused wait_complete(std::unique_lock<std::mutex>& lock, Object& object,
                                      std::string& etag);

  S3Pieces& pieces_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::map<std::string, Found, std::less<>> objects_;
  bool is_closed_ = false;
};

// The MD5 of one part, and of a list of them as S3 makes it.
[[nodiscard]] std::string s3_etag(const Md5Digest& md5);
[[nodiscard]] std::string s3_etag(const std::vector<Md5Digest>& parts);

}  // namespace holdfast::engine::sqlserver
