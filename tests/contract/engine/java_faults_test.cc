// SPDX-License-Identifier: Apache-2.0
// What can go wrong with a Java database, and what is never to be seen of it.
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>
#include <iterator>
#include <thread>

#include "base/child.h"
#include "contract/engine/java_fixture.h"

namespace holdfast::test {
namespace {

using model::Row;
using model::Value;

class JavaFaults : public JavaTest {};

std::string file_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Our children that are Java programs.
std::vector<pid_t> java_children() {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string stat = file_text(entry.path() / "stat");
    const std::size_t end = stat.rfind(')');
    if (end == std::string::npos || stat.find("(java)") == std::string::npos) continue;
    if (stat[end + 2] == 'Z') continue;
    if (std::stoi(stat.substr(end + 4)) == ::getpid()) found.push_back(std::stoi(name));
  }
  return found;
}

void make_with_password(const JavaDatabases& databases, const Secret& password) {
  java::JavaDatabaseSettings settings = databases.settings("db", true);
  settings.password = &password;
  java::JavaDatabase database(settings);
  database.execute("CREATE TABLE T (A INTEGER)");
  if (databases.is_derby()) {
    database.execute("CALL SYSCS_UTIL.SYSCS_CREATE_USER('sa', '" + std::string(password.reveal()) +
                     "')");
  }
  database.close();
}

TEST_P(JavaFaults, AWrongPasswordIsDeniedAndTheRightOneIsNowhereToBeSeen) {
  const Secret password(std::string("0range-Juice"));
  make_with_password(databases_, password);
  java::JavaDatabaseSettings settings = databases_.settings("db", false);
  const Secret wrong(std::string("apple"));
  settings.password = &wrong;
  EXPECT_EQ(code_of([&] { java::JavaDatabase database(settings); }), Errc::denied);
  settings.password = nullptr;
  EXPECT_EQ(code_of([&] { java::JavaDatabase database(settings); }), Errc::denied);
  settings.password = &password;
  java::JavaDatabase database(settings);
  EXPECT_EQ(database.count(databases_.table("T")), 0U);
  const std::vector<pid_t> children = java_children();
  ASSERT_EQ(children.size(), 1U);
  const std::filesystem::path proc = "/proc/" + std::to_string(children.front());
  for (const char* name : {"cmdline", "environ"})
    EXPECT_EQ(file_text(proc / name).find("0range"), std::string::npos) << name;
  database.close();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(databases_.scratch()))
    EXPECT_EQ(file_text(entry.path()).find("0range"), std::string::npos) << entry.path();
}

TEST_P(JavaFaults, ADatabaseThatAnotherProgramHasOpenIsUnavailable) {
  java::JavaDatabase first = databases_.create();
  first.execute("CREATE TABLE T (A INTEGER)");
  EXPECT_EQ(code_of([&] { static_cast<void>(databases_.open()); }), Errc::unavailable);
  first.close();
  EXPECT_EQ(databases_.open().count(databases_.table("T")), 0U);
}

TEST_P(JavaFaults, ADatabaseThatIsNotThereIsNotMade) {
  EXPECT_EQ(code_of([&] { static_cast<void>(databases_.open("none")); }), Errc::not_found);
  for (const auto& entry : std::filesystem::directory_iterator(databases_.path("")))
    EXPECT_EQ(entry.path().filename(), "scratch");
}

TEST_P(JavaFaults, WhatIsNoDatabaseIsOneError) {
  if (databases_.is_derby()) {
    std::filesystem::create_directories(databases_.path("db"));
    std::ofstream(databases_.path("db") / "service.properties") << "nonsense\n";
  } else {
    std::ofstream(databases_.path("db.mv.db")) << std::string(9000, 'n');
  }
  const std::string message = message_of([&] { static_cast<void>(databases_.open()); });
  EXPECT_NE(message, "no Error came");
  EXPECT_NE(message.find(databases_.path("db").native()), std::string::npos) << message;
}

TEST_P(JavaFaults, AKilledProgramIsAFailedChild) {
  java::JavaDatabase database = databases_.create();
  database.execute("CREATE TABLE T (A INTEGER)");
  {
    const auto loader = database.load(databases_.table("T"), {"A"});
    for (int i = 0; i < 100'000; ++i) loader->row({Value::integer(i)});
    static_cast<void>(loader->finish());
  }
  const std::vector<pid_t> children = java_children();
  ASSERT_EQ(children.size(), 1U);
  int rows = 0;
  RowCallback killing([&](const Row& /*row*/) {
    if (++rows == 1) ::kill(children.front(), SIGKILL);
  });
  const auto read = [&] { database.read_rows(databases_.table("T"), killing); };
  EXPECT_EQ(code_of(read), Errc::failed_child);
  EXPECT_LT(rows, 100'000);
  EXPECT_EQ(code_of(read), Errc::failed_child);
  // What it has left does not keep the next one out.
  EXPECT_EQ(databases_.open().count(databases_.table("T")), 100'000U);
}

TEST_P(JavaFaults, AStopRequestEndsAStatementThatNeverWould) {
  java::JavaDatabase database = databases_.create();
  std::stop_source stop;
  java::JavaDatabase other(databases_.settings("other", true), stop.get_token());
  other.execute("CREATE TABLE T (A INTEGER)");
  other.execute("INSERT INTO T VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10)");
  std::jthread stopping([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    stop.request_stop();
  });
  const auto endless = [&] {
    static_cast<void>(other.query_one(
        "SELECT count(*) FROM T A, T B, T C, T D, T E, T F, T G, T H, T I, T J, T K, T L, T M"));
  };
  EXPECT_EQ(code_of(endless), Errc::cancelled);
}

TEST_P(JavaFaults, TheProgramEndsWithWhoStartedIt) {
  const Command command =
      java::rows_command(databases_.runtime(), databases_.jars(), databases_.scratch(), 64);
  java::FrameWriter request;
  request.begin('O');
  request.u8(0);
  request.text(databases_.settings("db", true).url);
  request.text("sa");
  request.u8(0);
  request.text("");
  request.end();
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  Fd ours(ends[0]);
  Fd theirs(ends[1]);
  Child child(command,
              std::array{Placement{STDIN_FILENO, theirs.get()},
                         Placement{STDOUT_FILENO, theirs.get()}, Placement{STDERR_FILENO}});
  theirs.reset();
  write_all(ours.get(), request.bytes(), "the line");
  java::FrameReader frames;
  std::optional<java::Frame> answer;
  while (!(answer = frames.next())) {
    const std::size_t count = read_some(ours.get(), frames.room(1000).first(1000), "the line");
    ASSERT_GT(count, 0U);
    frames.added(count);
  }
  EXPECT_EQ(answer->type, 'h');
  ours.reset();
  // Nobody asks it to end.
  ASSERT_TRUE(child.wait_until(std::chrono::steady_clock::now() + std::chrono::minutes(5)));
  EXPECT_EQ(child.reap(), 0);
  // It let go of the database.
  EXPECT_FALSE(std::filesystem::exists(databases_.path("db") / "db.lck"));
  EXPECT_TRUE(databases_.open().tables().empty());
}

TEST_P(JavaFaults, NothingIsWrittenOutsideOfTheDatabaseAndTheScratch) {
  const std::filesystem::path here = std::filesystem::current_path();
  const bool was_there = std::filesystem::exists(here / "derby.log");
  {
    java::JavaDatabase database = databases_.create();
    database.execute("CREATE TABLE T (A INTEGER)");
    EXPECT_NE(message_of([&] { database.execute("SELECT nonsense"); }), "no Error came");
  }
  EXPECT_EQ(std::filesystem::exists(here / "derby.log"), was_there);
  for (const auto& entry : std::filesystem::directory_iterator(databases_.path(""))) {
    const std::string name = entry.path().filename();
    EXPECT_TRUE(name == "scratch" || name == "db" || name == "db.mv.db") << name;
  }
}

TEST_P(JavaFaults, VersionsAreToldWithoutADatabase) {
  const java::Versions versions =
      java::read_versions(databases_.runtime(), databases_.jars(), databases_.scratch());
  EXPECT_TRUE(versions.driver.starts_with(databases_.is_derby() ? "10." : "2.")) << versions.driver;
  EXPECT_FALSE(versions.java.empty());
  EXPECT_TRUE(versions.product.empty());
  const java::JavaDatabase database = databases_.create();
  EXPECT_EQ(database.driver_version(), versions.driver);
  EXPECT_EQ(database.product(), databases_.is_derby() ? "Apache Derby" : "H2");
}

TEST_P(JavaFaults, ADriverThatIsNotOneIsUnsupported) {
  java::JavaDatabaseSettings settings = databases_.settings("db", true);
  settings.driver_jars = {databases_.runtime().rows_jar};
  EXPECT_EQ(code_of([&] { java::JavaDatabase database(settings); }), Errc::unsupported);
}

// A database brings code along: in H2 a trigger's class, or its very source, is looked for as soon
// as the database is opened.
TEST(H2Code, IsNotRunByOpeningItsDatabase) {
  const JavaDatabases databases("h2");
  const std::filesystem::path witness = databases.path("witness");
  const std::string source =
      "import org.h2.api.Trigger; @CODE Trigger create() throws Exception { new java.io.File(\"" +
      witness.native() + "\").createNewFile(); return null; }";
  {
    // As an application does, with all that its own runtime has.
    const std::string script =
        "CREATE TABLE T (A INTEGER); INSERT INTO T VALUES (1); CREATE FORCE TRIGGER G BEFORE "
        "INSERT ON T FOR EACH ROW AS '" +
        source + "'";
    const ProcessResult made = run_process(
        {.argv = {databases.runtime().java.native(), "-cp", databases.jars().front().native(),
                  "org.h2.tools.Shell", "-url", "jdbc:h2:file:" + databases.path("db").native(),
                  "-user", "sa", "-sql", script}});
    ASSERT_EQ(made.exit_code, 0) << made.output << made.errors;
  }
  EXPECT_TRUE(std::filesystem::remove(witness)) << "an application runs it";
  java::JavaDatabase database = databases.open();
  EXPECT_EQ(rows_of(database, {"PUBLIC", "T"}), std::vector<Row>{{Value::integer(1)}});
  database.close();
  EXPECT_FALSE(std::filesystem::exists(witness));
}

INSTANTIATE_TEST_SUITE_P(Faults, JavaFaults, testing::Values("derby", "h2"),
                         [](const auto& engine) { return engine.param; });

}  // namespace
}  // namespace holdfast::test
