// SPDX-License-Identifier: Apache-2.0
#include "job/discover.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "job/test_instance.h"
#include "profile/instance_file.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

class DiscoverTest : public InstanceTest {
 protected:
  static Discovery find(const std::string& place) {
    std::vector<Discovery> found = discover(std::vector<std::string>{place});
    EXPECT_EQ(found.size(), 1U);
    return std::move(found.at(0));
  }
};

TEST_F(DiscoverTest, DraftsAnInstanceOfADirectory) {
  const Discovery found = find(source().string() + "/");
  EXPECT_EQ(found.instance.name, "srv");
  EXPECT_EQ(found.instance.home, source().string());
  ASSERT_EQ(found.instance.databases.size(), 1U);
  EXPECT_EQ(found.instance.databases[0].name, "orders");
  EXPECT_EQ(found.instance.databases[0].uri, "sqlite:" + (source() / "db/orders.db").string());
  ASSERT_EQ(found.instance.files.size(), 1U);
  EXPECT_EQ(found.instance.files[0].paths, std::vector<std::string>{source().string()});
}

TEST_F(DiscoverTest, EndsAtAStopRequest) {
  stop_.request_stop();
  for (const std::string& place : {source().string(), (source() / "db/orders.db").string(),
                                   "sqlite:" + (source() / "db/orders.db").string()}) {
    EXPECT_EQ(error_of([&] {
                static_cast<void>(discover(std::vector<std::string>{place}, stop_.get_token()));
              }),
              Errc::cancelled)
        << place;
  }
}

TEST_F(DiscoverTest, WritesAFileThatCanBeReadBack) {
  const std::string text = to_instance_file(find(source().string()));
  const model::Instance read_back = profile::parse_instance(text, "draft.toml");
  EXPECT_EQ(read_back.name, "srv");
  EXPECT_EQ(read_back.databases.size(), 1U);
  EXPECT_NE(text.find("# Found by looking at " + source().string()), std::string::npos) << text;
  EXPECT_NE(text.find("# header of "), std::string::npos) << text;
  EXPECT_NE(text.find("password_file"), std::string::npos) << text;
}

TEST_F(DiscoverTest, NamesNoFilesWhereThereAreOnlyDatabases) {
  EXPECT_TRUE(find((source() / "db").string()).instance.files.empty());
}

TEST_F(DiscoverTest, TakesUrisAndDatabaseFiles) {
  const std::string uri = "sqlite:" + (source() / "db/orders.db").string();
  EXPECT_EQ(find(uri).instance.databases.at(0).uri, uri);
  EXPECT_EQ(find((source() / "db/orders.db").string()).instance.databases.at(0).uri, uri);
  EXPECT_EQ(error_of([&] { static_cast<void>(find("sqlite:/nowhere/x.db")); }), Errc::not_found);
  EXPECT_EQ(error_of([&] { static_cast<void>(find("sqlserver:x")); }), Errc::usage);
  EXPECT_EQ(error_of([&] { static_cast<void>(find("gopher:x")); }), Errc::usage);
  EXPECT_EQ(error_of([&] { static_cast<void>(find((source() / "files/a.txt").string())); }),
            Errc::usage);
  EXPECT_EQ(error_of([&] { static_cast<void>(find((source() / "missing").string())); }),
            Errc::not_found);
}

TEST_F(DiscoverTest, PutsSeveralPlacesIntoOneInstance) {
  fs::create_directories(root() / "other");
  run_sql(root() / "other/orders.db", "CREATE TABLE t(x);");
  const Discovery found =
      discover(std::vector<std::string>{source().string(), (root() / "other/orders.db").string()})
          .at(0);
  ASSERT_EQ(found.instance.databases.size(), 2U);
  EXPECT_EQ(found.instance.databases[1].name, "orders-2");
  EXPECT_EQ(found.instance.name, "srv");
}

// The least that makes a web application Magnolia's.
void write_magnolia(const fs::path& application) {
  const fs::path config = application / "WEB-INF/config/default";
  fs::create_directories(config);
  write_file_durably(config / "magnolia.properties", as_bytes("magnolia.update.auto=true\n"));
  write_file_durably(config / "repositories.xml", as_bytes("<JCR/>"));
}

TEST_F(DiscoverTest, MakesAnInstanceOfEachApplicationThatAProfileKnows) {
  write_magnolia(root() / "tomcat/webapps/magnoliaAuthor");
  write_magnolia(root() / "tomcat/webapps/magnoliaPublic");
  const std::vector<Discovery> found =
      discover(std::vector<std::string>{(root() / "tomcat").string(), source().string()});
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].instance.name, "magnoliaAuthor");
  EXPECT_EQ(found[0].instance.profile, "magnolia");
  EXPECT_EQ(found[1].instance.name, "magnoliaPublic");
  EXPECT_EQ(found[2].instance.profile, "custom");
  EXPECT_EQ(found[2].instance.databases.size(), 1U);
  const std::string text = to_instance_file(found[0]);
  const model::Instance again = profile::parse_instance(text, "draft.toml");
  EXPECT_EQ(again.profile, "magnolia");
  EXPECT_EQ(again.home, (root() / "tomcat/webapps/magnoliaAuthor").string());
  EXPECT_TRUE(again.files.empty());
  EXPECT_NE(text.find("# files: the web application"), std::string::npos) << text;
}

// A process whose command line is a JVM's: a shell of that name, which waits for its input's end.
class PretendedJvm {
 public:
  PretendedJvm(const fs::path& program, std::vector<std::string> words) {
    fs::create_symlink("/bin/sh", program);
    Pipe pipe = make_pipe();
    words.insert(words.begin(), {program.string(), "-s", "--"});
    const Placement placements[] = {{0, pipe.reading.get()}, {1}, {2}};
    pid_ = spawn({.argv = words, .environment = {}, .directory = {}, .timeout = {}}, placements,
                 ChildGroup::process_group);
    input_ = std::move(pipe.writing);
    // Until it has become what it is started as.
    const std::string command_line = "/proc/" + std::to_string(pid_) + "/cmdline";
    while (!read_text_file(command_line, 1U << 20U).starts_with(program.string())) {
    }
  }
  PretendedJvm(const PretendedJvm&) = delete;
  PretendedJvm& operator=(const PretendedJvm&) = delete;
  ~PretendedJvm() {
    input_.reset();
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] std::string place() const { return "pid:" + std::to_string(pid_); }

 private:
  Fd input_;
  pid_t pid_ = -1;
};

TEST_F(DiscoverTest, FindsTheApplicationsOfARunningJvm) {
  const fs::path tomcat = root() / "tomcat";
  write_magnolia(root() / "elsewhere/magnoliaAuthor");
  fs::create_directories(tomcat / "conf/Catalina/localhost");
  write_file_durably(tomcat / "conf/server.xml", as_bytes("<Server/>"));
  const std::string context =
      "<Context docBase='" + (root() / "elsewhere/magnoliaAuthor").string() + "'/>";
  write_file_durably(tomcat / "conf/Catalina/localhost/author.xml", as_bytes(context));
  const PretendedJvm jvm(root() / "java", {"-Dcatalina.base=" + tomcat.string(),
                                           "-Dmagnolia.logs.dir=/var/log/magnolia", "Bootstrap"});
  const Discovery found = find(jvm.place());
  EXPECT_EQ(found.instance.home, (root() / "elsewhere/magnoliaAuthor").string());
  EXPECT_EQ(found.instance.magnolia.system_properties,
            (std::map<std::string, std::string>{{"catalina.base", tomcat.string()},
                                                {"magnolia.logs.dir", "/var/log/magnolia"}}));
}

TEST_F(DiscoverTest, FindsWhatAProcessHasOpen) {
  const Fd open = open_file(source() / "db/orders.db", O_RDONLY);
  const Discovery found = find("pid:" + std::to_string(::getpid()));
  EXPECT_TRUE(std::any_of(found.instance.databases.begin(), found.instance.databases.end(),
                          [&](const auto& database) {
                            return database.uri == "sqlite:" + (source() / "db/orders.db").string();
                          }));
  EXPECT_EQ(error_of([&] { static_cast<void>(find("pid:none")); }), Errc::usage);
  EXPECT_EQ(error_of([&] { static_cast<void>(find("pid:4194305")); }), Errc::not_found);
}

}  // namespace
}  // namespace holdfast::job
