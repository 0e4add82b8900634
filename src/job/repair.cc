// SPDX-License-Identifier: Apache-2.0
#include "job/repair.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/error.h"
#include "base/fd.h"
#include "base/hash.h"
#include "repo/damage.h"
#include "repo/parallel.h"

namespace holdfast::job {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t piece_bytes = 8U << 20U;

OpenedRepository open_alone(const Environment& environment, const RepositoryAccess& access,
                            std::stop_source& stop) {
  RepositoryAccess locked = access;
  locked.no_lock = false;
  return open_repository(environment, locked, LockMode::exclusive, stop);
}

std::vector<format::Id> pack_ids(const std::vector<std::string>& texts) {
  if (texts.empty()) {
    throw Error(Errc::usage, "no pack is named")
        .set_hint("`holdfast check --read-data` names the damaged ones.");
  }
  std::vector<format::Id> ids;
  for (const std::string& text : texts) {
    const std::optional<format::Id> id = format::parse_id(text);
    if (!id) {
      throw Error(Errc::usage, fmt::format("\"{}\" is no id of a pack", text))
          .set_hint("Ids of packs are given in full, with 64 digits.");
    }
    ids.push_back(*id);
  }
  return ids;
}

// Reads what a medium still gives of a piece of a pack, and zeros for the rest; returns how many
// bytes these are.
std::uint64_t read_what_is_left(repo::Repository& repository, const format::Id& id,
                                std::uint64_t offset, std::span<std::byte> piece) {
  constexpr std::size_t sector_bytes = 4096;
  std::uint64_t lost_bytes = 0;
  for (std::size_t at = 0; at < piece.size(); at += sector_bytes) {
    const auto sector = piece.subspan(at, std::min(sector_bytes, piece.size() - at));
    try {
      repository.storage().read({storage::FileKind::pack, id.hex()}, offset + at, sector);
    } catch (const Error& error) {
      if (!repo::is_damage(error)) throw;
      std::ranges::fill(sector, std::byte{0});
      lost_bytes += sector.size();
    }
  }
  return lost_bytes;
}

// Hands on the pack's bytes, with zeros for what cannot be read.
template <typename Take>
void read_pieces(repo::Repository& repository, const format::Id& id, std::uint64_t size_bytes,
                 const std::stop_token& stop, model::Observer& observer, Take take) {
  Bytes piece;
  std::uint64_t lost_bytes = 0;
  for (std::uint64_t offset = 0; offset < size_bytes; offset += piece.size()) {
    repo::check_stop(stop);
    piece.resize(std::min(piece_bytes, size_bytes - offset));
    try {
      repository.storage().read({storage::FileKind::pack, id.hex()}, offset, piece);
    } catch (const Error& error) {
      if (!repo::is_damage(error)) throw;
      lost_bytes += read_what_is_left(repository, id, offset, piece);
    }
    take(piece);
  }
  if (lost_bytes != 0) {
    observer.warning(fmt::format("the copy of pack {} has zeros for {} bytes that cannot be read",
                                 id.hex(), lost_bytes));
  }
}

// What is about to be removed is all there is of what cannot be read today.
void copy_pack(repo::Repository& repository, const format::Id& id, const fs::path& directory,
               const std::stop_token& stop, model::Observer& observer) {
  const std::optional<std::uint64_t> size_bytes =
      repository.storage().size_bytes({storage::FileKind::pack, id.hex()});
  if (!size_bytes) return;
  const fs::path path = directory / ("pack-" + id.hex());
  std::error_code unknown;
  if (fs::exists(path, unknown)) {
    Sha256 hash;
    read_pieces(repository, id, *size_bytes, stop, observer,
                [&](ByteView piece) { hash.update(piece); });
    Sha256 there;
    const Fd file = open_file(path, O_RDONLY);
    Bytes piece(piece_bytes);
    while (const std::size_t count = read_some(file.get(), piece, path.string()))
      there.update(ByteView(piece).first(count));
    if (hash.finish() == there.finish()) return;
    throw Error(Errc::exists, fmt::format("{} is there and is no copy of this pack", path.string()))
        .set_hint("Run it in another directory.");
  }
  const fs::path temporary = directory / ("pack-" + id.hex() + ".part");
  {
    const Fd file = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    read_pieces(repository, id, *size_bytes, stop, observer,
                [&](ByteView piece) { write_all(file.get(), piece, temporary.string()); });
    fsync_file(file.get(), temporary.string());
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    throw system_error(errno, "cannot store " + path.string());
  fsync_directory(directory);
}

}  // namespace

repo::IndexRepairReport repair_index(const Environment& environment, const RepositoryAccess& access,
                                     const repo::IndexRepairOptions& options,
                                     model::Observer& observer, std::stop_source& stop) {
  const OpenedRepository opened = open_alone(environment, access, stop);
  return repo::repair_index(*opened.repository, options, opened.lock.get(), observer,
                            stop.get_token());
}

repo::PackRepairReport repair_packs(const Environment& environment, const RepositoryAccess& access,
                                    const PackRepairJobOptions& options, model::Observer& observer,
                                    std::stop_source& stop) {
  const std::vector<format::Id> ids = pack_ids(options.packs);
  const OpenedRepository opened = open_alone(environment, access, stop);
  repo::Repository& repository = *opened.repository;
  repository.storage().distrust_copies();
  repository.load_index(observer);
  observer.phase("copying the damaged packs to where this was started");
  for (const format::Id& id : ids) {
    copy_pack(repository, id, options.copies, stop.get_token(), observer);
  }
  return repo::repair_packs(repository, ids, make_writer_options(environment, access, false),
                            opened.lock.get(), observer, stop.get_token());
}

}  // namespace holdfast::job
