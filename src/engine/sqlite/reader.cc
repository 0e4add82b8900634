// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>

#include <array>
#include <thread>
#include <utility>

#include "base/error.h"
#include "engine/sqlite/header.h"
#include "engine/sqlite/location.h"
#include "engine/sqlite/locks.h"
#include "engine/sqlite/private_copy.h"

namespace holdfast::engine::sqlite {
namespace {

using namespace std::chrono_literals;
constexpr auto lock_wait = 5s;
constexpr auto untouched_wait = 2s;
constexpr auto pause = 1ms;
constexpr int untouched_tries = 3;
constexpr auto untouched_pause = 20ms;
constexpr int shortfall_looks = 3;
constexpr auto shortfall_pause = 10ms;

bool filesystem_is_read_only(const std::filesystem::path& path) {
  struct statvfs found {};
  return ::statvfs(path.c_str(), &found) == 0 && (found.f_flag & ST_RDONLY) != 0;
}

Reader settled(Connection connection, const std::stop_token& stop) {
  connection.stop_with(stop);
  connection.wait_for(lock_wait);
  return {std::nullopt, {}, std::move(connection), std::nullopt, {}};
}

Reader from_copy(TemporaryDirectory home, const std::filesystem::path& copy,
                 const std::stop_token& stop) {
  Connection connection(copy, Access::immutable);
  connection.stop_with(stop);
  return {std::move(home), {}, std::move(connection), std::nullopt, {}};
}

// Given SHARED: the database as it lies there.
Reader as_it_lies(Fd file, const std::filesystem::path& path, bool wal,
                  const std::stop_token& stop) {
  std::optional<Traces> traces;
  if (wal) traces.emplace(path);
  Connection connection(path, Access::immutable);
  connection.stop_with(stop);
  return {std::nullopt, std::move(file), std::move(connection), std::move(traces), path};
}

// Given SHARED, where nothing lies beside the database that belongs to it: nothing if the copy
// takes longer, or finds no room.
std::optional<Reader> copied_soon(int database_fd, const std::filesystem::path& path,
                                  std::chrono::milliseconds duration, const std::stop_token& stop) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + duration;
  TemporaryDirectory home("holdfast-inspect");
  const std::filesystem::path copy = home.path() / "copy.db";
  try {
    Fd target = open_file(copy, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (!clone_file(database_fd, target.get()) &&
        !copy_bytes(database_fd, target.get(), path.native(), deadline, stop))
      return std::nullopt;
    target.close(copy.native());
  } catch (const Error& error) {
    if (error.code() != Errc::no_space) throw;
    return std::nullopt;
  }
  return from_copy(std::move(home), copy, stop);
}

[[noreturn]] void refuse_locked(const std::filesystem::path& path) {
  throw Error(Errc::unavailable, fmt::format("{} stayed locked by another program for {} s",
                                             path.native(), untouched_wait.count()))
      .set_hint("Try again, or find out which program holds it locked.");
}

// Given SHARED, which keeps log and index there: together with whoever has it open.
Reader read_beside_others(Fd file, const std::filesystem::path& path, const std::stop_token& stop) {
  Connection connection(path, Access::read_only);
  connection.stop_with(stop);
  connection.wait_for(untouched_wait);
  if (connection.begin_read() != Begin::done) refuse_locked(path);
  return {std::nullopt, std::move(file), std::move(connection), std::nullopt, path};
}

bool wait_for_shared(int database_fd, std::chrono::milliseconds duration,
                     const std::stop_token& stop) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + duration;
  while (!try_lock_shared(database_fd)) {
    if (stop.stop_requested()) throw Error(Errc::cancelled, "stopped waiting for a lock");
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(pause);
  }
  return true;
}

// A database whose journal must be recovered, which is done in a copy. Nothing if that is no longer
// so.
std::optional<Reader> read_hot(const std::filesystem::path& path,
                               const std::filesystem::path& copies, const std::stop_token& stop) {
  const Fd file = open_file(path, O_RDONLY);
  if (!wait_for_shared(file.get(), lock_wait, stop)) return std::nullopt;
  if (!journal_is_hot(path, file.get())) return std::nullopt;
  TemporaryDirectory home("holdfast-sqlite", copies);
  const std::filesystem::path copy = home.path() / "copy.db";
  static_cast<void>(copy_with_journal(path, file.get(), copy, clone_file, std::nullopt, stop));
  let_go(file.get());
  settle_copy(copy, stop);
  return from_copy(std::move(home), copy, stop);
}

Reader read_wal(const std::filesystem::path& path, const Siblings& siblings,
                const std::filesystem::path& copies, const std::stop_token& stop) {
  const bool can_write = may_write(path) && may_write(path.parent_path());
  if (can_write) {
    // Opened for writing, but writing nothing: so that siblings that come with us go with us.
    Connection connection(path, Access::read_write);
    connection.run("PRAGMA query_only=ON");
    connection.tidy_on_close(siblings.wal_bytes == 0 && !siblings.shm);
    return settled(std::move(connection), stop);
  }
  if (siblings.shm) return settled(Connection(path, Access::read_only), stop);
  if (siblings.wal_bytes == 0 && filesystem_is_read_only(path)) {
    return settled(Connection(path, Access::immutable), stop);
  }
  const Fd file = open_file(path, O_RDONLY);
  TemporaryDirectory home("holdfast-sqlite", copies);
  const std::filesystem::path copy = home.path() / "copy.db";
  copy_with_wal(path, file.get(), copy, clone_file, stop);
  return from_copy(std::move(home), copy, stop);
}

}  // namespace

std::optional<Shortfall> find_shortfall(Connection& look, const std::filesystem::path& path) {
  std::optional<Shortfall> found;
  for (int count = 0; count < shortfall_looks; ++count) {
    if (count > 0) std::this_thread::sleep_for(shortfall_pause);
    std::array<std::byte, header_bytes> front{};
    const std::size_t got = look.read_front(front);
    const std::optional<Header> header = parse_header(ByteView(front).first(got));
    const std::uint64_t size_bytes = look.file_bytes();
    const Siblings siblings = siblings_of(path);
    const bool in_flux = siblings.wal_bytes > 0 || siblings.journal_live;
    if (!header || in_flux || size_bytes >= std::uint64_t{header->page_count} * header->page_size)
      return std::nullopt;
    found = {size_bytes, std::uint64_t{header->page_count} * header->page_size};
  }
  return found;
}

Reader open_untouched(const std::filesystem::path& path, bool with_leftovers,
                      const std::stop_token& stop, std::chrono::milliseconds copied_within) {
  Fd file = open_file(path, O_RDONLY | O_NONBLOCK);
  for (int attempt = 0; attempt < untouched_tries; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(untouched_pause);
    if (!wait_for_shared(file.get(), untouched_wait, stop)) refuse_locked(path);
    std::array<std::byte, header_bytes> front{};
    pread_exact(file.get(), front, 0, path.native());
    const std::optional<Header> header = parse_header(front);
    const bool wal = header && header->wal;
    const Siblings siblings = siblings_of(path);
    const bool hot = !wal && journal_is_hot(path, file.get());
    // Somebody who reads as we do here has a lock too, but no log and no index.
    const bool others = wal && anybody_has_lock(file.get());
    if (others && siblings.shm && file_facts(wal_of(path)))
      return read_beside_others(std::move(file), path, stop);
    const bool leftovers = wal ? siblings.wal_bytes > 0 : hot;
    if (!leftovers || !with_leftovers) {
      auto copied = wal || copied_within == 0ms
                        ? std::nullopt
                        : copied_soon(file.get(), path, copied_within, stop);
      return copied ? std::move(*copied) : as_it_lies(std::move(file), path, wal, stop);
    }
    TemporaryDirectory home("holdfast-inspect");
    const std::filesystem::path copy = home.path() / "copy.db";
    if (wal) {
      if (try_copy_with_wal(path, file.get(), copy, clone_file, stop))
        return from_copy(std::move(home), copy, stop);
      continue;
    }
    static_cast<void>(copy_with_journal(path, file.get(), copy, clone_file, std::nullopt, stop));
    settle_copy(copy, stop);
    return from_copy(std::move(home), copy, stop);
  }
  refuse_locked(path);
}

bool was_left_alone(const Reader& reader) {
  return !reader.traces || reader.traces->same(Traces(reader.path));
}

Reader open_live(const std::filesystem::path& path, const std::filesystem::path& copies,
                 const std::stop_token& stop) {
  const std::optional<FileFacts> facts = file_facts(path);
  if (!facts) throw Error(Errc::not_found, fmt::format("there is no database {}", path.native()));
  if (!facts->regular)
    throw Error(Errc::unsupported, fmt::format("{} is no regular file", path.native()));
  Connection look(path, Access::read_only);
  std::array<std::byte, header_bytes> front{};
  const std::size_t count = look.read_front(front);
  if (count == 0) return settled(std::move(look), stop);
  const std::optional<Header> header = parse_header(ByteView(front).first(count));
  if (!header) {
    throw Error(Errc::corrupt,
                fmt::format("{} is not an SQLite database, or it is encrypted", path.native()));
  }
  const Siblings siblings = siblings_of(path);
  if (siblings.journal_live && !look.writer_is_active()) {
    if (auto recovered = read_hot(path, copies, stop)) return std::move(*recovered);
  }
  if (header->wal) return read_wal(path, siblings, copies, stop);
  return settled(std::move(look), stop);
}

}  // namespace holdfast::engine::sqlite
