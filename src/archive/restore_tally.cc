// SPDX-License-Identifier: Apache-2.0
#include "archive/restore_tally.h"

namespace holdfast::archive {
namespace {

bool ends_restore(Errc code) noexcept {
  return code == Errc::no_space || code == Errc::cancelled || code == Errc::bug ||
         code == Errc::unavailable || code == Errc::locked;
}

}  // namespace

void RestoreTally::expect(std::uint64_t size_bytes) noexcept {
  ++files_total_;
  bytes_total_ += size_bytes;
  ++observer_.files_total;
  observer_.bytes_total += size_bytes;
}

void RestoreTally::wrote(std::uint64_t size_bytes) noexcept {
  bytes_restored_ += size_bytes;
  observer_.bytes_done += size_bytes;
}

void RestoreTally::done(std::string_view location, model::ItemAction action,
                        std::uint64_t size_bytes, bool is_directory) {
  ++files_restored_;
  ++observer_.files_done;
  observer_.item_done(
      {.item = location, .action = action, .is_directory = is_directory, .data_size = size_bytes});
}

void RestoreTally::skipped(std::string_view location, std::uint64_t size_bytes) {
  ++files_skipped_;
  bytes_skipped_ += size_bytes;
  ++observer_.files_skipped;
  observer_.bytes_skipped += size_bytes;
  observer_.item_done(
      {.item = location, .action = model::ItemAction::unchanged, .data_size = size_bytes});
}

void RestoreTally::deleted(std::string_view path) {
  ++files_deleted_;
  ++observer_.files_deleted;
  observer_.item_done({.item = path, .action = model::ItemAction::deleted});
}

void RestoreTally::noted(std::string_view line) {
  if (!line.empty()) observer_.warning(line);
}

void RestoreTally::failed(std::string_view location, std::string_view during, const Error& error) {
  if (ends_restore(error.code())) {
    Error end = error;
    if (error.code() == Errc::no_space) {
      end.set_hint(
          "Make room and run the same restore again: what is complete is not written a second "
          "time.");
    }
    throw end;
  }
  ++items_failed_;
  ++observer_.errors;
  observer_.item_failed(location, during, error.message());
}

RestoreReport RestoreTally::report() const noexcept {
  return {.files_total = files_total_,
          .files_restored = files_restored_,
          .files_skipped = files_skipped_,
          .files_deleted = files_deleted_,
          .bytes_total = bytes_total_,
          .bytes_restored = bytes_restored_,
          .bytes_skipped = bytes_skipped_,
          .items_failed = items_failed_};
}

}  // namespace holdfast::archive
