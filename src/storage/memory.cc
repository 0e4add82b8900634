// SPDX-License-Identifier: Apache-2.0
// Files as entries of one map under one mutex.
#include "storage/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/error.h"

namespace holdfast::storage {

void MemoryStorage::put(const FileRef& file, ByteView content) {
  check_file(file);
  auto stored = std::make_shared<const Bytes>(content.begin(), content.end());
  std::lock_guard lock(mutex_);
  if (!files_.try_emplace(file, std::move(stored)).second) {
    throw Error(Errc::exists, fmt::format("{} is stored already", display(file)));
  }
}

void MemoryStorage::replace_config(ByteView content) {
  overwrite(FileRef{FileKind::config, {}}, content);
}

void MemoryStorage::overwrite(const FileRef& file, ByteView content) {
  check_file(file);
  auto stored = std::make_shared<const Bytes>(content.begin(), content.end());
  std::lock_guard lock(mutex_);
  files_.insert_or_assign(file, std::move(stored));
}

MemoryStorage::Content MemoryStorage::find(const FileRef& file) {
  check_file(file);
  std::lock_guard lock(mutex_);
  const auto found = files_.find(file);
  return found == files_.end() ? nullptr : found->second;
}

void MemoryStorage::read(const FileRef& file, std::uint64_t offset_bytes,
                         std::span<std::byte> out) {
  const Content content = find(file);
  if (!content) throw Error(Errc::corrupt, fmt::format("{} is not there", display(file)));
  if (offset_bytes > content->size() || out.size() > content->size() - offset_bytes) {
    throw Error(Errc::corrupt, fmt::format("{} ends at byte {}, before byte {}", display(file),
                                           content->size(), offset_bytes + out.size()));
  }
  std::copy_n(content->begin() + static_cast<std::ptrdiff_t>(offset_bytes), out.size(),
              out.begin());
}

std::optional<std::uint64_t> MemoryStorage::size_bytes(const FileRef& file) {
  const Content content = find(file);
  if (!content) return std::nullopt;
  return content->size();
}

void MemoryStorage::list(FileKind kind, const std::function<void(const FoundFile&)>& visit) {
  std::vector<FoundFile> found;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [file, content] : files_) {
      if (file.kind == kind) found.push_back({file, content->size()});
    }
  }
  for (const FoundFile& file : found) visit(file);
}

void MemoryStorage::remove(const FileRef& file) {
  check_file(file);
  std::lock_guard lock(mutex_);
  files_.erase(file);
}

std::unique_ptr<MemoryStorage> MemoryStorage::copy() {
  auto other = std::make_unique<MemoryStorage>(connections_);
  std::lock_guard lock(mutex_);
  other->files_ = files_;
  return other;
}

}  // namespace holdfast::storage
