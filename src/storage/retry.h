// SPDX-License-Identifier: Apache-2.0
// Tries again what failed because a service did not answer, with growing pauses.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "storage/pacing.h"
#include "storage/storage.h"

namespace holdfast::storage {

// The defaults are restic's: about a quarter of an hour in all.
struct RetryPolicy {
  std::chrono::milliseconds first_wait{500};
  std::chrono::milliseconds wait_max{60'000};
  std::chrono::milliseconds total_max{15 * 60'000};  // from the first failure to the last try
  // Errc::io, met while reading, is tried only this often in all: a bad sector stays bad, and a
  // check that meets thousands of them has to end.
  unsigned io_tries_max = 3;
};

// Errc::unavailable is tried again for every call, Errc::io for those that only read. Pauses
// double, each varied by up to a half either way, so that several clients do not come back in step.
// The error that is thrown in the end is the last one, with the number of tries as its context.
//
// Collects a listing before it hands it out, so that a file is shown once even if listing had to
// start over.
class RetryStorage final : public Storage {
 public:
  RetryStorage(std::unique_ptr<Storage> below, Pacing pacing, RetryPolicy policy = {});

  void create() override;
  // A try may have stored the file without our seeing it: Errc::exists on a later try is success if
  // the stored file has the same content.
  void put(const FileRef& file, ByteView content) override;
  void replace_config(ByteView content) override;
  void read(const FileRef& file, std::uint64_t offset_bytes, std::span<std::byte> out) override;
  [[nodiscard]] std::optional<std::uint64_t> size_bytes(const FileRef& file) override;
  void list(FileKind kind, const std::function<void(const FoundFile&)>& visit) override;
  void remove(const FileRef& file) override;
  Leftovers remove_leftovers(std::chrono::seconds age_min, bool dry_run) override;
  void distrust_copies() override;
  [[nodiscard]] unsigned connections_max() const noexcept override;
  [[nodiscard]] std::string location() const override;

 private:
  enum class Effect : std::uint8_t { reads, writes };
  // Calls body(number of the try, from 1) until it returns.
  void attempt(Effect effect, std::string_view doing, const std::function<void(unsigned)>& body);
  [[nodiscard]] bool is_stored(const FileRef& file, ByteView content);

  const std::unique_ptr<Storage> below_;
  const Pacing pacing_;
  const RetryPolicy policy_;
};

}  // namespace holdfast::storage
