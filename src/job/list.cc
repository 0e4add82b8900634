// SPDX-License-Identifier: Apache-2.0
#include "job/list.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/error.h"
#include "job/snapshots.h"
#include "repo/used_blobs.h"

namespace holdfast::job {

namespace {

constexpr std::array<std::string_view, 6> kind_names{"blobs",     "packs", "index",
                                                     "snapshots", "keys",  "locks"};

storage::FileKind file_kind(ListKind kind) {
  switch (kind) {
    case ListKind::packs:
      return storage::FileKind::pack;
    case ListKind::index:
      return storage::FileKind::index;
    case ListKind::snapshots:
      return storage::FileKind::snapshot;
    case ListKind::keys:
      return storage::FileKind::key;
    case ListKind::locks:
      return storage::FileKind::lock;
    case ListKind::blobs:
      break;
  }
  throw Error(Errc::bug, "blobs are no files");
}

// With the index loaded.
std::vector<format::Id> packs_of(repo::Repository& repository, const archive::Snapshot& snapshot,
                                 model::Observer& observer, const std::stop_token& stop) {
  const repo::BlobSet used = repo::find_used_blobs(
      repository, {snapshot.file.tree},
      [](const repo::TreeProblem& problem) {
        if (problem.kind == repo::TreeProblem::Kind::inconsistent) return;
        throw Error(Errc::corrupt, fmt::format("{}: {}", problem.path, problem.message));
      },
      observer, stop);
  std::set<format::Id> packs;
  repository.index().for_each(
      [&](const format::BlobHandle& blob, const repo::BlobPlace& place, std::uint32_t) {
        if (used.contains(*repository.index().blob_number(blob))) packs.insert(place.pack);
      });
  return {packs.begin(), packs.end()};
}

}  // namespace

std::span<const std::string_view> list_kind_names() noexcept {
  return kind_names;
}

ListKind parse_list_kind(std::string_view name) {
  const auto* const found = std::ranges::find(kind_names, name);
  if (found != kind_names.end()) return static_cast<ListKind>(found - kind_names.begin());
  Error error(Errc::usage, fmt::format("unknown kind of object \"{}\"", name));
  error.set_hint(fmt::format("Kinds are {}.", fmt::join(kind_names, ", ")));
  throw error;
}

void list_objects(const Environment& environment, const RepositoryAccess& access, ListKind kind,
                  const std::string& snapshot, const std::function<void(const std::string&)>& visit,
                  model::Observer& observer, std::stop_source& stop) {
  if (!snapshot.empty() && kind != ListKind::packs) {
    throw Error(Errc::usage, "only packs are listed of one snapshot");
  }
  const OpenedRepository opened = open_repository(
      environment, access, kind == ListKind::locks ? LockMode::none : LockMode::shared, stop);
  repo::Repository& repository = *opened.repository;
  std::vector<format::Id> ids;
  if (kind == ListKind::blobs) {
    repository.load_index(observer);
    repository.index().for_each(
        [&](const format::BlobHandle& blob, const repo::BlobPlace&, std::uint32_t) {
          visit(fmt::format("{} {}", format::blob_type_name(blob.type), blob.id.hex()));
        });
  } else if (!snapshot.empty()) {
    const archive::Snapshot found = named_snapshots(repository, {snapshot}, {}).front();
    repository.load_index(observer);
    ids = packs_of(repository, found, observer, stop.get_token());
  } else {
    ids = repository.list(file_kind(kind));
    std::ranges::sort(ids);
  }
  for (const format::Id& id : ids) visit(id.hex());
}

}  // namespace holdfast::job
