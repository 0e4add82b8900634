// SPDX-License-Identifier: Apache-2.0
#include "repo/replacement.h"

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "base/crew.h"
#include "base/error.h"
#include "format/index_file.h"
#include "repo/pack_check.h"
#include "repo/parallel.h"

namespace holdfast::repo {
namespace {

using format::Id;
using format::IndexedPack;
using storage::FileKind;

constexpr std::size_t index_blobs_max = 50'000;

}  // namespace

void IndexWriter::add(const IndexedPack& pack) {
  if (blobs_ + pack.blobs.size() > index_blobs_max) finish();
  blobs_ += pack.blobs.size();
  packs_.push_back(pack);
}

void IndexWriter::finish() {
  if (packs_.empty()) return;
  std::string json;
  format::append_index_json(json, packs_);
  const Id id = save_under_lock(repository_, lock_, FileKind::index, json);
  static_cast<void>(repository_.load_unpacked(FileKind::index, id));
  packs_.clear();
  blobs_ = 0;
  ++files_written_;
}

void verify_packs(Repository& repository, std::span<const IndexedPack> packs,
                  model::Observer& observer, const std::stop_token& stop) {
  observer.phase("verifying new packs");
  for_each_parallel(packs.size(), cores_available(), stop, [&] {
    const auto checker = std::make_shared<PackCheck>(repository);
    return [&, checker](std::size_t item) {
      const Id& id = packs[item].id;
      const std::optional<std::uint64_t> size_bytes =
          repository.storage().size_bytes({FileKind::pack, id.hex()});
      if (!size_bytes || !checker->is_whole(id, *size_bytes)) {
        throw Error(
            Errc::corrupt,
            fmt::format("pack {} was stored and does not read back; no pack that was in use "
                        "is removed",
                        id.hex()))
            .set_hint("The storage may be faulty; run `holdfast check --read-data`.");
      }
    };
  });
}

void remove_index_files(Repository& repository, std::span<const Id> ids, model::Observer& observer,
                        const std::stop_token& stop, const std::function<void()>& before_each) {
  observer.phase("removing old index");
  for_each_parallel(ids.size(), repository.storage().connections_max(), stop, [&] {
    return [&](std::size_t item) {
      before_each();
      repository.remove(FileKind::index, ids[item]);
    };
  });
}

void remove_packs(Repository& repository, const Lock* lock, std::span<const Id> ids,
                  std::string_view phase, model::Observer& observer, const std::stop_token& stop) {
  if (ids.empty()) return;
  observer.phase(phase);
  for_each_parallel(ids.size(), repository.storage().connections_max(), stop, [&] {
    return [&](std::size_t item) {
      if (lock != nullptr) lock->check();
      try {
        repository.remove(FileKind::pack, ids[item]);
      } catch (const Error& error) {  // becomes a warning
        if (error.code() == Errc::cancelled) throw;
        observer.warning(
            fmt::format("pack {} could not be removed: {}", ids[item].hex(), error.message()));
      }
    };
  });
}

}  // namespace holdfast::repo
