// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/binary_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/hash.h"
#include "profile/magnolia/test_tree.h"

namespace holdfast::profile::magnolia {
namespace {

namespace fs = std::filesystem;
using model::Row;
using model::Value;

class Collector final : public model::RowSink {
 public:
  void columns(const std::vector<model::Column>& given) override { all = given; }
  void row(const Row& row) override { rows.push_back(row); }
  std::vector<model::Column> all;
  std::vector<Row> rows;
};

std::string name_of(std::string_view content) {
  const Sha256Digest hash = sha256(as_bytes(content));
  return to_hex(ByteView(hash));
}
std::string place_of(const std::string& name) {
  return name.substr(0, 2) + "/" + name.substr(2, 2) + "/" + name.substr(4, 2) + "/" + name;
}

class BinaryFilesTest : public testing::Test {
 protected:
  fs::path add_record(const std::string& content, std::int64_t modified_ms) const {
    fs::path path = store_ / place_of(name_of(content));
    write_text(path, content);
    const struct ::timespec time {
      modified_ms / 1000, modified_ms % 1000 * 1'000'000
    };
    const struct ::timespec times[2] = {time, time};
    EXPECT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
    return path;
  }
  static std::int64_t modified_ms(const fs::path& path) {
    struct ::stat facts {};
    EXPECT_EQ(::stat(path.c_str(), &facts), 0) << path;
    return static_cast<std::int64_t>(facts.st_mtim.tv_sec) * 1000 +
           facts.st_mtim.tv_nsec / 1'000'000;
  }
  [[nodiscard]] std::unique_ptr<model::RowSink> entries() const {
    auto sink = write_entries({home_.string(), "default"});
    sink->columns({{"fsentry_path", ""},
                   {"fsentry_name", ""},
                   {"fsentry_data", ""},
                   {"fsentry_lastmod", ""},
                   {"fsentry_length", ""}});
    return sink;
  }
  static Row entry(const std::string& path, const std::string& name, const Value& data) {
    return {Value::of_text(path), Value::of_text(name), data, Value::integer(1'700'000'000'123),
            Value::integer(0)};
  }
  TemporaryDirectory directory_{"binary-files-test"};
  fs::path home_ = directory_.path() / "home", store_ = home_ / "repository/datastore";
};

TEST_F(BinaryFilesTest, RecordsBecomeRowsAndFilesAgain) {
  const fs::path one = add_record("one", 1'600'000'000'123);
  const fs::path other = add_record(std::string("t\0o", 3), 1'600'000'000'000);
  write_text(store_ / "tmp123", "an upload");
  Collector rows;
  move_records_to_rows(store_.string(), rows);
  ASSERT_EQ(rows.rows.size(), 2U);
  EXPECT_FALSE(fs::exists(one));
  EXPECT_FALSE(fs::exists(one.parent_path())) << "empty directories go too";
  EXPECT_TRUE(fs::exists(store_ / "tmp123")) << "what is no record stays";
  for (const Row& row : rows.rows) EXPECT_EQ(row[1], Value::integer(3)) << row[0].text;
  const auto back = write_records({home_.string(), "repository/datastore"});
  back->columns(rows.all);
  for (const Row& row : rows.rows) back->row(row);
  back->row({Value::of_text("TEMP_7"), Value::integer(0), Value::integer(0), Value::null()});
  EXPECT_EQ(read_text_file(one), "one");
  EXPECT_EQ(read_text_file(other), std::string("t\0o", 3));
  EXPECT_EQ(modified_ms(one), 1'600'000'000'123);
  std::size_t files = 0;
  for (const auto& item : fs::recursive_directory_iterator(store_)) files += item.is_regular_file();
  EXPECT_EQ(files, 3U) << "two records and what was there";
}

TEST_F(BinaryFilesTest, ARecordThatIsNotWhatItsNameSaysIsRefusedAndStays) {
  const fs::path path = add_record("content", 0);
  write_text(path, "c0ntent");
  Collector rows;
  EXPECT_THROW(move_records_to_rows(store_.string(), rows), Error);
  EXPECT_TRUE(rows.rows.empty());
  EXPECT_TRUE(fs::exists(path));
  const auto back = write_records({home_.string(), "new"});
  back->columns({{"ID", ""}, {"LENGTH", ""}, {"LAST_MODIFIED", ""}, {"DATA", ""}});
  EXPECT_THROW(back->row({Value::of_text(name_of("content")), Value::integer(7), Value::integer(0),
                          Value::of_bytes(as_bytes("c0ntent"))}),
               Error);
  EXPECT_THROW(back->row({Value::of_text("../../x"), Value::integer(1), Value::integer(0),
                          Value::of_bytes(as_bytes("x"))}),
               Error);
  EXPECT_FALSE(fs::exists(home_ / "new" / place_of(name_of("content"))));
}

TEST_F(BinaryFilesTest, NoStoreHasNoRecords) {
  Collector rows;
  move_records_to_rows(store_.string(), rows);
  EXPECT_TRUE(rows.rows.empty());
}

TEST_F(BinaryFilesTest, EntriesBecomeDirectoriesAndFiles) {
  const auto sink = entries();
  sink->row(entry("/namespaces", "ns_reg.properties", Value::of_bytes(as_bytes("a=b"))));
  sink->row(entry("/", "namespaces", Value::null()));
  sink->row(entry("/", "", Value::null()));
  sink->row(entry("/", "empty", Value::of_bytes({})));
  EXPECT_EQ(read_text_file(home_ / "default/namespaces/ns_reg.properties"), "a=b");
  EXPECT_EQ(modified_ms(home_ / "default/namespaces/ns_reg.properties"), 1'700'000'000'123);
  EXPECT_EQ(fs::file_size(home_ / "default/empty"), 0U);
}

TEST_F(BinaryFilesTest, EntriesLeadNowhereElse) {
  const auto sink = entries();
  EXPECT_THROW(sink->row(entry("/..", "x", Value::of_bytes(as_bytes("x")))), Error);
  EXPECT_THROW(sink->row(entry("/a/../..", "x", Value::null())), Error);
  EXPECT_THROW(sink->row(entry("/", std::string("a\0b", 3), Value::null())), Error);
  EXPECT_THROW(sink->row(entry("/", "", Value::of_bytes(as_bytes("x")))), Error);
  fs::create_directories(home_ / "default");
  fs::create_directory_symlink(directory_.path(), home_ / "default/link");
  EXPECT_THROW(sink->row(entry("/link", "x", Value::of_bytes(as_bytes("x")))), Error);
  EXPECT_FALSE(fs::exists(directory_.path() / "x"));
}

}  // namespace
}  // namespace holdfast::profile::magnolia
