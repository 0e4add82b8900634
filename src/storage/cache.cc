// SPDX-License-Identifier: Apache-2.0
// Copies of immutable files, each verified by its name whenever it is used.
#include "storage/cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/log.h"
#include "storage/layout.h"

namespace holdfast::storage {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t copy_bytes_max = 1024ULL * 1024 * 1024;

// Source: Cache Directory Tagging Specification, bford.info/cachedir.
constexpr std::string_view cache_tag =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This file marks a cache directory of Holdfast; it can be removed at any time.\n";

bool is_cached_kind(FileKind kind) noexcept {
  return kind == FileKind::index || kind == FileKind::snapshot;
}

bool has_hash(ByteView content, const std::string& name) {
  return to_hex(sha256(content)) == name;
}

// Runs `body`, whose failure makes the cache slower and nothing else: it becomes a line in the log.
template <typename Body>
void without_fail(std::string_view doing, const fs::path& path, Body&& body) {
  try {
    body();
  } catch (const std::exception& error) {
    log(LogLevel::debug, "the cache is of no use here",
        {{"doing", std::string(doing)}, {"path", path.string()}, {"error", error.what()}});
  }
}

// Puts `content` under `path` as a whole, without forcing it to the disk: a copy that a power cut
// damaged is found by its hash. Leaves nothing behind on failure.
void write_copy(const fs::path& path, ByteView content) {
  make_private_directories(path.parent_path());
  std::array<std::byte, 8> random;
  fill_random(random);
  const std::string temporary = path.string() + "-tmp-" + to_hex(random);
  const std::unique_ptr<const std::string, void (*)(const std::string*)> removed_at_end(
      &temporary, [](const std::string* name) { ::unlink(name->c_str()); });
  Fd fd = open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, 0600);
  write_all(fd.get(), content, temporary);
  fd.close(temporary);
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    throw system_error(errno, "renaming " + temporary);
  }
}

}  // namespace

CacheStorage::CacheStorage(std::unique_ptr<Storage> below, fs::path directory)
    : below_(std::move(below)), directory_(std::move(directory)) {
  // Tells `cache --cleanup` that somebody still uses it. If it is not there it is made later.
  static_cast<void>(::utimensat(AT_FDCWD, directory_.c_str(), nullptr, AT_SYMLINK_NOFOLLOW));
}

fs::path CacheStorage::path_of(const FileRef& file) const {
  check_file(file);
  return directory_ / kind_directory(file.kind) / file.name.substr(0, 2) / file.name;
}

std::optional<Bytes> CacheStorage::load(const FileRef& file) const {
  const fs::path path = path_of(file);
  std::optional<Bytes> content;
  without_fail("reading a copy", path, [&] {
    const std::optional<Fd> fd = try_open_file(path, O_RDONLY | O_NOFOLLOW);
    if (!fd) return;
    struct stat status {};
    if (::fstat(fd->get(), &status) != 0 || !S_ISREG(status.st_mode)) return;
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (size > copy_bytes_max) return;
    Bytes read;
    read.resize(static_cast<std::size_t>(size));
    pread_exact(fd->get(), read, 0, path.string());
    if (has_hash(read, file.name)) content = std::move(read);
  });
  return content;
}

void CacheStorage::save(const FileRef& file, ByteView content) const {
  const fs::path path = path_of(file);
  without_fail("keeping a copy", path, [&] {
    write_copy(path, content);
    const fs::path tag = directory_.parent_path() / "CACHEDIR.TAG";
    if (::access(tag.c_str(), F_OK) != 0) write_copy(tag, as_bytes(cache_tag));
  });
}

void CacheStorage::drop(const FileRef& file) const {
  ::unlink(path_of(file).c_str());
}

void CacheStorage::create() {
  below_->create();
}

void CacheStorage::put(const FileRef& file, ByteView content) {
  below_->put(file, content);
  if (is_cached_kind(file.kind) && has_hash(content, file.name)) save(file, content);
}

void CacheStorage::replace_config(ByteView content) {
  below_->replace_config(content);
}

void CacheStorage::read(const FileRef& file, std::uint64_t offset_bytes, std::span<std::byte> out) {
  if (!is_cached_kind(file.kind) || !is_trusted_) {
    below_->read(file, offset_bytes, out);
    return;
  }
  if (const std::optional<Bytes> copy = load(file)) {
    if (offset_bytes > copy->size() || out.size() > copy->size() - offset_bytes) {
      throw Error(Errc::corrupt, display(file) + " ends before the bytes that were asked for");
    }
    std::copy_n(copy->begin() + static_cast<std::ptrdiff_t>(offset_bytes), out.size(), out.begin());
    return;
  }
  drop(file);
  below_->read(file, offset_bytes, out);
  // Whole files are what is read in practice; the hash tells whether this was one.
  if (offset_bytes == 0 && has_hash(out, file.name)) save(file, out);
}

std::optional<std::uint64_t> CacheStorage::size_bytes(const FileRef& file) {
  const std::optional<std::uint64_t> size = below_->size_bytes(file);
  if (!size && is_cached_kind(file.kind)) drop(file);
  return size;
}

void CacheStorage::list(FileKind kind, const std::function<void(const FoundFile&)>& visit) {
  if (!is_cached_kind(kind)) {
    below_->list(kind, visit);
    return;
  }
  std::set<std::string> listed;
  std::vector<FileRef> gone;
  // Looked up before the listing, so that a copy made meanwhile is not taken for an old one.
  std::error_code error;
  const fs::path copies = directory_ / kind_directory(kind);
  for (fs::recursive_directory_iterator at(copies, error), end; !error && at != end;
       at.increment(error)) {
    std::string name = at->path().filename().string();
    if (is_file_name(name)) gone.push_back({kind, std::move(name)});
  }
  below_->list(kind, [&](const FoundFile& found) {
    listed.insert(found.file.name);
    visit(found);
  });
  for (const FileRef& file : gone) {
    if (!listed.contains(file.name)) drop(file);
  }
}

void CacheStorage::remove(const FileRef& file) {
  if (is_cached_kind(file.kind)) drop(file);
  below_->remove(file);
}

Leftovers CacheStorage::remove_leftovers(std::chrono::seconds age_min, bool dry_run) {
  return below_->remove_leftovers(age_min, dry_run);
}

void CacheStorage::distrust_copies() {
  is_trusted_ = false;
  below_->distrust_copies();
}

unsigned CacheStorage::connections_max() const noexcept {
  return below_->connections_max();
}

std::string CacheStorage::location() const {
  return below_->location();
}

}  // namespace holdfast::storage
