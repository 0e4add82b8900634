// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/rocks.h"

#include <fmt/format.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/metadata.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>

#include <algorithm>
#include <cstdarg>
#include <limits>
#include <memory>
#include <system_error>
#include <utility>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "engine/typedb/rocks_manifest.h"
#include "engine/typedb/stored_file.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

// No more tables are open at once.
constexpr int open_tables_max = 64;

void check(const rocksdb::Status& status, const fs::path& rocks) {
  if (status.ok()) return;
  const std::string what = fmt::format("{}: {}", rocks.native(), status.ToString());
  if (status.IsPathNotFound() || status.IsNotFound()) throw Error(Errc::not_found, what);
  // A file that a server has removed meanwhile is no damage, unless it stays so.
  if (status.IsIOError())
    throw Error(
        status.ToString().find("No such file") != std::string::npos ? Errc::not_found : Errc::io,
        what);
  if (status.IsNotSupported() || status.IsInvalidArgument()) throw Error(Errc::unsupported, what);
  throw Error(Errc::corrupt, what);
}

// They are taken into memory as a whole.
void refuse_large_logs(const fs::path& rocks) {
  std::uint64_t bytes = 0;
  std::error_code failure;
  fs::directory_iterator entries(rocks, failure);
  for (; !failure && entries != fs::directory_iterator(); entries.increment(failure)) {
    std::error_code gone;
    if (entries->path().extension() != ".log") continue;
    if (const auto size = entries->file_size(gone); !gone) bytes += size;
  }
  if (failure) throw system_error(failure.value(), fmt::format("listing {}", rocks.native()));
  if (bytes <= rocks_memory_bytes_max) return;
  throw Error(Errc::unsupported, fmt::format("the logs in {} have {} bytes, more than are read",
                                             rocks.native(), bytes))
      .set_hint("Stop the server: what is closed in good order has small logs.");
}

// RocksDB's own would move the server's file LOG away.
class Silence final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char* /*format*/, va_list /*values*/) override {}
};

class Opened {
 public:
  explicit Opened(const fs::path& rocks) {
    refuse_large_logs(rocks);
    rocksdb::DBOptions options;
    options.info_log = std::make_shared<Silence>();
    options.max_open_files = open_tables_max;
    options.skip_stats_update_on_db_open = true;
    std::vector<std::string> names;
    check(rocksdb::DB::ListColumnFamilies(options, rocks.native(), &names), rocks);
    rocksdb::ColumnFamilyOptions family;
    check(rocksdb::MergeOperator::CreateFromString({}, "uint64add", &family.merge_operator), rocks);
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const std::string& name : names) families.emplace_back(name, family);
    rocksdb::DB* opened = nullptr;
    check(rocksdb::DB::OpenForReadOnly(options, rocks.native(), families, &handles_, &opened),
          rocks);
    database_.reset(opened);
  }
  ~Opened() {
    for (rocksdb::ColumnFamilyHandle* handle : handles_)
      static_cast<void>(database_->DestroyColumnFamilyHandle(handle).ok());
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  [[nodiscard]] rocksdb::DB& database() const noexcept { return *database_; }

 private:
  std::unique_ptr<rocksdb::DB> database_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
};

// A server passes over what is torn without a word, which is right at the end of all only.
void verify_logs(const fs::path& rocks, const RocksManifest& manifest,
                 const std::stop_token& stop) {
  const std::vector<RocksLogFile> logs = rocks_logs(rocks);
  for (const RocksLogFile& log : logs) {
    if (log.number < manifest.log_number) continue;  // needed no more
    StoredFile file(log.path, stop);
    const RocksLogEnd end = check_rocks_log(file, log.path.native());
    if (end.followed || (end.torn && &log != &logs.back()))
      throw Error(Errc::corrupt,
                  fmt::format("{} ends in what is no whole record, at byte {}, and others follow",
                              log.path.native(), end.whole_bytes));
  }
}

}  // namespace

RocksMoment read_rocks(const fs::path& rocks) {
  const Opened opened(rocks);
  std::vector<rocksdb::LiveFileStorageInfo> live;
  rocksdb::LiveFilesStorageInfoOptions options;
  options.wal_size_for_flush = std::numeric_limits<std::uint64_t>::max();
  check(opened.database().GetLiveFilesStorageInfo(options, &live), rocks);
  RocksMoment moment;
  moment.last_sequence = opened.database().GetLatestSequenceNumber();
  for (const rocksdb::LiveFileStorageInfo& one : live) {
    if (fs::path(one.directory).lexically_normal() != rocks.lexically_normal())
      throw Error(Errc::unsupported,
                  fmt::format("{} has files in {}", rocks.native(), one.directory));
    RocksFile file{one.relative_filename, one.size, {}};
    if (!one.replacement_contents.empty()) file.content = one.replacement_contents;
    moment.files.push_back(std::move(file));
  }
  std::sort(moment.files.begin(), moment.files.end(),
            [](const RocksFile& a, const RocksFile& b) { return a.name < b.name; });
  return moment;
}

std::string rocks_state(const fs::path& rocks) {
  const std::string current = read_text_file(rocks / "CURRENT", 4096);
  std::error_code failure;
  const auto size_bytes = fs::file_size(rocks / parse_rocks_current(current), failure);
  if (failure) throw system_error(failure.value(), fmt::format("looking at {}", rocks.native()));
  return fmt::format("{}{}", current, size_bytes);
}

// Not through an opened database: that takes all logs into memory, of which a server that was ended
// may have left any size.
void verify_rocks(const fs::path& rocks, const std::stop_token& stop) {
  StoredFile source(rocks / parse_rocks_current(read_text_file(rocks / "CURRENT", 4096)), stop);
  const RocksManifest manifest = parse_rocks_manifest(source);
  rocksdb::Options options;
  options.info_log = std::make_shared<Silence>();
  for (const auto& [number, table] : manifest.tables) {
    if (stop.stop_requested())
      throw Error(Errc::cancelled, fmt::format("stopped reading {}", rocks.native()));
    const fs::path path = rocks / fmt::format("{:06}.sst", number);
    rocksdb::SstFileReader reader(options);
    check(reader.Open(path.native()), path);
    check(reader.VerifyChecksum(rocksdb::ReadOptions()), path);
  }
  verify_logs(rocks, manifest, stop);
}

std::uint32_t encoding_number(const fs::path& schema) {
  const Opened opened(schema);
  std::string value;
  const rocksdb::Status found =
      opened.database().Get(rocksdb::ReadOptions(), rocksdb::Slice("\0\0", 2), &value);
  if (found.IsNotFound() || (found.ok() && value.empty())) return 0;
  check(found, schema);
  if (value.size() != 4)
    throw Error(Errc::corrupt, fmt::format("the encoding in {} is no number", schema.native()));
  return load_le32(as_bytes(value).data());
}

}  // namespace holdfast::engine::typedb
