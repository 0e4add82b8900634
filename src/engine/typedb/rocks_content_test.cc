// SPDX-License-Identifier: Apache-2.0
// Directories of TypeDB 2 as RocksDB itself writes them, in tables and in logs.
#include "engine/typedb/rocks_content.h"

#include <gtest/gtest.h>
#include <rocksdb/c.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "base/c_handle.h"
#include "base/error.h"
#include "base/fd.h"
#include "engine/typedb/directory.h"
#include "engine/typedb/test_keys.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view encoding_key("\0\0", 2);

// A database that is open for writing; things get into its log first.
class TestRocks {
 public:
  TestRocks(const fs::path& directory, const std::vector<std::string>& families) {
    fs::create_directories(directory);
    const CHandle<rocksdb_options_t, rocksdb_options_destroy> options(rocksdb_options_create());
    rocksdb_options_set_create_if_missing(options.get(), 1);
    rocksdb_options_set_create_missing_column_families(options.get(), 1);
    rocksdb_options_set_uint64add_merge_operator(options.get());
    rocksdb_options_set_compression(options.get(), rocksdb_lz4_compression);
    std::vector<const char*> names{"default"};
    for (const std::string& name : families) names.push_back(name.c_str());
    const std::vector<const rocksdb_options_t*> each(names.size(), options.get());
    handles_.resize(names.size());
    char* said = nullptr;
    database_ = rocksdb_open_column_families(options.get(), directory.c_str(),
                                             static_cast<int>(names.size()), names.data(),
                                             each.data(), handles_.data(), &said);
    EXPECT_EQ(said, nullptr) << said;
  }
  ~TestRocks() {
    for (rocksdb_column_family_handle_t* handle : handles_)
      rocksdb_column_family_handle_destroy(handle);
    rocksdb_close(database_);
  }
  TestRocks(const TestRocks&) = delete;
  TestRocks& operator=(const TestRocks&) = delete;

  void put(std::size_t family, std::string_view key, std::string_view value = {}) {
    char* said = nullptr;
    rocksdb_put_cf(database_, writing_.get(), handles_.at(family), key.data(), key.size(),
                   value.data(), value.size(), &said);
    EXPECT_EQ(said, nullptr) << said;
  }
  void remove(std::size_t family, std::string_view key) {
    char* said = nullptr;
    rocksdb_delete_cf(database_, writing_.get(), handles_.at(family), key.data(), key.size(),
                      &said);
    EXPECT_EQ(said, nullptr) << said;
  }
  void add(std::size_t family, std::string_view key) {
    const std::string one = little_endian(1, 8);
    char* said = nullptr;
    rocksdb_merge_cf(database_, writing_.get(), handles_.at(family), key.data(), key.size(),
                     one.data(), one.size(), &said);
    EXPECT_EQ(said, nullptr) << said;
  }
  // What is not in tables yet has in memory.
  [[nodiscard]] std::uint64_t memory_bytes() const {
    std::uint64_t bytes = 0;
    EXPECT_EQ(rocksdb_property_int(database_, "rocksdb.size-all-mem-tables", &bytes), 0);
    return bytes;
  }
  // Into tables.
  void flush() {
    const CHandle<rocksdb_flushoptions_t, rocksdb_flushoptions_destroy> options(
        rocksdb_flushoptions_create());
    for (rocksdb_column_family_handle_t* handle : handles_) {
      char* said = nullptr;
      rocksdb_flush_cf(database_, options.get(), handle, &said);
      EXPECT_EQ(said, nullptr) << said;
    }
  }

 private:
  rocksdb_t* database_ = nullptr;
  std::vector<rocksdb_column_family_handle_t*> handles_;
  CHandle<rocksdb_writeoptions_t, rocksdb_writeoptions_destroy> writing_{
      rocksdb_writeoptions_create()};
};

class TypedbRocks : public ::testing::Test {
 protected:
  // `people` with a name each, and a relation with two roles between each and the next.
  void make_database(Encoding encoding, std::uint64_t people, bool flush) {
    fs::remove_all(database());
    {
      TestRocks schema(database() / "schema", {});
      if (encoding != Encoding::v2_0)
        schema.put(0, encoding_key, little_endian(static_cast<std::uint64_t>(encoding), 4));
    }
    TestRocks data(database() / "data", families_of(static_cast<int>(encoding)));
    const std::size_t owner = encoding == Encoding::v2_0 ? 0 : 2;
    const std::size_t owned = encoding == Encoding::v2_0 ? 0 : 1;
    const TestKeys keys(encoding);
    for (std::uint64_t i = 0; i < people; ++i) {
      const std::string name = keys.attribute(TestKeys::text(fmt::format("person {}", i)));
      data.put(0, keys.entity(i));
      data.put(0, name);
      data.put(0, keys.relation(i));
      data.put(0, keys.role(2 * i));
      data.put(0, keys.role(2 * i + 1));
      data.put(owner, keys.entity(i) + "\x46" + name);
      data.put(owned, name + "\xba" + keys.entity(i));
      data.add(encoding == Encoding::v2_0 ? 0 : 4, "\x3c" + name);
    }
    data.remove(0, keys.entity(0));
    if (flush) data.flush();
  }
  std::string codes() {
    report_ = examine_database(database(), true, {});
    std::string all;
    for (const model::Finding& one : report_.findings) all += (all.empty() ? "" : " ") + one.code;
    return all;
  }
  [[nodiscard]] std::string seen() const { return report_.findings.at(0).seen; }
  [[nodiscard]] fs::path database() const { return place_.path() / "shop"; }
  [[nodiscard]] fs::path only_file(const std::string& extension) const {
    for (const auto& entry : fs::directory_iterator(database() / "data"))
      if (entry.path().extension() == extension && entry.file_size() > 0) return entry.path();
    return {};
  }
  static void flip(const fs::path& file, std::size_t at) {
    std::string bytes = read_text_file(file);
    bytes.at(at) = static_cast<char>(bytes.at(at) ^ 0x10);
    put_file(file, bytes);
  }
  std::set<std::string> listing() const {
    std::set<std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(database()))
      all.insert(fmt::format("{} {}", entry.path().native(),
                             entry.is_regular_file() ? entry.file_size() : 0));
    return all;
  }

  TemporaryDirectory place_{"typedb-test"};
  DatabaseReport report_;
};

TEST_F(TypedbRocks, ThingsOfEachEncodingAreCountedInTablesAndLogs) {
  for (const Encoding encoding : {Encoding::v2_0, Encoding::v2_1, Encoding::v2_2}) {
    for (const bool flush : {false, true}) {
      make_database(encoding, 50, flush);
      const std::set<std::string> before = listing();
      EXPECT_EQ(codes(), "") << (report_.findings.empty() ? "" : seen());
      EXPECT_EQ(report_.encoding, encoding);
      ASSERT_TRUE(report_.things);
      EXPECT_EQ(*report_.things, (ThingCounts{49, 50, 50, 100, 50}));
      EXPECT_EQ(listing(), before) << "nothing is made or changed";
    }
  }
}

TEST_F(TypedbRocks, OutlineReadsNoKeys) {
  make_database(Encoding::v2_2, 5, true);
  EXPECT_FALSE(examine_database(database(), false, {}).things);
}

TEST_F(TypedbRocks, OpenDatabasesAreReadBesideTheirServer) {
  make_database(Encoding::v2_2, 5, true);
  TestRocks server(database() / "data", families_of(2));
  server.put(0, TestKeys(Encoding::v2_2).entity(100));
  static_cast<void>(codes());
  ASSERT_TRUE(report_.things);
  EXPECT_EQ(report_.things->entities, 5) << "4 in tables and one in the log";
}

TEST_F(TypedbRocks, DamagedTablesAreNamedWithTheirPlace) {
  make_database(Encoding::v2_2, 500, true);
  const fs::path table = only_file(".sst");
  flip(table, 20);
  EXPECT_EQ(codes(), "typedb-content-damaged");
  EXPECT_NE(seen().find(table.native() + " offset 0"), std::string::npos) << seen();
  EXPECT_FALSE(report_.things);
}

TEST_F(TypedbRocks, DamagedLogsAreNamed) {
  make_database(Encoding::v2_2, 500, false);
  flip(only_file(".log"), 20);
  EXPECT_EQ(codes(), "typedb-content-damaged");
  EXPECT_EQ(seen(),
            fmt::format("the record at byte 0 of {} is damaged", only_file(".log").native()));
}

TEST_F(TypedbRocks, MissingAndShortTablesAreDamage) {
  make_database(Encoding::v2_2, 5, true);
  const fs::path table = only_file(".sst");
  const std::string name = table.filename().native();
  const std::uintmax_t whole = fs::file_size(table);
  fs::resize_file(table, whole - 1);
  EXPECT_EQ(codes(), "typedb-tables-differ typedb-content-damaged");
  EXPECT_EQ(seen(),
            fmt::format("data of shop: {} has {} bytes instead of {}", name, whole - 1, whole));
  fs::remove(table);
  EXPECT_EQ(codes(), "typedb-tables-differ typedb-content-damaged");
  EXPECT_EQ(seen(), fmt::format("data of shop: {} is missing", name));
}

TEST_F(TypedbRocks, SchemaOfAnotherEncodingIsABlocker) {
  make_database(Encoding::v2_1, 5, true);
  TestRocks(database() / "schema", {}).put(0, encoding_key, little_endian(2, 4));
  EXPECT_EQ(codes(), "typedb-encoding-contradicted");
  EXPECT_EQ(seen(),
            "the schema of shop says encoding 2, its data has the column families of 2.x/1");
  EXPECT_TRUE(model::has_blocker(report_.findings));
}

TEST_F(TypedbRocks, TornLogIsToldAndOneThatOthersFollowIsDamage) {
  make_database(Encoding::v2_2, 500, false);
  const fs::path log = only_file(".log");
  const std::string bytes = read_text_file(log);
  put_file(log, bytes.substr(0, bytes.size() - 3));
  EXPECT_EQ(codes(), "typedb-log-torn");
  EXPECT_FALSE(model::has_blocker(report_.findings));
  EXPECT_TRUE(report_.things);
  put_file(log.parent_path() / "999999.log", "");
  EXPECT_EQ(codes(), "typedb-content-damaged");
  EXPECT_NE(seen().find(", and others follow"), std::string::npos) << seen();
}

TEST_F(TypedbRocks, DamagedLengthInALogIsNoTornEnd) {
  make_database(Encoding::v2_2, 500, false);
  const fs::path log = only_file(".log");
  std::string bytes = read_text_file(log);
  bytes[5] = '\xff';  // of the length
  put_file(log, bytes);
  EXPECT_EQ(codes(), "typedb-content-damaged");
}

TEST_F(TypedbRocks, DeletedLogIsMissed) {
  make_database(Encoding::v2_2, 5, true);
  for (const auto& entry : fs::directory_iterator(database() / "data"))
    if (entry.path().extension() == ".log") fs::remove(entry.path());
  EXPECT_EQ(codes(), "typedb-log-missing");
}

TEST_F(TypedbRocks, DirectoryThatRocksDbWouldChangeOrWaitForIsNotGivenToIt) {
  make_database(Encoding::v2_2, 5, true);
  put_file(database() / "data" / "000099.sst.trash", "x");
  const std::set<std::string> before = listing();
  EXPECT_EQ(codes(), "typedb-content-unobservable");
  EXPECT_EQ(listing(), before) << "RocksDB removes these, even if it only reads";
  fs::remove(database() / "data" / "000099.sst.trash");
  ASSERT_EQ(::mkfifo((database() / "data" / "000099.log").c_str(), 0600), 0);
  EXPECT_NE(codes().find("typedb-content-"), std::string::npos);
}

// The bound that rocks_content.h states, by what RocksDB itself counts: keys as short as TypeDB has
// them cost the most.
TEST_F(TypedbRocks, LogsTakeNoMoreThanThreeTimesTheirSizeInMemory) {
  const TestKeys keys(Encoding::v2_2);
  TestRocks rocks(database() / "data", {});
  for (std::uint64_t i = 0; i < 100'000; ++i) rocks.put(0, keys.entity(i));
  EXPECT_LT(rocks.memory_bytes(), 3 * fs::file_size(only_file(".log")));
  EXPECT_GT(rocks.memory_bytes(), fs::file_size(only_file(".log")));
}

TEST_F(TypedbRocks, LargeLogsAreNotTakenIntoMemory) {
  make_database(Encoding::v2_2, 5, true);
  put_file(database() / "data" / "999999.log", "");
  fs::resize_file(database() / "data" / "999999.log", rocks_logs_bytes_max + 1);
  EXPECT_EQ(codes(), "typedb-content-unobservable");
  EXPECT_FALSE(model::has_blocker(report_.findings)) << "a server may have left as much";
  EXPECT_NE(seen().find(fmt::format("{} bytes", rocks_logs_bytes_max + 1)), std::string::npos)
      << seen();
}

TEST_F(TypedbRocks, StopEndsTheReading) {
  make_database(Encoding::v2_0, 5, false);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(code_of([&] {
              read_rocks_keys(
                  database() / "data", {"default"}, [](ByteView, ByteView) {}, stop.get_token());
            }),
            Errc::cancelled);
}

}  // namespace
}  // namespace holdfast::engine::typedb
