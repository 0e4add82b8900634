// SPDX-License-Identifier: Apache-2.0
// What all storages share: names of kinds and files, and reading a file as a whole.
#include "storage/storage.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace holdfast::storage {
namespace {

constexpr std::array kinds{FileKind::config, FileKind::key,      FileKind::lock,
                           FileKind::index,  FileKind::snapshot, FileKind::pack};

std::uint64_t size_bytes_max(FileKind kind) noexcept {
  constexpr std::uint64_t mebibyte = 1ULL << 20U;
  switch (kind) {
    case FileKind::config:
    case FileKind::key:
    case FileKind::lock:
      return mebibyte;
    case FileKind::snapshot:
      return 256 * mebibyte;
    case FileKind::index:
    case FileKind::pack:
      break;
  }
  return 1024 * mebibyte;
}

}  // namespace

std::span<const FileKind> all_file_kinds() noexcept {
  return kinds;
}

std::string_view file_kind_name(FileKind kind) noexcept {
  switch (kind) {
    case FileKind::config:
      return "config";
    case FileKind::key:
      return "key";
    case FileKind::lock:
      return "lock";
    case FileKind::index:
      return "index";
    case FileKind::snapshot:
      return "snapshot";
    case FileKind::pack:
      break;
  }
  return "pack";
}

bool is_file_name(std::string_view name) noexcept {
  return name.size() == 64 && std::all_of(name.begin(), name.end(), [](char digit) {
           return (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f');
         });
}

void check_file(const FileRef& file) {
  check_rule(file.kind == FileKind::config ? file.name.empty() : is_file_name(file.name),
             "a repository file is named by 64 lower-case hex digits, the config by nothing");
}

std::string display(const FileRef& file) {
  if (file.kind == FileKind::config) return "config";
  return fmt::format("{} {}", file_kind_name(file.kind), file.name);
}

std::optional<Bytes> read_file(Storage& storage, const FileRef& file) {
  const std::optional<std::uint64_t> size_bytes = storage.size_bytes(file);
  if (!size_bytes) return std::nullopt;
  if (*size_bytes > size_bytes_max(file.kind)) {
    throw Error(Errc::corrupt, fmt::format("{} has {} bytes, more than any real {} has",
                                           display(file), *size_bytes, file_kind_name(file.kind)));
  }
  Bytes content;
  content.resize(static_cast<std::size_t>(*size_bytes));
  storage.read(file, 0, content);
  return content;
}

}  // namespace holdfast::storage
