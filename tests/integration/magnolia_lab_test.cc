// SPDX-License-Identifier: Apache-2.0
// The instances that tests of Magnolia stand on are what those tests take them for: whole when they
// are made, the same on every engine, and judged by a referee that sees what is wrong.
#include "harness/magnolia.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// Of the content that a lab makes unless it is told otherwise.
constexpr std::string_view usual_digest =
    "993eb6ce5bb47e184dcf90af439f3da38188bcb60a4683e8fac2473553d83ed8";

// Whether somebody holds a lock on the file.
bool is_locked(const fs::path& path) {
  const Fd file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file && errno == ENOENT) return false;
  if (!file) throw system_error(errno, "opening " + path.string());
  struct ::flock asked {};
  asked.l_type = F_WRLCK;
  if (::fcntl(file.get(), F_OFD_GETLK, &asked) != 0) throw system_error(errno, "asking for a lock");
  return asked.l_type != F_UNLCK;
}

void flip_last_bit(const fs::path& path) {
  std::string content = read_text(path);
  content.back() = static_cast<char>(content.back() ^ 1);
  write_text(path, content);
}

// Each kind of database has something, and only its own.
void expect_spread_over_three_engines(const MagnoliaLab& lab) {
  MagnoliaServers& servers = lab.servers();
  EXPECT_EQ(
      servers.postgres().psql(lab.database(),
                              "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class "
                              "WHERE relname LIKE '%\\_bundle' AND relkind = 'r'"),
      "pm_website_bundle version_bundle\n");
  EXPECT_EQ(servers.mariadb().rows("SELECT table_name FROM information_schema.tables WHERE "
                                   "table_schema = '" +
                                   lab.database() + "' AND table_name LIKE '%BUNDLE'"),
            std::vector<std::string>{"PM_DAM_BUNDLE"});
  EXPECT_TRUE(fs::exists(lab.workspace("users") / "db" / "service.properties"));
  EXPECT_FALSE(fs::exists(lab.workspace("website") / "db"));
  EXPECT_FALSE(fs::exists(lab.workspace("dam") / "db"));
}

class MagnoliaLabTest : public testing::Test {
 protected:
  [[nodiscard]] MagnoliaLab made(MagnoliaVariant variant) const {
    MagnoliaLab lab(variant, root_.path() / variant_name(variant));
    lab.create();
    return lab;
  }
  TemporaryDirectory root_{"holdfast-magnolia"};
};

class MagnoliaVariants : public MagnoliaLabTest,
                         public testing::WithParamInterface<MagnoliaVariant> {};

TEST_P(MagnoliaVariants, AreMadeWholeWithTheSameContent) {
  const MagnoliaLab lab = made(GetParam());
  const MagnoliaVerdict verdict = lab.verify();
  EXPECT_TRUE(verdict.is_whole()) << verdict.text;
  EXPECT_EQ(verdict.digest, usual_digest) << verdict.text;
  EXPECT_EQ(verdict.workspaces.size(), 11U) << verdict.text;
  EXPECT_GT(verdict.records, 0) << verdict.text;
  EXPECT_EQ(verdict.orphans, 0) << verdict.text;
  const bool has_files = GetParam() != MagnoliaVariant::pgfull;
  EXPECT_EQ(lab.records().size(), has_files ? static_cast<std::size_t>(verdict.records) : 0U);
  EXPECT_FALSE(fs::exists(lab.lock()));
  if (GetParam() == MagnoliaVariant::mixed) expect_spread_over_three_engines(lab);
}

INSTANTIATE_TEST_SUITE_P(Each, MagnoliaVariants, testing::ValuesIn(magnolia_variants),
                         [](const auto& one) { return std::string(variant_name(one.param)); });

TEST_F(MagnoliaLabTest, AuthorAndPublicStandSideBySide) {
  const MagnoliaLab author = made(MagnoliaVariant::pg);
  const MagnoliaLab other(MagnoliaVariant::pg, author.directory(), "magnoliaPublic");
  MagnoliaContent content;
  content.seed = 2;
  other.create(content);
  EXPECT_EQ(other.web_app().parent_path(), author.web_app().parent_path());
  EXPECT_NE(other.database(), author.database());
  const MagnoliaVerdict verdict = other.verify();
  EXPECT_TRUE(verdict.is_whole()) << verdict.text;
  EXPECT_NE(verdict.digest, usual_digest);
  EXPECT_EQ(author.verify().digest, usual_digest);
}

TEST_F(MagnoliaLabTest, SeesWhatIsWrongWithARecord) {
  const MagnoliaLab lab = made(MagnoliaVariant::h2);
  flip_last_bit(lab.records().at(0));
  fs::remove(lab.records().at(1));
  const std::string orphan = lab.records().at(1).string() + "0";
  write_text(orphan, "nobody's");
  const MagnoliaVerdict verdict = lab.verify();
  EXPECT_EQ(verdict.damaged, 1) << verdict.text;
  EXPECT_EQ(verdict.missing, 1) << verdict.text;
  EXPECT_EQ(verdict.broken, 0) << verdict.text;
  EXPECT_EQ(verdict.digest, usual_digest) << "the rows are what they were";
  EXPECT_EQ(lab.orphans(), std::vector{fs::path(orphan).filename().string()});
}

TEST_F(MagnoliaLabTest, SeesWhatIsWrongWithRows) {
  const MagnoliaLab lab = made(MagnoliaVariant::pgfull);
  PostgresServer& server = lab.servers().postgres();
  server.psql(lab.database(),
              "DELETE FROM ds_datastore WHERE id = (SELECT min(id) FROM ds_datastore)");
  MagnoliaVerdict verdict = lab.verify();
  EXPECT_EQ(verdict.missing, 1) << verdict.text;
  EXPECT_EQ(verdict.broken, 0) << verdict.text;
  server.psql(lab.database(),
              "DELETE FROM pm_config_bundle WHERE ctid = (SELECT max(ctid) FROM pm_config_bundle)");
  verdict = lab.verify();
  EXPECT_GT(verdict.broken, 0) << verdict.text;
  EXPECT_NE(verdict.digest, usual_digest);
  EXPECT_NE(verdict.workspaces.at("config"), "");
}

// A restore must bring the rewriting of the configuration: what it was copied from is not asked.
TEST_F(MagnoliaLabTest, ElsewhereIsAnotherDatabaseOfTheSameInstance) {
  const MagnoliaLab lab = made(MagnoliaVariant::pg);
  const MagnoliaLab target = lab.elsewhere(root_.path() / "target");
  lab.migrate_to(target);
  EXPECT_NE(target.database(), lab.database());
  EXPECT_EQ(target.web_app().filename(), lab.web_app().filename());
  lab.servers().postgres().drop_database(lab.database());
  EXPECT_EQ(target.verify().digest, usual_digest);
}

TEST_F(MagnoliaLabTest, MigratesToAndFromWhatIsMixed) {
  const MagnoliaLab from = made(MagnoliaVariant::h2);
  const MagnoliaLab mixed(MagnoliaVariant::mixed, root_.path() / "mixed");
  from.migrate_to(mixed);
  expect_spread_over_three_engines(mixed);
  const MagnoliaLab to(MagnoliaVariant::mariadb, root_.path() / "mariadb");
  mixed.migrate_to(to);
  const MagnoliaVerdict verdict = to.verify();
  EXPECT_EQ(verdict.digest, usual_digest);
  EXPECT_TRUE(verdict.is_whole()) << verdict.text;

  MagnoliaProcess hold = mixed.hold();
  EXPECT_TRUE(is_locked(mixed.lock()));
  EXPECT_TRUE(is_locked(mixed.workspace("users") / "db" / "dbex.lck"));
  EXPECT_EQ(hold.stop(), 0U);
  EXPECT_FALSE(fs::exists(mixed.lock()));
}

TEST_F(MagnoliaLabTest, ALoadHoldsTheLocksAndLeavesTheInstanceWhole) {
  const MagnoliaLab lab = made(MagnoliaVariant::h2);
  const fs::path database = lab.workspace("website") / "db.mv.db";
  MagnoliaProcess load = lab.load(0ms);
  EXPECT_TRUE(load.is_running());
  EXPECT_TRUE(is_locked(lab.lock()));
  EXPECT_TRUE(is_locked(database));
  EXPECT_THROW(static_cast<void>(lab.load()), Error) << "two at once";
  EXPECT_GT(load.stop(), 0U);
  EXPECT_FALSE(load.is_running());
  EXPECT_FALSE(fs::exists(lab.lock()));

  // One that is killed leaves the file, and no lock.
  MagnoliaProcess again = lab.load(0ms);
  again.kill();
  EXPECT_TRUE(fs::exists(lab.lock()));
  EXPECT_FALSE(is_locked(lab.lock()));
  EXPECT_FALSE(is_locked(database));
  const MagnoliaVerdict verdict = lab.verify();
  EXPECT_TRUE(verdict.is_whole()) << verdict.text;
  EXPECT_NE(verdict.digest, usual_digest);
}

TEST_F(MagnoliaLabTest, AServiceIsStoppedAndStartedByCommands) {
  const MagnoliaLab lab = made(MagnoliaVariant::h2);
  fs::path lock = lab.lock();
  {
    const MagnoliaService service(lab);
    EXPECT_TRUE(service.is_running());
    EXPECT_NE(service.quiesce().find(service.stop_command().string()), std::string::npos);
    Place place;
    EXPECT_EQ(place.run({service.stop_command()}).exit_code, 0);
    EXPECT_FALSE(service.is_running());
    EXPECT_FALSE(fs::exists(lock));
    EXPECT_TRUE(lab.verify().is_whole());
    const Outcome started = place.run({service.start_command()});
    EXPECT_EQ(started.exit_code, 0) << started.text();
    EXPECT_TRUE(service.is_running());
    EXPECT_EQ(service.history(), "start\nstop\nstart\n");
    EXPECT_TRUE(is_locked(lock));
  }
  EXPECT_TRUE(eventually([&] { return !is_locked(lock); }));
}

}  // namespace
}  // namespace holdfast::test
