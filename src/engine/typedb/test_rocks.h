// SPDX-License-Identifier: Apache-2.0
// Databases of TypeDB 2 as RocksDB writes them, with the column families, keys and merge operators
// of each encoding. A few of their writes are only in RocksDB's log.
#pragma once

#include <fmt/format.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "engine/typedb/test_directories.h"

namespace holdfast::engine::typedb {

// A server's hold on one RocksDB directory: open for writing, with its lock, until it is gone.
class TestRocks {
 public:
  TestRocks(const std::filesystem::path& directory, int encoding, bool is_data) {
    std::filesystem::create_directories(directory);
    rocksdb::DBOptions options;
    options.create_if_missing = options.create_missing_column_families = true;
    rocksdb::ColumnFamilyOptions plain, counting;
    plain.compression = counting.compression =
        encoding == 0 ? rocksdb::kSnappyCompression : rocksdb::kLZ4Compression;
    good(rocksdb::MergeOperator::CreateFromString({}, "uint64add", &counting.merge_operator));
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    families.emplace_back("default", encoding == 0 ? counting : plain);
    if (is_data)
      for (const std::string& name : families_of(encoding))
        families.emplace_back(name, name == families_of(encoding).back() ? counting : plain);
    rocksdb::DB* opened = nullptr;
    good(rocksdb::DB::Open(options, directory.native(), families, &handles_, &opened));
    database_.reset(opened);
    if (!is_data && encoding > 0)
      put(std::string(2, '\0'), little_endian(static_cast<std::uint64_t>(encoding), 4));
  }
  ~TestRocks() {
    for (rocksdb::ColumnFamilyHandle* handle : handles_)
      static_cast<void>(database_->DestroyColumnFamilyHandle(handle));
  }
  TestRocks(const TestRocks&) = delete;
  TestRocks& operator=(const TestRocks&) = delete;

  void put(std::string_view key, std::string_view value) {
    good(database_->Put({}, handles_[0], slice(key), slice(value)));
  }
  // Rows of every column family, and of the last one a count.
  void put_rows(int from, int to) {
    for (int i = from; i < to; ++i)
      for (rocksdb::ColumnFamilyHandle* handle : handles_)
        if (handle != handles_.back() || handles_.size() == 1)
          good(database_->Put({}, handle, slice(fmt::format("key {:06}", i)),
                              slice(fmt::format("value {}", i))));
    if (handles_.size() > 1)
      good(database_->Merge({}, handles_.back(), slice("count"), slice(little_endian(1, 8))));
  }
  void flush() { good(database_->Flush(rocksdb::FlushOptions(), handles_)); }
  void compact() {
    for (rocksdb::ColumnFamilyHandle* handle : handles_)
      good(database_->CompactRange({}, handle, nullptr, nullptr));
  }
  [[nodiscard]] std::string get(std::string_view key) {
    std::string value;
    return database_->Get({}, handles_[0], slice(key), &value).ok() ? value : "";
  }

  // A thing of a type, as a transaction commits it: in all column families at once, and counted.
  // Numbers count up from 1.
  void commit(std::uint64_t number, std::uint64_t type) {
    rocksdb::WriteBatch batch;
    for (rocksdb::ColumnFamilyHandle* handle : things())
      good(batch.Put(handle, slice(thing_key(number)), slice(std::to_string(type))));
    good(batch.Merge(handles_.back(), slice("commits"), slice(little_endian(1, 8))));
    good(database_->Write({}, &batch));
  }
  // What is there of these; throws if it is not the first so many, in all column families.
  struct Commits {
    std::uint64_t count = 0, newest_type = 0;
  };
  [[nodiscard]] Commits commits() {
    std::string value;
    Commits found;
    good(database_->Get({}, handles_.back(), slice("commits"), &value));
    for (std::size_t i = 0; i < 8; ++i)
      found.count |= std::uint64_t{static_cast<unsigned char>(value.at(i))} << (8 * i);
    for (rocksdb::ColumnFamilyHandle* handle : things()) {
      for (std::uint64_t number = 1; number <= found.count; ++number) {
        good(database_->Get({}, handle, slice(thing_key(number)), &value));
        found.newest_type = std::stoull(value);
      }
      if (database_->Get({}, handle, slice(thing_key(found.count + 1)), &value).ok())
        throw std::runtime_error("there are more things than were counted");
    }
    return found;
  }

 private:
  static rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
  static std::string thing_key(std::uint64_t number) { return fmt::format("thing {:09}", number); }
  static void good(const rocksdb::Status& status) {
    if (!status.ok()) throw std::runtime_error(status.ToString());
  }
  // All but the one that counts, unless there is no other.
  [[nodiscard]] std::vector<rocksdb::ColumnFamilyHandle*> things() const {
    return {handles_.begin(), handles_.size() == 1 ? handles_.end() : handles_.end() - 1};
  }

  std::unique_ptr<rocksdb::DB> database_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
};

// A server's hold on a database of 100 rows, the last 20 of them only in the log.
struct TestDatabase2 {
  TestDatabase2(const std::filesystem::path& directory, int encoding)
      : schema(directory / "schema", encoding, false), data(directory / "data", encoding, true) {
    schema.put_rows(0, 10);
    data.put_rows(0, 80);
    data.flush();
    data.put_rows(80, 100);
  }
  TestRocks schema, data;
};

}  // namespace holdfast::engine::typedb
