// SPDX-License-Identifier: Apache-2.0
// Copies, restores, exports and imports with a real server of TypeDB: that of the distribution
// which HOLDFAST_TYPEDB_HOME names, of 2.x or of 3.4 and later. It runs on a port and a data
// directory of its own.
//
// Sources: typedb/typedb, server/common/RunOptions.java of 2.5.0 (--port, --data),
// server/parameters/ServerSubcommandParser.java of 2.6.0 to 2.29.1 (--server.address,
// --storage.data), server/parameters/cli.rs of 3.4.0 and 3.12.3; binary/typedb of all of them (it
// becomes the server by exec).
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/secret.h"
#include "base/stream.h"
#include "engine/typedb/database_export.h"
#include "engine/typedb/export_check.h"
#include "engine/typedb/import_export.h"
#include "engine/typedb/installation.h"
#include "engine/typedb/migrator.h"
#include "engine/typedb/test_exports.h"
#include "engine/typedb/test_parts.h"
#include "engine/typedb/test_server.h"
#include "engine/typedb/typedb.h"
#include "engine/typedb/vendor_program.h"
#include "tests/harness/typedb_server.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t people = 500;
constexpr std::chrono::minutes start_patience{3};

// A port that is free now.
std::uint16_t free_port() {
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket.get(), any, size) != 0 || ::getsockname(socket.get(), any, &size) != 0)
    throw std::runtime_error("there is no free port");
  return ntohs(address.sin_port);
}

pid_t started(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t pid = -1;
  if (::posix_spawn(&pid, argv[0], nullptr, nullptr, argv.data(), environ) != 0)
    throw std::runtime_error("cannot start " + arguments[0]);
  return pid;
}

class LiveServer {
 public:
  LiveServer(const Installation& home, const fs::path& data) : port_(free_port()) {
    fs::create_directories(data);
    const std::string address = fmt::format("127.0.0.1:{}", port_);
    const std::string program = (home.home / "typedb").native();
    std::vector<std::string> command{program, "server"};
    if (home.version.starts_with("3.")) {
      for (const std::string& word : std::initializer_list<std::string>{
               "--server.address", address, "--server.http.enabled", "false",
               "--storage.data-directory", data.native(), "--diagnostics.monitoring.enabled",
               "false", "--diagnostics.reporting.metrics", "false",
               "--diagnostics.reporting.errors", "false"})
        command.push_back(word);
    } else if (command_shape(home.version) == CommandShape::positional) {
      command.push_back(fmt::format("--port={}", port_));
      command.push_back("--data=" + data.native());
    } else {
      command.push_back("--server.address=" + address);
      command.push_back("--storage.data=" + data.native());
    }
    pid_ = started(std::move(command));
  }
  ~LiveServer() { stop(); }
  LiveServer(const LiveServer&) = delete;
  LiveServer& operator=(const LiveServer&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] ServerAccess access() const {
    ServerAccess access;
    access.target.address = fmt::format("127.0.0.1:{}", port_);
    access.user = "admin";
    access.password = std::make_shared<Secret>(std::string("password"));
    return access;
  }
  // Waits until it answers.
  [[nodiscard]] std::unique_ptr<Connection> connection() {
    const auto deadline = std::chrono::steady_clock::now() + start_patience;
    for (;;) {
      try {
        return std::make_unique<Connection>(access());
      } catch (const Error& error) {
        const bool ended = ::waitpid(pid_, nullptr, WNOHANG) == pid_;
        if (ended) pid_ = -1;
        const bool late = std::chrono::steady_clock::now() > deadline;
        if (error.code() != Errc::unavailable || ended || late) throw;
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
      }
    }
  }
  void stop() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  std::uint16_t port_;
  pid_t pid_ = -1;
};

class TypedbLive : public testing::Test {
 protected:
  void SetUp() override {
    const char* const home = std::getenv("HOLDFAST_TYPEDB_HOME");
    if (home == nullptr) GTEST_SKIP() << "needs HOLDFAST_TYPEDB_HOME: an unpacked distribution";
    const std::optional<Installation> found = installed_at(home);
    ASSERT_TRUE(found) << home << " is no distribution of TypeDB";
    home_ = *found;
    is_3_ = home_.version.starts_with("3.");
    ASSERT_TRUE(is_3_ || command_shape(home_.version)) << home_.version;
  }
  [[nodiscard]] fs::path data(const std::string& name) const { return place_.path() / name; }

  // By the server itself, of what it has; the schema with it, where that is in an export.
  [[nodiscard]] ExportFacts exported(Connection& connection) {
    ExportCheck check("shop", {}, nullptr);
    if (is_3_) {
      DatabaseExport items(connection, "shop", {});
      data_.clear();
      schema_ = items.schema();
      for (const auto* part = &items.next(); !part->empty(); part = &items.next())
        for (const ByteView item : *part) {
          check.add(item);
          data_ += sized(as_text(item));
        }
    } else {
      const JobFiles files = new_files();
      static_cast<void>(run_job(connection, MigratorJob::exports, "shop", files, {}, {}));
      data_ = read_text_file(files.data);
      for (const std::string& item : test::typedb_items(data_)) check.add(as_bytes(item));
      if (fs::exists(files.schema)) schema_ = read_text_file(files.schema);
    }
    return check.finish({});
  }
  void import(LiveServer& server, Connection& connection, const std::string& database,
              const std::string& schema, const std::string& file) {
    if (is_3_) {
      BytesSource source(as_bytes(file));
      static_cast<void>(import_export(connection, database, schema, source, {}, {}));
      return;
    }
    const JobFiles files = new_files();
    put_file(files.schema, schema);
    put_file(files.data, file);
    if (schema_place(*command_shape(home_.version)) == SchemaPlace::apart)
      define(server, database, files.schema);
    static_cast<void>(run_job(connection, MigratorJob::imports, database, files, {}, {}));
  }

  struct Copy {
    fs::path path;
    bool is_tree = false;
    model::DatabaseFacts facts;
  };
  [[nodiscard]] Copy copied(const std::string& method) {
    Copy copy{data("copy_" + method), method == "cold", {}};
    const model::Endpoint endpoint = endpoint_in(data("data"), method);
    const std::unique_ptr<Hold> hold = engine().hold({&endpoint, 1}, {});
    hold->capture();
    if (copy.is_tree)
      fs::copy(data("data") / "shop", copy.path, fs::copy_options::recursive);
    else
      copy_streams(*hold, 0, copy.path);
    copy.facts.name = "shop";
    hold->describe(0, copy.facts);
    hold->release();
    return copy;
  }
  // Restored into a data directory of its own, and as a server has it then.
  [[nodiscard]] ExportFacts restored(const Copy& copy) {
    const fs::path into = copy.path.native() + "_data";
    fs::create_directories(into);
    const TestParts parts(copy.path, copy.is_tree);
    LoadOptions options;
    options.kept_suffix = "_before";
    static_cast<void>(engine().load(parts, copy.facts, endpoint_in(into, "auto"), options, {}));
    LiveServer server(home_, into);
    const std::unique_ptr<Connection> connection = server.connection();
    return exported(*connection);
  }
  static void expect_same(const ExportFacts& found, const ExportFacts& expected) {
    EXPECT_EQ(found.counted.entities, expected.counted.entities);
    EXPECT_EQ(found.counted.attributes, expected.counted.attributes);
    EXPECT_EQ(found.counted.relations, expected.counted.relations);
    EXPECT_EQ(found.counted.players, expected.counted.players);
    EXPECT_EQ(found.counted.ownerships, expected.counted.ownerships);
  }

  TemporaryDirectory place_{"holdfast-typedb-live"};
  Installation home_;
  bool is_3_ = false;
  std::string schema_, data_;  // of the newest export

 private:
  [[nodiscard]] JobFiles new_files() {
    const fs::path directory = place_.path() / fmt::format("files{}", ++files_);
    fs::create_directories(directory);
    return {(directory / "data.typedb").native(), (directory / "schema.tql").native()};
  }
  [[nodiscard]] model::Endpoint endpoint_in(const fs::path& directory,
                                            const std::string& method) const {
    model::Endpoint endpoint;
    endpoint.component = "shop";
    endpoint.engine = "typedb";
    endpoint.uri = "typedb:" + (directory / "shop").native();
    endpoint.options["method"] = method;
    endpoint.options["release"] = home_.version;
    return endpoint;
  }
  // By the console, to 2.18: imports need a database that has its schema.
  void define(const LiveServer& server, const std::string& database, const std::string& schema) {
    const fs::path script = place_.path() / "script";
    put_file(script, fmt::format("database create {0}\ntransaction {0} schema write\nsource {1}\n"
                                 "commit\n",
                                 database, schema));
    const pid_t console = started({(home_.home / "typedb").native(), "console",
                                   fmt::format("--server=127.0.0.1:{}", server.port()),
                                   "--script=" + script.native()});
    int status = 0;
    ASSERT_EQ(::waitpid(console, &status, 0), console);
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }

  int files_ = 0;
};

TEST_F(TypedbLive, RestoresCopiesAndExportsToWhatTheServerHad) {
  LiveServer server(home_, data("data"));
  std::unique_ptr<Connection> connection = server.connection();
  const std::string schema(is_3_ ? people_schema_3 : people_schema_2);
  import(server, *connection, "shop", schema, people_export(people).bytes);
  const ExportFacts before = exported(*connection);
  EXPECT_EQ(before.counted.entities, people_export(people).counts.entities);
  EXPECT_EQ(before.counted.players, people_export(people).counts.players);

  // What was exported goes in again, and out.
  import(server, *connection, "again", schema_.empty() ? schema : schema_, data_);
  EXPECT_TRUE(connection->contains("again"));

  const Copy hot = copied("hot");
  connection.reset();
  server.stop();
  const Copy cold = copied("cold");
  expect_same(restored(hot), before);
  expect_same(restored(cold), before);
}

TEST_F(TypedbLive, IsFoundRunningWithItsDataDirectory) {
  LiveServer server(home_, data("data"));
  static_cast<void>(server.connection());
  bool found = false;
  for (const Installation& one : running_servers())
    found = found || (one.data_directory == data("data") && one.version == home_.version);
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace holdfast::engine::typedb
