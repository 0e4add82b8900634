// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/load.h"

#include <sys/stat.h>

#include "engine/sqlite/content.h"
#include "engine/sqlite/test_database.h"

namespace holdfast::engine::sqlite {
namespace {

// One part out of a file.
class FileParts final : public model::PartSource {
 public:
  explicit FileParts(const std::filesystem::path& file) : bytes_(read_text_file(file)) {}
  [[nodiscard]] std::vector<Entry> list() const override {
    return {{"data.db", model::PartKind::stream, bytes_.size()}};
  }
  [[nodiscard]] std::unique_ptr<ByteSource> open(std::string_view) const override {
    return std::make_unique<BytesSource>(as_bytes(bytes_));
  }
  [[nodiscard]] std::unique_ptr<model::RandomSource> open_random(std::string_view) const override {
    return nullptr;
  }
  void restore_tree(std::string_view, const std::filesystem::path&) const override {}
  [[nodiscard]] const Json& facts() const override { return facts_; }
  std::string bytes_;

 private:
  Json facts_;
};

class Load : public SqliteTest {
 protected:
  [[nodiscard]] model::DatabaseFacts facts_of(const std::string& name) const {
    Connection connection(path(name), Access::immutable);
    model::DatabaseFacts facts;
    facts.name = "shop";
    describe_content(connection, file_facts(path(name)), facts);
    return facts;
  }
  [[nodiscard]] LoadOptions options() const {
    LoadOptions options;
    options.kept_suffix = "_before";
    options.scratch_directory = scratch_.path();
    return options;
  }
  TemporaryDirectory scratch_{"holdfast-sqlite-scratch"};
};

TEST_F(Load, GivesTheFileItsModeBack) {
  make("a.db", shop_sql);
  ::chmod(path("a.db").c_str(), 0640);
  static_cast<void>(
      load_parts(FileParts(path("a.db")), facts_of("a.db"), path("b.db"), options(), {}));
  EXPECT_EQ(file_facts(path("b.db"))->mode, 0640U);
  model::DatabaseFacts bare = facts_of("a.db");
  bare.engine_facts = Json::object();
  static_cast<void>(load_parts(FileParts(path("a.db")), bare, path("c.db"), options(), {}));
  EXPECT_EQ(file_facts(path("c.db"))->mode, 0600U) << "private unless known otherwise";
}

TEST_F(Load, RefusesBytesThatAreDamagedOrNoDatabase) {
  make("a.db", shop_sql);
  FileParts parts(path("a.db"));
  const model::DatabaseFacts facts = facts_of("a.db");
  parts.bytes_.resize(parts.bytes_.size() - 4096);
  EXPECT_EQ(
      code_of([&] { static_cast<void>(load_parts(parts, facts, path("b.db"), options(), {})); }),
      Errc::not_consistent);
  parts.bytes_ = "not at all";
  EXPECT_EQ(
      code_of([&] { static_cast<void>(load_parts(parts, facts, path("b.db"), options(), {})); }),
      Errc::not_consistent);
  EXPECT_EQ(names(), std::vector<std::string>{"a.db"});
}

TEST_F(Load, NoticesOneChangedByteInOneRow) {
  make("a.db", shop_sql);
  FileParts parts(path("a.db"));
  const std::size_t at = parts.bytes_.find("tea");
  ASSERT_NE(at, std::string::npos);
  // Once in the table and once in its index, so that the integrity check finds nothing.
  for (std::size_t place = at; place != std::string::npos;
       place = parts.bytes_.find("tea", place + 1)) {
    parts.bytes_[place] = 'p';
  }
  EXPECT_EQ(code_of([&] {
              static_cast<void>(load_parts(parts, facts_of("a.db"), path("b.db"), options(), {}));
            }),
            Errc::differs);
}

TEST_F(Load, ImportsAFileWithWhatLiesBesideIt) {
  make("a.db", std::string("PRAGMA journal_mode=WAL;") + shop_sql);
  Connection application(path("a.db"), Access::read_write);
  application.run("INSERT INTO items VALUES (9, 'in the log', 1)");
  const LoadReport report = load_foreign_file(path("a.db"), path("b.db"), options(), {});
  EXPECT_EQ(report.rows, 4U + 3U + 1U);  // items, notes (with the trigger's), sqlite_sequence
  EXPECT_EQ(text("b.db", "SELECT name FROM items WHERE id = 9"), "in the log");
  EXPECT_EQ(file_facts(path("b.db"))->mode, 0600U);
  write_file_durably(path("letter"), as_bytes(std::string(2000, 'x')));
  EXPECT_EQ(code_of([&] {
              static_cast<void>(load_foreign_file(path("letter"), path("c.db"), options(), {}));
            }),
            Errc::corrupt);
}

}  // namespace
}  // namespace holdfast::engine::sqlite
