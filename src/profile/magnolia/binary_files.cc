// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/binary_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "profile/magnolia/data_store.h"
#include "profile/magnolia/row_reader.h"

namespace holdfast::profile::magnolia {
namespace {

namespace fs = std::filesystem;
using model::Value;

// What a value of the narrowest column holds: PostgreSQL's bytea has a gigabyte, less its header.
constexpr std::uint64_t record_bytes_max = 1'000'000'000;

std::int64_t milliseconds_of(const struct ::timespec& time) noexcept {
  return static_cast<std::int64_t>(time.tv_sec) * 1000 + time.tv_nsec / 1'000'000;
}

struct ::timespec time_of(std::int64_t milliseconds) noexcept {
  std::int64_t seconds = milliseconds / 1000;
  if (milliseconds % 1000 < 0) --seconds;
  struct ::timespec time {};
  time.tv_sec = static_cast<time_t>(seconds);
  time.tv_nsec = static_cast<long>((milliseconds - seconds * 1000) * 1'000'000);
  return time;
}

[[noreturn]] void fail(const std::string& path) {
  throw system_error(errno, path);
}

// Writes below a place, following no link there.
class FileWriter {
 public:
  explicit FileWriter(FilesPlace place) : place_(std::move(place)) {}

  // `path` is relative.
  void write(const std::string& path, ByteView content, std::int64_t modified_ms) {
    const std::size_t slash = path.rfind('/');
    const std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1);
    const Fd parent = directory(slash == std::string::npos ? "" : path.substr(0, slash));
    const std::string full = place_.directory + "/" + place_.below + "/" + path;
    // Its own name, as others may write beside it.
    const std::string part = ".part-" + name.substr(0, 240);
    struct ::stat around {};
    if (::fstat(parent.get(), &around) != 0) fail(full);
    Fd file = open_at(parent.get(), part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW,
                      around.st_mode & 0666U);
    write_all(file.get(), content, full);
    take_over(file.get(), around, full);
    const struct ::timespec times[2] = {time_of(modified_ms), time_of(modified_ms)};
    if (::futimens(file.get(), times) != 0) fail(full);
    fsync_file(file.get(), full);
    file.close(full);
    if (::renameat(parent.get(), part.c_str(), parent.get(), name.c_str()) != 0) fail(full);
  }

  // The directory of a relative path, made if it is not there.
  [[nodiscard]] Fd directory(const std::string& path) {
    if (!is_begun_) {
      fs::create_directories(place_.directory);
      is_begun_ = true;
    }
    Fd at = open_file(place_.directory, O_RDONLY | O_DIRECTORY);
    for (const fs::path& name : fs::path(place_.below) / path) {
      if (name.empty()) continue;
      at = directory_in(at, name.string());
    }
    return at;
  }

 private:
  [[nodiscard]] Fd directory_in(const Fd& parent, const std::string& name) const {
    const std::string full = place_.directory + "/" + place_.below + ": " + name;
    struct ::stat around {};
    if (::fstat(parent.get(), &around) != 0) fail(full);
    const bool is_new = ::mkdirat(parent.get(), name.c_str(), around.st_mode & 0777U) == 0;
    if (!is_new && errno != EEXIST) fail(full);
    Fd made = open_at(parent.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (is_new) take_over(made.get(), around, full);
    return made;
  }
  static void take_over(int file, const struct ::stat& around, const std::string& path) {
    struct ::stat now {};
    if (::fstat(file, &now) != 0) fail(path);
    const bool is_other = now.st_uid != around.st_uid || now.st_gid != around.st_gid;
    // Who may not give files away has made his own.
    if (is_other && ::fchown(file, around.st_uid, around.st_gid) != 0 && errno != EPERM) fail(path);
    const unsigned allowed = S_ISDIR(now.st_mode) ? 0777U : 0666U;
    if (::fchmod(file, around.st_mode & allowed) != 0) fail(path);
  }

  FilesPlace place_;
  bool is_begun_ = false;
};

std::size_t column(const std::vector<model::Column>& columns, std::string_view name) {
  const auto found = find_column(columns, name);
  if (!found) throw Error(Errc::corrupt, fmt::format("a table has no column {}", name));
  return *found;
}

class RecordWriter final : public model::RowSink {
 public:
  explicit RecordWriter(FilesPlace place) : files_(std::move(place)) {}

  void columns(const std::vector<model::Column>& columns) override {
    id_ = column(columns, "ID");
    modified_ = column(columns, "LAST_MODIFIED");
    data_ = column(columns, "DATA");
  }
  void row(const model::Row& row) override {
    const Value& name = row.at(id_);
    if (is_upload(name)) return;
    const auto id = RecordId::of_text(name.text);
    if (!id) {
      throw Error(Errc::corrupt, fmt::format("a record of the data store is called \"{}\"",
                                             name.text.substr(0, 100)));
    }
    const ByteView content = as_bytes(row.at(data_).text);
    RecordHash hash(*id);
    hash.update(content);
    if (!hash.is_right()) {
      throw Error(Errc::corrupt, "the content of record " + id->text() +
                                     " of the data store is not what its name says")
          .set_hint("Bring the record back from an older snapshot.");
    }
    const Value& modified = row.at(modified_);
    files_.write(
        path_of_record(*id), content,
        modified.kind == model::ValueKind::null ? 0 : integer_of(modified, "LAST_MODIFIED"));
  }

 private:
  FileWriter files_;
  std::size_t id_ = 0, modified_ = 0, data_ = 0;
};

// Source: Jackrabbit 2.18, DatabaseFileSystem: the path is that of the parent, the root's name is
// empty, and what has no data is a folder.
class EntryWriter final : public model::RowSink {
 public:
  explicit EntryWriter(FilesPlace place) : files_(std::move(place)) {}

  void columns(const std::vector<model::Column>& columns) override {
    path_ = column(columns, "FSENTRY_PATH");
    name_ = column(columns, "FSENTRY_NAME");
    data_ = column(columns, "FSENTRY_DATA");
    modified_ = column(columns, "FSENTRY_LASTMOD");
  }
  void row(const model::Row& row) override {
    const std::string path = relative(row.at(path_).text + "/" + row.at(name_).text);
    if (row.at(data_).kind == model::ValueKind::null) {
      static_cast<void>(files_.directory(path));
    } else if (path.empty()) {
      throw Error(Errc::corrupt, "the root of a file system in a database is a file");
    } else {
      files_.write(path, as_bytes(row.at(data_).text),
                   integer_of(row.at(modified_), "FSENTRY_LASTMOD"));
    }
  }

 private:
  static std::string relative(std::string_view whole) {
    std::string path;
    for (std::string_view rest = whole; !rest.empty();) {
      const std::string_view name = rest.substr(0, rest.find('/'));
      rest.remove_prefix(std::min(name.size() + 1, rest.size()));
      if (name == "." || name == ".." || name.find('\0') != std::string_view::npos) {
        throw Error(Errc::corrupt, fmt::format("a file system in a database has the entry \"{}\"",
                                               whole.substr(0, 200)));
      }
      if (!name.empty()) path += (path.empty() ? "" : "/") + std::string(name);
    }
    return path;
  }

  FileWriter files_;
  std::size_t path_ = 0, name_ = 0, data_ = 0, modified_ = 0;
};

model::Row record_row(const fs::path& path, const RecordId& id) {
  const Fd file = open_file(path, O_RDONLY | O_NOFOLLOW);
  struct ::stat facts {};
  if (::fstat(file.get(), &facts) != 0) fail(path);
  const auto size_bytes = static_cast<std::uint64_t>(facts.st_size);
  if (size_bytes > record_bytes_max) {
    throw Error(Errc::unsupported, fmt::format("{} has {} bytes: no column takes more than {}",
                                               path.string(), size_bytes, record_bytes_max))
        .set_hint("Keep the data store in files: data_store = \"files\".");
  }
  Value data;
  data.kind = model::ValueKind::bytes;
  data.text.resize(size_bytes);
  pread_exact(file.get(), std::as_writable_bytes(std::span(data.text)), 0, path.string());
  RecordHash hash(id);
  hash.update(as_bytes(data.text));
  if (!hash.is_right()) {
    throw Error(Errc::corrupt, "the content of " + path.string() + " is not what its name says")
        .set_hint("Bring the record back from an older snapshot.");
  }
  model::Row row{Value::of_text(id.text()), Value::integer(facts.st_size),
                 Value::integer(milliseconds_of(facts.st_mtim))};
  row.push_back(std::move(data));
  return row;
}

}  // namespace

bool is_upload(const model::Value& id) noexcept {
  return id.text.starts_with("TEMP_");
}

void move_records_to_rows(const std::string& directory, model::RowSink& into) {
  into.columns({{"ID", ""}, {"LENGTH", ""}, {"LAST_MODIFIED", ""}, {"DATA", ""}});
  std::error_code failure;
  fs::recursive_directory_iterator walk(directory, failure);  // follows no link
  if (failure == std::errc::no_such_file_or_directory) return;
  if (failure) throw system_error(failure.value(), directory);
  std::vector<fs::path> records, directories;
  for (const fs::recursive_directory_iterator end; walk != end;) {
    const fs::path path = walk->path();
    const fs::file_status status = walk->symlink_status();
    if (fs::is_directory(status)) directories.push_back(path);
    if (fs::is_regular_file(status) &&
        record_at(path.lexically_relative(directory).string()).has_value())
      records.push_back(path);
    walk.increment(failure);
    if (failure) throw system_error(failure.value(), path.string());
  }
  std::sort(records.begin(), records.end());
  for (const fs::path& path : records) {
    into.row(record_row(path, *record_at(path.lexically_relative(directory).string())));
    if (::unlink(path.c_str()) != 0) fail(path);
  }
  // Deepest first; those that hold something else stay.
  std::sort(directories.rbegin(), directories.rend());
  for (const fs::path& path : directories) ::rmdir(path.c_str());
}

std::unique_ptr<model::RowSink> write_records(FilesPlace place) {
  return std::make_unique<RecordWriter>(std::move(place));
}

std::unique_ptr<model::RowSink> write_entries(FilesPlace place) {
  return std::make_unique<EntryWriter>(std::move(place));
}

}  // namespace holdfast::profile::magnolia
