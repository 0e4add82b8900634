// SPDX-License-Identifier: Apache-2.0
#include "job/find.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/error.h"
#include "job/snapshots.h"
#include "repo/pack_reader.h"

namespace holdfast::job {

namespace {

// The pack that `prefix` begins: one that is stored, or else one that an index names.
format::Id find_pack(repo::Repository& repository, std::string_view prefix) {
  try {
    return repository.find_by_prefix(storage::FileKind::pack, prefix);
  } catch (const Error& error) {
    if (error.code() != Errc::not_found) throw;
  }
  const std::string digits = ascii_lower(prefix);
  std::vector<format::Id> lost = repository.index().pack_ids();
  std::erase_if(lost, [&](const format::Id& id) { return !id.hex().starts_with(digits); });
  if (lost.size() == 1) return lost.front();
  if (!lost.empty()) {
    throw Error(Errc::usage, fmt::format("several packs begin with {}", prefix));
  }
  throw Error(Errc::not_found,
              fmt::format("no pack begins with {}, neither stored nor in an index", prefix));
}

std::vector<format::PackedBlob> blobs_of_pack(repo::Repository& repository, const format::Id& id) {
  if (const auto pack = repository.index().pack(id)) return pack->blobs;
  const auto size = repository.storage().size_bytes({storage::FileKind::pack, id.hex()});
  if (!size) throw Error(Errc::not_found, fmt::format("pack {} does not exist", id.hex()));
  repo::Codec codec = repository.codec();
  return repo::read_pack_header(repository, id, *size, codec);
}

archive::BlobSearch blob_search(repo::Repository& repository, const FindOptions& options) {
  archive::BlobSearch search;
  for (const std::string& word : options.words) {
    if (options.kind == FindKind::packs) {
      const format::Id pack = find_pack(repository, word);
      for (const format::PackedBlob& blob : blobs_of_pack(repository, pack)) search.add(blob.blob);
    } else {
      search.add_prefix(
          options.kind == FindKind::trees ? format::BlobType::tree : format::BlobType::data, word);
    }
  }
  return search;
}

std::vector<BlobInPack> packs_of(const repo::BlobIndex& index, const archive::BlobSearch& search) {
  std::vector<BlobInPack> packs;
  index.for_each([&](const format::BlobHandle& blob, const repo::BlobPlace& place, std::uint32_t) {
    if (search.wants(blob)) packs.push_back({blob, place.pack});
  });
  std::ranges::stable_sort(packs, {}, &BlobInPack::blob);
  const auto copies = std::ranges::unique(packs, {}, &BlobInPack::blob);
  packs.erase(copies.begin(), copies.end());
  return packs;
}

archive::NameSearch name_search(const FindOptions& options) {
  archive::NameSearch search;
  for (const std::string& pattern : options.words) {
    if (pattern.empty()) throw Error(Errc::usage, "an empty pattern matches nothing");
    search.patterns.add(pattern, options.ignore_case);
  }
  search.oldest = options.oldest;
  search.newest = options.newest;
  return search;
}

void check_options(const FindOptions& options) {
  if (options.words.empty()) throw Error(Errc::usage, "there is nothing to look for");
  if (options.oldest && options.newest && *options.newest < *options.oldest) {
    throw Error(Errc::usage, "the oldest time is behind the newest");
  }
}

}  // namespace

FindReport find_in_snapshots(const Environment& environment, const RepositoryAccess& access,
                             const FindOptions& options, const FindVisitor& visitor,
                             model::Observer& observer, std::stop_source& stop) {
  check_options(options);
  const archive::NameSearch names =
      options.kind == FindKind::names ? name_search(options) : archive::NameSearch{};
  const OpenedRepository opened = open_repository(environment, access, LockMode::shared, stop);
  repo::Repository& repository = *opened.repository;
  std::vector<archive::Snapshot> snapshots =
      select_snapshots(repository, options.snapshots, options.filter, observer);
  if (!options.oldest_first) std::ranges::reverse(snapshots);
  repository.load_index(observer);
  FindReport report;
  const auto failed = [&](const archive::Snapshot& snapshot, const Error& error) {
    ++report.unreadable;
    observer.warning(fmt::format("snapshot {}: {}", snapshot.id.short_hex(), error.message()));
  };
  if (options.kind == FindKind::names) {
    archive::find_names(repository, snapshots, names, failed, visitor.name, stop.get_token());
    return report;
  }
  const archive::BlobSearch search = blob_search(repository, options);
  if (options.with_packs) report.packs = packs_of(repository.index(), search);
  archive::find_blobs(
      repository, snapshots, search, failed,
      [&](const archive::Snapshot& snapshot, const archive::FoundBlob& found) {
        const auto place = repository.index().find(found.blob);
        visitor.blob(snapshot, found,
                     place ? std::optional<format::Id>(place->pack) : std::nullopt);
      },
      stop.get_token());
  return report;
}

}  // namespace holdfast::job
