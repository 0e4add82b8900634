// SPDX-License-Identifier: Apache-2.0
#include "harness/magnolia.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <sstream>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/process.h"
#include "engine/sqlserver/session.h"
#include "harness/sqlserver_named.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto patience = 180s;
constexpr auto poll_pause = 20ms;

// Every process that serves JDBC has addresses of its own, so that ports need no choosing: process
// numbers have 22 bits, and 127.0.0.0/8 is the loopback device's.
std::string loopback_address(unsigned machine) {
  const auto pid = static_cast<unsigned>(::getpid());
  return fmt::format("127.{}.{}.{}", 64 * (machine + 1) + ((pid >> 16U) & 63U), (pid >> 8U) & 255U,
                     pid & 255U);
}

int number_after(const std::string& line, std::string_view key) {
  const std::size_t at = line.find(key);
  int number = -1;
  if (at != std::string::npos) {
    const char* const from = line.data() + at + key.size();
    std::from_chars(from, line.data() + line.size(), number);
  }
  return number;
}

ProcessResult run(const Command& command) {
  ProcessResult result = run_process(command);
  if (result.timed_out) throw Error(Errc::failed_child, display(command.argv) + " did not end");
  return result;
}

void run_to_success(const Command& command) {
  const ProcessResult result = run(command);
  if (result.exit_code != 0)
    throw Error(Errc::failed_child, display(command.argv) + ": " + result.errors);
}

MagnoliaVerdict verdict_of(const std::string& output) {
  MagnoliaVerdict verdict;
  std::istringstream stream(output);
  for (std::string line; std::getline(stream, line);) {
    const std::string first = line.substr(0, line.find(' '));
    if (first == "TOTAL") {
      verdict.digest = line.substr(6, 64);
      verdict.missing = number_after(line, "missing=");
      verdict.damaged = number_after(line, "damaged=");
      verdict.broken = number_after(line, "broken=");
      verdict.records = number_after(line, "records=");
      verdict.orphans = number_after(line, "orphans=");
    } else if (line.find(" bundles=") != std::string::npos) {
      verdict.workspaces[first] = line.substr(line.rfind(' ') + 1);
    }
  }
  return verdict;
}

std::string jackrabbit() {
  const char* const class_path = std::getenv("JACKRABBIT_CP");
  return class_path == nullptr ? "" : class_path;
}

// The rest of a class path.
std::string drivers() {
  std::string jars;
  for (const char* jar : {"derby", "h2", "postgresql", "mariadb-java-client", "jtds"})
    jars += fmt::format(":/usr/share/java/{}.jar", jar);
  return jars;
}

// Other programs run tests on that server too.
std::string sqlserver_name(const std::string& database) {
  const auto server = sqlserver_named().value();
  return fmt::format("{}_{}_{}", engine::sqlserver::location_of(server).database, database,
                     ::getpid());
}

engine::sqlserver::Session sqlserver_session() {
  const model::Endpoint server = sqlserver_named().value();
  return {engine::sqlserver::location_of(server), server.password.get(), false};
}

void write_command(const fs::path& path, const std::string& body) {
  write_text(path, "#!/bin/sh\n" + body);
  fs::permissions(path, fs::perms::owner_all);
}

}  // namespace

std::string_view variant_name(MagnoliaVariant variant) noexcept {
  constexpr std::array<std::string_view, 8> names{"derby",   "h2",    "pg",    "pgfull",
                                                  "mariadb", "mixed", "mssql", "mssqlfull"};
  return names.at(static_cast<std::size_t>(variant));
}

bool uses_postgres(MagnoliaVariant variant) noexcept {
  return variant == MagnoliaVariant::pg || variant == MagnoliaVariant::pgfull ||
         variant == MagnoliaVariant::mixed;
}

bool uses_mariadb(MagnoliaVariant variant) noexcept {
  return variant == MagnoliaVariant::mariadb || variant == MagnoliaVariant::mixed;
}

bool uses_sqlserver(MagnoliaVariant variant) noexcept {
  return variant == MagnoliaVariant::mssql || variant == MagnoliaVariant::mssqlfull;
}

bool is_embedded(MagnoliaVariant variant) noexcept {
  return variant == MagnoliaVariant::derby || variant == MagnoliaVariant::h2 ||
         variant == MagnoliaVariant::mixed;
}

MagnoliaServers::MagnoliaServers(unsigned machine) : address_(loopback_address(machine)) {}

MagnoliaServers& MagnoliaServers::shared() {
  static MagnoliaServers the_servers(0);
  return the_servers;
}

MagnoliaServers& MagnoliaServers::other() {
  static MagnoliaServers the_servers(1);
  return the_servers;
}

PostgresServer& MagnoliaServers::postgres() {
  if (!postgres_) {
    using Settings = std::vector<std::pair<std::string, std::string>>;
    auto server = std::make_unique<PostgresServer>(Settings{{"listen_addresses", address_}});
    // Whoever comes by the network has to show a password; to all of 127.0.0.0/8 one comes from
    // 127.0.0.1.
    server->psql(
        "postgres",
        fmt::format("SELECT setting AS hba FROM pg_settings WHERE name = 'hba_file' \\gset\n"
                    "COPY (VALUES ('local all all trust'), "
                    "('host all all 127.0.0.1/32 md5')) TO :'hba';\n"
                    "CREATE ROLE {} LOGIN PASSWORD '{}';\nSELECT pg_reload_conf();\n",
                    magnolia_user, magnolia_password));
    postgres_ = std::move(server);
  }
  return *postgres_;
}

MariadbServer& MagnoliaServers::mariadb() {
  if (!mariadb_) {
    auto server = std::make_unique<MariadbServer>(std::vector<std::string>{
        "--skip-networking=0", "--bind-address=" + address_, "--port=3306"});
    server->run("DROP USER IF EXISTS root@'127.0.0.1'");  // which would need no password
    server->run(fmt::format("CREATE USER {}@'127.0.0.1' IDENTIFIED BY '{}'", magnolia_user,
                            magnolia_password));
    mariadb_ = std::move(server);
  }
  return *mariadb_;
}

// The shell gives its place, and so its number, to the program.
MagnoliaProcess::MagnoliaProcess(const std::vector<std::string>& argv, fs::path log,
                                 std::string_view ready)
    : log_(std::move(log)),
      process_(
          [&] {
            write_text(log_, "");
            std::vector<std::string> words{"/bin/sh", "-c", "exec \"$@\" > \"$0\" 2>&1",
                                           log_.string()};
            words.insert(words.end(), argv.begin(), argv.end());
            return words;
          }(),
          {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"LANG", "C.UTF-8"}}, log_.parent_path()) {
  const bool is_ready = eventually(
      [&] { return read_text(log_).find(ready) != std::string::npos || process_.has_ended(); });
  if (!is_ready || process_.has_ended())
    throw Error(Errc::failed_child, display(argv) + ": " + read_text(log_));
}

unsigned MagnoliaProcess::stop() {
  process_.kill(SIGTERM);
  const Outcome outcome = process_.wait();
  const std::string said = read_text(log_);
  if (outcome.exit_code != 0)
    throw Error(Errc::failed_child, fmt::format("exit code {}: {}", outcome.exit_code, said));
  return static_cast<unsigned>(std::max(0, number_after(said, "load rounds=")));
}

void MagnoliaProcess::kill() {
  process_.kill(SIGKILL);
  static_cast<void>(process_.wait());
}

MagnoliaLab::MagnoliaLab(MagnoliaVariant variant, fs::path directory, std::string instance,
                         MagnoliaServers& servers)
    : variant_(variant),
      directory_(std::move(directory)),
      instance_(std::move(instance)),
      servers_(&servers) {
  static unsigned count = 0;
  database_ = fmt::format("{}_{}", instance_, ++count);
  std::transform(database_.begin(), database_.end(), database_.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
}

MagnoliaLab MagnoliaLab::elsewhere(fs::path directory) const {
  return elsewhere(std::move(directory), *servers_);
}

MagnoliaLab MagnoliaLab::elsewhere(fs::path directory, MagnoliaServers& servers) const {
  return {variant_, std::move(directory), instance_, servers};
}

void MagnoliaLab::make_databases() const {
  if (uses_postgres(variant_)) {
    PostgresServer& server = servers_->postgres();
    server.make_database(database_);
    server.psql("postgres",
                fmt::format("ALTER DATABASE {} OWNER TO {};", database_, magnolia_user) +
                    fmt::format("REVOKE ALL ON DATABASE {} FROM PUBLIC", database_));
  }
  if (uses_mariadb(variant_)) {
    servers_->mariadb().run("CREATE DATABASE " + database_);
    // The least that Jackrabbit needs.
    servers_->mariadb().run(
        fmt::format("GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, INDEX ON {}.* TO {}@'127.0.0.1'",
                    database_, magnolia_user));
  }
  if (uses_sqlserver(variant_))
    sqlserver_session().run("CREATE DATABASE " +
                            engine::sqlserver::identifier(sqlserver_name(database_)));
}

void MagnoliaLab::drop_sqlserver_database() const {
  static_cast<void>(sqlserver_session().try_run(
      "DROP DATABASE " + engine::sqlserver::identifier(sqlserver_name(database_))));
}

model::Endpoint MagnoliaLab::sqlserver() const {
  model::Endpoint endpoint = sqlserver_named().value();
  endpoint.component = "db-" + sqlserver_name(database_);
  endpoint.uri = engine::sqlserver::uri_of(engine::sqlserver::location_of(endpoint),
                                           sqlserver_name(database_));
  return endpoint;
}

void MagnoliaLab::configure() const {
  if (!uses_sqlserver(variant_)) return configure("", "", "");
  const model::Endpoint server = sqlserver();
  configure(sqlserver_jdbc(), server.user,
            server.password ? std::string(server.password->reveal()) : "");
}

void MagnoliaLab::configure(const std::string& sqlserver_jdbc, const std::string& sqlserver_user,
                            const std::string& sqlserver_password) const {
  fs::create_directories(directory_);
  Command command;
  command.argv = {"/bin/bash", HOLDFAST_MAGNOLIA_FIXTURE "/mkconf.sh",
                  std::string(variant_name(variant_)), directory_.string(), instance_};
  const std::string user(magnolia_user);
  const std::string password(magnolia_password);
  command.environment = {{"PG_URL", postgres_jdbc()},
                         {"PG_USER", user},
                         {"PG_PASSWORD", password},
                         {"MY_URL", mariadb_jdbc()},
                         {"MY_USER", user},
                         {"MY_PASSWORD", password},
                         {"MS_URL", sqlserver_jdbc},
                         {"MS_USER", sqlserver_user},
                         {"MS_PASSWORD", sqlserver_password}};
  command.timeout = patience;
  run_to_success(command);
}

void MagnoliaLab::create(const MagnoliaContent& content) const {
  make_databases();
  configure();
  const bool is_made = variant_ == MagnoliaVariant::derby || variant_ == MagnoliaVariant::h2;
  if (is_made && content == MagnoliaContent{}) {
    // The build made this one; nothing in it names its place.
    const fs::path made = fs::path(HOLDFAST_MAGNOLIA_MADE) / variant_name(variant_);
    fs::create_directories(home().parent_path());
    fs::copy(made / "apache-tomcat/webapps/magnoliaAuthor/repositories/magnolia", home(),
             fs::copy_options::recursive);
    return;
  }
  Command command;
  command.argv =
      java("create",
           {fmt::format("pages={}", content.pages), fmt::format("assets={}", content.assets),
            fmt::format("assetkb={}", content.asset_kib),
            fmt::format("versions={}", content.versions), fmt::format("seed={}", content.seed)});
  command.timeout = patience;
  run_to_success(command);
}

MagnoliaVerdict MagnoliaLab::judge(const std::vector<std::string>& argv) const {
  constexpr int not_whole = 3;
  Command command;
  command.argv = argv;
  command.timeout = patience;
  const ProcessResult result = run(command);
  MagnoliaVerdict verdict = verdict_of(result.output);
  verdict.text = result.output + result.errors;
  if (verdict.digest.empty() || (result.exit_code != 0 && result.exit_code != not_whole))
    throw Error(Errc::failed_child, display(command.argv) + ": " + verdict.text);
  return verdict;
}

MagnoliaVerdict MagnoliaLab::verify() const {
  return judge(java("verify"));
}

bool has_jackrabbit() {
  return !jackrabbit().empty();
}

MagnoliaVerdict MagnoliaLab::verify_with_jackrabbit() const {
  constexpr std::string_view end = "</Security>";
  const auto security = [&](const std::string& text) {
    const std::size_t begin = text.find("<Security ");
    return std::pair(begin, text.find(end) + end.size() - begin);
  };
  const std::string simple = read_text(conf().parent_path() / "lab-repository.xml");
  std::string configuration = read_text(conf());
  const auto [begin, size] = security(configuration);
  const auto [simple_begin, simple_size] = security(simple);
  configuration.replace(begin, size, simple, simple_begin, simple_size);
  const fs::path file = directory_ / "jackrabbit.xml";
  write_text(file, configuration);
  return judge({"java", "-Dderby.stream.error.file=" + (directory_ / "jackrabbit.log").string(),
                "-cp", jackrabbit() + drivers(), HOLDFAST_MAGNOLIA_FIXTURE "/JcrLab.java", "verify",
                file.string(), home().string()});
}

std::vector<std::string> MagnoliaLab::orphans() const {
  constexpr std::string_view start = "ORPHAN ";
  std::vector<std::string> names;
  std::istringstream stream(judge(java("orphans")).text);
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with(start)) names.push_back(line.substr(start.size()));
  }
  return names;
}

MagnoliaProcess MagnoliaLab::load(std::chrono::milliseconds pause,
                                  std::chrono::seconds limit) const {
  return {java("load", {fmt::format("pausems={}", pause.count()),
                        fmt::format("seconds={}", limit.count())}),
          directory_ / (instance_ + "-load.log"), "loading pid="};
}

MagnoliaProcess MagnoliaLab::hold(std::chrono::seconds limit) const {
  return {java("hold", {fmt::format("seconds={}", limit.count())}),
          directory_ / (instance_ + "-hold.log"), "holding pid="};
}

void MagnoliaLab::migrate_to(const MagnoliaLab& into) const {
  into.make_databases();
  into.configure();
  Command command;
  command.argv =
      java("migrate", {"toconf=" + into.conf().string(), "tohome=" + into.home().string()});
  command.timeout = patience;
  run_to_success(command);
}

fs::path MagnoliaLab::home() const {
  return web_app() / "repositories" / "magnolia";
}

fs::path MagnoliaLab::workspace(std::string_view name) const {
  return home() / "workspaces" / name;
}

fs::path MagnoliaLab::data_store() const {
  return home() / "repository" / "datastore";
}

std::vector<fs::path> MagnoliaLab::records() const {
  constexpr int record_depth = 3;  // below three directories
  std::vector<fs::path> found;
  if (!fs::exists(data_store())) return found;
  for (auto at = fs::recursive_directory_iterator(data_store()); at != fs::end(at); ++at) {
    if (at.depth() == record_depth && at->is_regular_file()) found.push_back(at->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

fs::path MagnoliaLab::conf() const {
  const fs::path directory = web_app() / "WEB-INF" / "config" / "repo-conf";
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().filename().native().starts_with("jackrabbit-bundle-")) return entry.path();
  }
  throw Error(Errc::not_found, "no repository configuration in " + directory.string());
}

std::string MagnoliaLab::postgres_jdbc() const {
  return fmt::format("jdbc:postgresql://{}:5432/{}", servers_->address(), database_);
}

std::string MagnoliaLab::mariadb_jdbc() const {
  return fmt::format("jdbc:mariadb://{}:3306/{}", servers_->address(), database_);
}

// Values stand in the statements: servers that only speak the protocol take none of type image as a
// parameter.
std::string MagnoliaLab::sqlserver_jdbc() const {
  const model::Endpoint server = sqlserver();
  const auto tls = server.options.find("tls");
  const bool is_plain = tls != server.options.end() && tls->second == "off";
  std::string place = server.uri;
  if (const std::size_t query = place.find('?'); query != std::string::npos) place[query] = ';';
  return "jdbc:jtds:" + place + (is_plain ? "" : ";ssl=require") + ";prepareSQL=0";
}

std::string MagnoliaLab::postgres_uri() const {
  return fmt::format("postgresql://{}:5432/{}", servers_->address(), database_);
}

std::string MagnoliaLab::mariadb_uri() const {
  return fmt::format("mysql://{}:3306/{}", servers_->address(), database_);
}

std::vector<std::string> MagnoliaLab::java(std::string_view mode,
                                           const std::vector<std::string>& words) const {
  // These processes live for a second: what helps long ones is in their way.
  std::vector<std::string> argv{
      "java",
      "-XX:TieredStopAtLevel=1",
      "-XX:+UseSerialGC",
      "-Xlog:disable",
      "-XX:SharedArchiveFile=" HOLDFAST_MAGNOLIA_MADE "/fixture.jsa",
      "-Dderby.stream.error.file=" + (directory_ / (instance_ + "-derby.log")).string(),
      "-cp",
      HOLDFAST_MAGNOLIA_MADE "/fixture.jar" + drivers(),
      "MgnlFixture",
      std::string(mode),
      conf().string(),
      home().string()};
  argv.insert(argv.end(), words.begin(), words.end());
  return argv;
}

MagnoliaService::MagnoliaService(const MagnoliaLab& lab, std::chrono::milliseconds pause)
    : directory_(lab.directory() / (lab.instance() + "-service")), home_(lab.home().string()) {
  fs::create_directories(directory_);
  std::string line;
  for (const std::string& word :
       lab.java("load", {fmt::format("pausems={}", pause.count()), "seconds=3600"}))
    line += shell_quote(word) + " ";
  const std::string enter = "cd " + shell_quote(directory_.string()) + " || exit 1\n";
  // What has ended and waits for its parent has no program any more.
  const std::string runs = "[ -e \"/proc/$pid/exe\" ]";
  write_command(start_command(), enter +
                                     "echo start >> history\n"
                                     "setsid " +
                                     line +
                                     "> output 2>&1 < /dev/null &\n"
                                     "pid=$!\n"
                                     "echo $pid > pid\n"
                                     "until grep -q '^loading ' output; do\n  " +
                                     runs +
                                     " || { cat output >&2; exit 1; }\n  sleep 0.02\ndone\n");
  write_command(stop_command(), enter +
                                    "echo stop >> history\n"
                                    "pid=$(cat pid)\n"
                                    "kill \"$pid\"\n"
                                    "while " +
                                    runs + "; do sleep 0.02; done\n");
  Command command;
  command.argv = {start_command().string()};
  command.timeout = patience;
  run_to_success(command);
}

MagnoliaService::~MagnoliaService() {
  const pid_t running = pid();
  if (running < 0) return;
  ::kill(running, SIGKILL);
  for (int polls = 0; polls < 500 && pid() == running; ++polls)
    std::this_thread::sleep_for(poll_pause);
}

std::string MagnoliaService::quiesce() const {
  return fmt::format("[quiesce]\nstop = [\"{}\"]\nstart = [\"{}\"]\n", stop_command().string(),
                     start_command().string());
}

bool MagnoliaService::is_running() const {
  return pid() > 0;
}

std::string MagnoliaService::history() const {
  return read_text(directory_ / "history");
}

// Its number may be another's by now; its command line is not.
pid_t MagnoliaService::pid() const {
  const std::string text = read_text(directory_ / "pid");
  pid_t number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  if (number <= 1) return -1;
  const std::string line = read_text(fs::path("/proc") / std::to_string(number) / "cmdline");
  return line.find(home_) != std::string::npos ? number : -1;
}

}  // namespace holdfast::test
