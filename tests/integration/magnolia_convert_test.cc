// SPDX-License-Identifier: Apache-2.0
// A Magnolia moves from one kind of database to another, in every direction, with the same content:
// the generator's `verify` says so. Nothing is left of a migration that fails or is killed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "harness/magnolia.h"
#include "harness/program.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

using Variant = MagnoliaVariant;

class MagnoliaConvert : public testing::Test {
 protected:
  MagnoliaConvert() {
    write_text(password_file(), std::string(magnolia_password));
    fs::permissions(password_file(), fs::perms::owner_read);
  }

  [[nodiscard]] fs::path password_file() const { return place_.root() / "magnolia-password"; }
  [[nodiscard]] MagnoliaLab lab(Variant variant, const std::string& name) const {
    return {variant, place_ / name};
  }
  std::string written(const std::string& name, const std::string& text) {
    const fs::path path = place_ / name;
    write_text(path, text);
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    return path.string();
  }
  // Its home says where everything is.
  std::string source_file(const MagnoliaLab& source, const std::string& more = {}) {
    return written("source.toml", head(source) + more);
  }
  // A target that keeps its content as its variant does; its database is there and empty.
  std::string target_file(const MagnoliaLab& target, const std::string& data_store = {}) {
    target.make_databases();
    std::string text = head(target) + "[magnolia]\n";
    const bool is_postgres = uses_postgres(target.variant());
    const std::string engine = is_postgres                      ? "postgresql"
                               : uses_mariadb(target.variant()) ? "mariadb"
                                                                : variant_word(target.variant());
    text += fmt::format("persistence = \"{}\"\n", engine);
    if (!data_store.empty()) text += fmt::format("data_store = \"{}\"\n", data_store);
    if (is_postgres) text += database(target.postgres_uri(), magnolia_user);
    if (uses_mariadb(target.variant())) text += database(target.mariadb_uri(), owner(target));
    return written("target.toml", text);
  }
  [[nodiscard]] static std::string variant_word(Variant variant) {
    return std::string(variant_name(variant));
  }

  // An account that may make a schema beside the application's.
  static std::string_view owner(const MagnoliaLab& lab) {
    lab.servers().mariadb().run(fmt::format("GRANT ALL ON *.* TO {}@'127.0.0.1'", magnolia_user));
    return magnolia_user;
  }

  Outcome migrate(const std::string& from, const std::string& to) {
    return place_.holdfast({"migrate", "-I", from, "--to", to});
  }
  // What lies where the target was to be.
  [[nodiscard]] static std::string tables(const MagnoliaLab& target) {
    if (uses_mariadb(target.variant()))
      return target.servers().mariadb().value(
          fmt::format("SELECT count(*) FROM information_schema.tables WHERE table_schema = '{}'",
                      target.database()));
    return target.servers().postgres().psql(target.database(),
                                            "SELECT count(*) FROM pg_class WHERE relnamespace = "
                                            "'public'::regnamespace");
  }

  Place place_;

 private:
  [[nodiscard]] static std::string head(const MagnoliaLab& lab) {
    return fmt::format("name = \"magnoliaAuthor\"\nprofile = \"magnolia\"\nhome = \"{}\"\n",
                       lab.web_app().string());
  }
  [[nodiscard]] std::string database(const std::string& uri, std::string_view user) const {
    return fmt::format(
        "[[database]]\nname = \"db\"\nuri = \"{}\"\nuser = \"{}\"\npassword_file = \"{}\"\n", uri,
        user, password_file().string());
  }
};

// One migration after the other.
struct Way {
  Variant from;
  std::vector<Variant> to;
};

class MagnoliaWays : public MagnoliaConvert, public testing::WithParamInterface<Way> {};

TEST_P(MagnoliaWays, KeepsItsContentFromEngineToEngine) {
  MagnoliaLab at = lab(GetParam().from, "start");
  at.create();
  const std::string digest = at.verify().digest;
  const std::string read = has_jackrabbit() ? at.verify_with_jackrabbit().digest : "";
  int step = 0;
  for (const Variant variant : GetParam().to) {
    const MagnoliaLab next = lab(variant, fmt::format("step{}", ++step));
    const Outcome moved = migrate(source_file(at), target_file(next));
    ASSERT_EQ(moved.exit_code, 0) << variant_name(variant) << moved.text();
    EXPECT_TRUE(moved.says("digests equal")) << moved.text();
    const MagnoliaVerdict verdict = next.verify();
    EXPECT_TRUE(verdict.is_whole()) << verdict.text;
    EXPECT_EQ(verdict.digest, digest) << variant_name(variant) << verdict.text;
    if (has_jackrabbit()) {
      const MagnoliaVerdict opened = next.verify_with_jackrabbit();
      EXPECT_EQ(opened.missing, 0) << opened.text;
      EXPECT_EQ(opened.digest, read) << variant_name(variant) << opened.text;
    }
    // It can go on without what it came from.
    fs::remove_all(at.directory());
    at = next;
  }
}

// From every engine and to every engine; with the long counts from every engine to every other.
std::vector<Way> ways() {
  if (!is_soak())
    return {Way{Variant::derby, {Variant::mariadb, Variant::h2, Variant::pg, Variant::derby}}};
  return {Way{Variant::derby, {Variant::pg, Variant::derby, Variant::h2}},
          Way{Variant::h2, {Variant::derby, Variant::mariadb, Variant::pg}},
          Way{Variant::pg, {Variant::h2, Variant::pg, Variant::mariadb}},
          Way{Variant::mariadb, {Variant::h2, Variant::mariadb, Variant::derby}}};
}

INSTANTIATE_TEST_SUITE_P(All, MagnoliaWays, testing::ValuesIn(ways()), [](const auto& one) {
  return "From" + std::string(variant_name(one.param.from));
});

// A workspace on each of three engines becomes one database.
TEST_F(MagnoliaConvert, BringsEnginesTogether) {
  const MagnoliaLab source = lab(Variant::mixed, "source");
  source.create();
  const std::string digest = source.verify().digest;
  const MagnoliaLab target = lab(Variant::mariadb, "target");
  const Outcome moved = migrate(source_file(source), target_file(target));
  ASSERT_EQ(moved.exit_code, 0) << moved.text();
  const MagnoliaVerdict verdict = target.verify();
  EXPECT_TRUE(verdict.is_whole()) << verdict.text;
  EXPECT_EQ(verdict.digest, digest) << verdict.text;
}

TEST_F(MagnoliaConvert, PutsBinariesIntoTheDatabaseAndBack) {
  const MagnoliaLab files = lab(Variant::derby, "files");
  files.create({.assets = 12, .asset_kib = 40});
  const MagnoliaVerdict before = files.verify();
  const std::size_t records = files.records().size();
  ASSERT_GT(records, 0U);
  const MagnoliaLab rows = lab(Variant::pg, "rows");
  const Outcome there = migrate(source_file(files), target_file(rows, "database"));
  ASSERT_EQ(there.exit_code, 0) << there.text();
  EXPECT_TRUE(rows.records().empty());
  const MagnoliaVerdict inside = rows.verify();
  EXPECT_TRUE(inside.is_whole()) << inside.text;
  EXPECT_EQ(inside.digest, before.digest);
  EXPECT_EQ(inside.records, before.records) << inside.text;
  const MagnoliaLab again = lab(Variant::h2, "again");
  const Outcome back = migrate(source_file(rows), target_file(again, "files"));
  ASSERT_EQ(back.exit_code, 0) << back.text();
  EXPECT_EQ(again.records().size(), records);
  const MagnoliaVerdict outside = again.verify();
  EXPECT_TRUE(outside.is_whole()) << outside.text;
  EXPECT_EQ(outside.digest, before.digest);
}

// All of it, the file systems too.
TEST_F(MagnoliaConvert, TakesEverythingOutOfAFullDatabase) {
  const MagnoliaLab source = lab(Variant::pgfull, "source");
  source.create();
  const MagnoliaVerdict before = source.verify();
  const MagnoliaLab target = lab(Variant::mariadb, "target");
  const Outcome moved = migrate(source_file(source), target_file(target));
  ASSERT_EQ(moved.exit_code, 0) << moved.text();
  const MagnoliaVerdict verdict = target.verify();
  EXPECT_TRUE(verdict.is_whole()) << verdict.text;
  EXPECT_EQ(verdict.digest, before.digest) << verdict.text;
}

TEST_F(MagnoliaConvert, RefusesTablesThatAreThereBeforeAnybodyIsDisturbed) {
  const MagnoliaLab source = lab(Variant::h2, "source");
  source.create();
  const MagnoliaService service(source);
  const MagnoliaLab target = lab(Variant::pg, "target");
  const std::string to = target_file(target);
  target.servers().postgres().psql(target.database(), "CREATE TABLE pm_website_bundle (a int)");
  const Outcome refused = migrate(source_file(source, service.quiesce()), to);
  EXPECT_EQ(refused.exit_code, 20) << refused.text();
  EXPECT_TRUE(refused.says("target-not-empty")) << refused.text();
  EXPECT_TRUE(refused.says("pm_website_bundle")) << refused.text();
  EXPECT_EQ(service.history(), "start\n");
  EXPECT_FALSE(fs::exists(target.web_app()));
}

TEST_F(MagnoliaConvert, RefusesTheSourceUnderAnotherName) {
  const MagnoliaLab source = lab(Variant::pg, "source");
  source.create();
  const MagnoliaLab target = lab(Variant::pg, "target");
  std::string text = read_text(target_file(target));
  const std::string uri = target.postgres_uri();
  const std::string same = fmt::format("{}?connect_timeout=10", source.postgres_uri());
  text.replace(text.find(uri), uri.size(), same);
  const Outcome refused = migrate(source_file(source), written("target.toml", text));
  EXPECT_EQ(refused.exit_code, 1) << refused.text();
  EXPECT_TRUE(refused.says("of the source")) << refused.text();
  EXPECT_FALSE(fs::exists(target.web_app()));
}

// A server that lets tables be made and filled, and then says no, or nothing for a long time.
class MagnoliaFailure : public MagnoliaConvert {
 protected:
  MagnoliaFailure() : source_(lab(Variant::h2, "source")), target_(lab(Variant::pg, "target")) {
    source_.create();
    to_ = target_file(target_);
  }
  void at_indexes(const std::string& statement) {
    server().psql(target_.database(),
                  "CREATE FUNCTION public.at_index() RETURNS event_trigger LANGUAGE plpgsql AS $$ "
                  "BEGIN " +
                      statement +
                      "; END $$;\nCREATE EVENT TRIGGER at_index ON ddl_command_start WHEN TAG IN "
                      "('CREATE INDEX') EXECUTE FUNCTION public.at_index()");
  }
  [[nodiscard]] PostgresServer& server() const { return target_.servers().postgres(); }
  [[nodiscard]] bool nothing_is_left() const {
    return tables(target_) == "0\n" && !fs::exists(target_.web_app()) &&
           !fs::exists(target_.directory());
  }

  const MagnoliaLab source_;
  const MagnoliaLab target_;
  std::string to_;
};

TEST_F(MagnoliaFailure, LeavesNothingAndTheSourceRunning) {
  at_indexes("RAISE EXCEPTION 'no index today'");
  const MagnoliaService service(source_);
  const Outcome failed = migrate(source_file(source_, service.quiesce()), to_);
  EXPECT_EQ(failed.exit_code, 1) << failed.text();
  EXPECT_TRUE(failed.says("no index today")) << failed.text();
  EXPECT_TRUE(nothing_is_left()) << tables(target_);
  EXPECT_EQ(service.history(), "start\nstop\nstart\n");
  EXPECT_TRUE(service.is_running());
}

TEST_F(MagnoliaFailure, LeavesNothingWhenItIsKilled) {
  at_indexes("PERFORM pg_sleep(120)");
  const MagnoliaService service(source_);
  const std::string from = source_file(source_, service.quiesce());
  Started run = place_.start({"migrate", "-I", from, "--to", to_});
  const std::string asleep = fmt::format(
      "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND wait_event = "
      "'PgSleep'",
      target_.database());
  ASSERT_TRUE(
      eventually([&] { return server().psql("postgres", asleep) != "0\n" || run.has_ended(); }));
  ASSERT_FALSE(run.has_ended()) << run.wait().text();
  run.kill(SIGKILL);
  static_cast<void>(run.wait());
  server().psql(target_.database(), "DROP EVENT TRIGGER at_index");
  server().psql("postgres", fmt::format("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                        "WHERE datname = '{}' AND wait_event = 'PgSleep'",
                                        target_.database()));
  // The guardian is at it already; resume waits for it, or does what it could not.
  ASSERT_TRUE(eventually([&] {
    return place_.holdfast({"resume", "-I", to_}).exit_code == 0 &&
           place_.holdfast({"resume", "-I", from}).exit_code == 0;
  }));
  EXPECT_TRUE(nothing_is_left()) << tables(target_);
  EXPECT_EQ(service.history(), "start\nstop\nstart\n");
  EXPECT_TRUE(service.is_running());
}

// Rows go straight through: what is in memory does not grow with them.
TEST_F(MagnoliaConvert, TakesManyNodesInBoundedMemory) {
  // Four nodes each. A bundle is 0.1 to 1.6 KB of text.
  const unsigned pages = is_soak() ? 50'000 : 4'000;
  constexpr std::uint64_t most_wanted_mib = 200;
  const MagnoliaLab source = lab(Variant::pg, "source");
  source.create({.pages = pages});
  const MagnoliaLab target = lab(Variant::mariadb, "target");
  const auto [moved, most_mib] =
      measured(place_.start({"migrate", "-I", source_file(source), "--to", target_file(target)}));
  ASSERT_EQ(moved.exit_code, 0) << moved.text();
  EXPECT_LT(most_mib, most_wanted_mib);
  EXPECT_GT(most_mib, 0U) << "not measured";
  RecordProperty("most_mib", std::to_string(most_mib));
  const MagnoliaVerdict verdict = target.verify();
  EXPECT_TRUE(verdict.is_whole()) << verdict.text;
  EXPECT_EQ(verdict.digest, source.verify().digest) << verdict.text;
}

}  // namespace
}  // namespace holdfast::test
