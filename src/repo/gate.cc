// SPDX-License-Identifier: Apache-2.0
// One semaphore around all calls.
#include "repo/gate.h"

#include <algorithm>
#include <vector>

namespace holdfast::repo {

using storage::FileKind;
using storage::FileRef;
using storage::FoundFile;

// A place among the calls under way, while it lives.
class GateStorage::Pass {
 public:
  Pass(GateStorage& gate, FileKind kind) : gate_(kind == FileKind::lock ? nullptr : &gate) {
    if (gate_ != nullptr) gate_->free_.acquire();
  }
  ~Pass() {
    if (gate_ != nullptr) gate_->free_.release();
  }
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

 private:
  GateStorage* const gate_;
};

GateStorage::GateStorage(std::unique_ptr<storage::Storage> below)
    : below_(std::move(below)),
      free_(static_cast<std::ptrdiff_t>(std::max(below_->connections_max(), 1U))) {}

void GateStorage::create() {
  const Pass pass(*this, FileKind::config);
  below_->create();
}

void GateStorage::put(const FileRef& file, ByteView content) {
  const Pass pass(*this, file.kind);
  below_->put(file, content);
}

void GateStorage::replace_config(ByteView content) {
  const Pass pass(*this, FileKind::config);
  below_->replace_config(content);
}

void GateStorage::read(const FileRef& file, std::uint64_t offset_bytes, std::span<std::byte> out) {
  const Pass pass(*this, file.kind);
  below_->read(file, offset_bytes, out);
}

std::optional<std::uint64_t> GateStorage::size_bytes(const FileRef& file) {
  const Pass pass(*this, file.kind);
  return below_->size_bytes(file);
}

void GateStorage::list(FileKind kind, const std::function<void(const FoundFile&)>& visit) {
  std::vector<FoundFile> found;
  {
    const Pass pass(*this, kind);
    below_->list(kind, [&](const FoundFile& file) { found.push_back(file); });
  }
  for (const FoundFile& file : found) visit(file);
}

void GateStorage::remove(const FileRef& file) {
  const Pass pass(*this, file.kind);
  below_->remove(file);
}

storage::Leftovers GateStorage::remove_leftovers(std::chrono::seconds age_min, bool dry_run) {
  const Pass pass(*this, FileKind::pack);
  return below_->remove_leftovers(age_min, dry_run);
}

void GateStorage::distrust_copies() {
  below_->distrust_copies();
}

unsigned GateStorage::connections_max() const noexcept {
  return below_->connections_max();
}

std::string GateStorage::location() const {
  return below_->location();
}

}  // namespace holdfast::repo
