// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/rocks_content.h"

#include <fmt/format.h>
#include <rocksdb/c.h>

#include <memory>
#include <string_view>
#include <system_error>

#include "base/c_handle.h"
#include "base/error.h"
#include "engine/typedb/rocks_manifest.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t cache_bytes = 16U << 20U;
constexpr int open_files_max = 64;
constexpr std::uint64_t keys_per_look = 1U << 14U;
// A record of a log that is damaged is an error, unless nothing whole follows it: a server would
// drop what follows without a word.
constexpr int tolerate_torn_tail = 0;

using Cache = CHandle<rocksdb_cache_t, rocksdb_cache_destroy>;
using Tables = CHandle<rocksdb_block_based_table_options_t, rocksdb_block_based_options_destroy>;
using Options = CHandle<rocksdb_options_t, rocksdb_options_destroy>;
using ReadOptions = CHandle<rocksdb_readoptions_t, rocksdb_readoptions_destroy>;
using Database = CHandle<rocksdb_t, rocksdb_close>;
using Family = CHandle<rocksdb_column_family_handle_t, rocksdb_column_family_handle_destroy>;
using Iterator = CHandle<rocksdb_iterator_t, rocksdb_iter_destroy>;

// What RocksDB says begins with a kind, and names the file and the byte where it can.
void check(char* said, const fs::path& directory) {
  if (said == nullptr) return;
  const CHandle<char, rocksdb_free> owned(said);
  const std::string_view text = said;
  Errc code = Errc::io;
  if (text.starts_with("Corruption")) code = Errc::corrupt;
  // A table that is gone is an IO error or, while the database is opened, Corruption.
  if (text.find("No such file") != std::string_view::npos) code = Errc::not_found;
  throw Error(code, fmt::format("{}: {}", directory.native(), text));
}

// Whether RocksDB may be given the directory.
void check_files(const fs::path& directory) {
  const auto refuse = [&](const fs::path& file, std::string_view why) {
    throw Error(Errc::unsupported, fmt::format("{} {}", file.native(), why));
  };
  std::error_code failure;
  fs::directory_iterator entries(directory, failure);
  for (; !failure && entries != fs::directory_iterator(); entries.increment(failure)) {
    std::error_code gone;
    const fs::file_status status = entries->symlink_status(gone);
    if (gone) continue;
    if (!fs::is_regular_file(status)) refuse(entries->path(), "is no regular file");
    if (entries->path().extension() == ".trash")
      refuse(entries->path(), "would be removed by RocksDB, even if it only reads");
  }
  if (failure) throw system_error(failure.value(), fmt::format("listing {}", directory.native()));
  std::uint64_t sum = 0;
  for (const RocksLogFile& log : rocks_logs(directory)) sum += log.size_bytes;
  if (sum > rocks_logs_bytes_max)
    throw Error(Errc::unsupported, fmt::format("{} has logs of {} bytes, more than {}",
                                               directory.native(), sum, rocks_logs_bytes_max));
}

Options make_options(rocksdb_cache_t* cache) {
  Options options(rocksdb_options_create());
  // What is counted there by adding; no other operator occurs.
  rocksdb_options_set_uint64add_merge_operator(options.get());
  // Else the index and filter of every table would be in memory as long as it is open.
  rocksdb_options_set_max_open_files(options.get(), open_files_max);
  rocksdb_options_set_skip_stats_update_on_db_open(options.get(), 1);
  rocksdb_options_set_wal_recovery_mode(options.get(), tolerate_torn_tail);
  const Tables tables(rocksdb_block_based_options_create());
  rocksdb_block_based_options_set_block_cache(tables.get(), cache);
  rocksdb_block_based_options_set_cache_index_and_filter_blocks(tables.get(), 1);
  rocksdb_options_set_block_based_table_factory(options.get(), tables.get());
  return options;
}

}  // namespace

void read_rocks_keys(const fs::path& directory, const std::vector<std::string>& families,
                     const std::function<void(ByteView key, ByteView value)>& take,
                     const std::stop_token& stop) {
  check_files(directory);
  const Cache cache(rocksdb_cache_create_lru(cache_bytes));
  const Options options = make_options(cache.get());
  std::vector<const char*> names;
  for (const std::string& name : families) names.push_back(name.c_str());
  const std::vector<const rocksdb_options_t*> each(names.size(), options.get());
  std::vector<rocksdb_column_family_handle_t*> opened(names.size());
  char* said = nullptr;
  const Database database(rocksdb_open_for_read_only_column_families(
      options.get(), directory.c_str(), static_cast<int>(names.size()), names.data(), each.data(),
      opened.data(), 0, &said));
  check(said, directory);
  std::vector<Family> handles;
  for (rocksdb_column_family_handle_t* handle : opened) handles.emplace_back(handle);
  const ReadOptions reading(rocksdb_readoptions_create());
  rocksdb_readoptions_set_verify_checksums(reading.get(), 1);
  rocksdb_readoptions_set_fill_cache(reading.get(), 0);
  rocksdb_readoptions_set_total_order_seek(reading.get(), 1);
  std::uint64_t keys = 0;
  for (const Family& handle : handles) {
    const Iterator at(rocksdb_create_iterator_cf(database.get(), reading.get(), handle.get()));
    for (rocksdb_iter_seek_to_first(at.get()); rocksdb_iter_valid(at.get()) != 0;
         rocksdb_iter_next(at.get())) {
      if (keys++ % keys_per_look == 0 && stop.stop_requested())
        throw Error(Errc::cancelled, "stopped while reading a database");
      std::size_t size = 0;
      const char* const key = rocksdb_iter_key(at.get(), &size);
      std::size_t value_size = 0;
      const char* const value = rocksdb_iter_value(at.get(), &value_size);
      take(as_bytes(std::string_view(key, size)), as_bytes(std::string_view(value, value_size)));
    }
    rocksdb_iter_get_error(at.get(), &said);
    check(said, directory);
  }
}

}  // namespace holdfast::engine::typedb
