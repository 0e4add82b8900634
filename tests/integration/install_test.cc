// SPDX-License-Identifier: Apache-2.0
// What `cmake --install` and `cpack` make of a built tree: everything is where it is looked for,
// and the program works from there. docs/install.md
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/fd.h"
#include "harness/program.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

const fs::path built = HOLDFAST_BINARY_DIR;

// Paths of all files below `directory`, relative to it, without the user's guides.
std::set<std::string> files_below(const fs::path& directory) {
  std::set<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    const std::string path = entry.path().lexically_relative(directory).string();
    if (!entry.is_directory() && path.find("share/doc/holdfast/docs/") == std::string::npos)
      files.insert(path);
  }
  return files;
}

std::set<std::string> expected_files() {
  std::set<std::string> files{"bin/holdfast",
                              "lib/holdfast/holdfast-grpc.so",
                              "lib/systemd/system/holdfast-backup@.service",
                              "lib/systemd/system/holdfast-backup@.timer",
                              "lib/systemd/system/holdfast-failed@.service",
                              "lib/systemd/system/holdfast-resume.service",
                              "share/bash-completion/completions/holdfast",
                              "share/doc/holdfast/ARCHITECTURE.md",
                              "share/doc/holdfast/CHANGELOG.md",
                              "share/doc/holdfast/LICENSE",
                              "share/doc/holdfast/README.md",
                              "share/fish/vendor_completions.d/holdfast.fish",
                              "share/zsh/site-functions/_holdfast"};
  if (fs::exists(built / "holdfast-rows.jar")) files.insert("share/holdfast/holdfast-rows.jar");
  return files;
}

// The same in the package: Debian's names of documents.
std::set<std::string> expected_in_package(const std::set<std::string>& man_pages) {
  std::set<std::string> files;
  for (std::string file : expected_files()) {
    if (file.ends_with("/CHANGELOG.md")) file = "share/doc/holdfast/changelog.gz";
    if (file.ends_with("/LICENSE")) file = "share/doc/holdfast/copyright";
    if (file.ends_with("/_holdfast")) file = "share/zsh/vendor-completions/_holdfast";
    files.insert("usr/" + file);
  }
  files.insert("usr/share/doc/holdfast/changelog.Debian.gz");
  for (const std::string& page : man_pages) files.insert("usr/share/man/man1/" + page + ".gz");
  return files;
}

// Backs up a folder with the program and restores it elsewhere; both are the same then.
void expect_backup_and_restore(Place& place) {
  write_text(place / "a file", "its content\n");
  fs::create_directories(place / "source/below");
  fs::rename(place / "a file", place / "source/below/file");
  for (const std::vector<std::string>& words : {std::vector<std::string>{"init"},
                                                {"backup", (place / "source").string()},
                                                {"restore", "latest:" + (place / "source").string(),
                                                 "--target", (place / "target").string()}}) {
    const Outcome outcome = place.holdfast(words);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
  }
  EXPECT_EQ(read_text(place / "target/below/file"), "its content\n");
}

// What a run that must call a server of TypeDB says, at a port where none is.
std::string said_of_typedb(Place& place) {
  write_text(
      place / "typedb.toml",
      "name = \"shop\"\n[[database]]\nname = \"shop\"\nuri = \"typedb://127.0.0.1:1/shop\"\n");
  const Outcome outcome = place.holdfast({"preflight", "-I", (place / "typedb.toml").string()});
  EXPECT_NE(outcome.exit_code, 0);
  return outcome.text();
}

class Install : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    root = new TemporaryDirectory("holdfast-install-test");
    Place place;
    const Outcome outcome = place.run(
        {"cmake", "--install", built.string(), "--prefix", (root->path() / "usr").string()});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
    ASSERT_EQ(place.holdfast({"generate", "--man", (root->path() / "man").string()}).exit_code, 0);
  }
  static void TearDownTestSuite() {
    delete root;
    root = nullptr;
  }

  static fs::path prefix() { return root->path() / "usr"; }
  static bool has(Place& place, const std::string& program) {
    return place.run({"sh", "-c", "command -v " + program}).exit_code == 0;
  }

  // What a shell makes of lines that are typed on a terminal with a program `holdfast` that prints
  // its words, each line's behind GOT.
  std::string typed(const std::vector<std::string>& shell, const std::string& lines) {
    write_text(place_ / "keys", lines + "exit\n");
    std::string command;
    for (const std::string& word : shell) command += word + " ";
    RunOptions options;
    options.input = place_ / "keys";
    options.environment = {
        {"TERM", "dumb"}, {"ZDOTDIR", place_.root().string()}, {"PREFIX", prefix().string()}};
    options.wrapper = {"env", "-C", place_.root().string()};
    const Outcome outcome = place_.run({"timeout", "120", "script", "--quiet", "--return",
                                        "--command", command, (place_ / "typescript").string()},
                                       options);
    std::string got;
    std::string text = outcome.output;
    std::erase(text, '\r');
    for (std::size_t at = 0; (at = text.find("GOT", at)) != std::string::npos; ++at)
      got += text.substr(at + 4, text.find('\n', at) - at - 3);
    return got;
  }

  static TemporaryDirectory* root;
  Place place_{prefix() / "bin/holdfast"};
};
TemporaryDirectory* Install::root = nullptr;

TEST_F(Install, PutsEverythingWhereItIsLookedFor) {
  std::set<std::string> expected = expected_files();
  const std::set<std::string> pages = files_below(root->path() / "man");
  EXPECT_GT(pages.size(), 20U);
  for (const std::string& page : pages) expected.insert("share/man/man1/" + page);
  EXPECT_EQ(files_below(prefix()), expected);
  EXPECT_TRUE(fs::exists(prefix() / "share/doc/holdfast/docs/install.md"));
  EXPECT_TRUE(
      fs::exists(prefix() / "share/doc/holdfast/docs/adr/0006-a-lock-is-proved-by-its-file.md"));
  // What was generated is of this program.
  for (const std::string& page : pages) {
    EXPECT_EQ(read_text(prefix() / "share/man/man1" / page), read_text(root->path() / "man" / page))
        << page;
  }
}

TEST_F(Install, LeavesAProgramThatBacksUpAndRestores) {
  expect_backup_and_restore(place_);
}

TEST_F(Install, LeavesAProgramThatFindsItsModule) {
  const std::string missing = "bin/holdfast-grpc.so";
  EXPECT_EQ(said_of_typedb(place_).find(missing), std::string::npos) << said_of_typedb(place_);
  const fs::path module = prefix() / "lib/holdfast/holdfast-grpc.so";
  fs::rename(module, place_ / "aside.so");
  EXPECT_NE(said_of_typedb(place_).find(missing), std::string::npos) << said_of_typedb(place_);
  fs::rename(place_ / "aside.so", module);
}

TEST_F(Install, LetsBashCompleteOnATerminal) {
  write_text(place_ / "rc",
             "PS1='> '\nbind 'set bell-style none'\n"
             ". \"$PREFIX/share/bash-completion/completions/holdfast\"\n"
             "holdfast() { printf 'GOT'; printf ' %s' \"$@\"; echo; }\n");
  write_text(place_ / "some file", "");
  fs::create_directory(place_ / "somewhere");
  EXPECT_EQ(typed({"bash", "--noprofile", "--rcfile", (place_ / "rc").string(), "-i"},
                  "holdfast bac\tsom\t\t-\n"
                  "holdfast key l\t\n"
                  "holdfast restore --overw\tif-n\t x\n"
                  "holdfast restore --overwrite=if-n\t x\n"
                  "holdfast --cache-dir somew\t x\n"
                  "holdfast --password-file=some\\ \t x\n"
                  "holdfast -o loc\t3\n"),
            "backup some-\n"
            "key list\n"
            "restore --overwrite if-newer x\n"
            "restore --overwrite=if-newer x\n"
            "--cache-dir somewhere/ x\n"
            "--password-file=some file x\n"
            "-o local.connections=3\n");
}

TEST_F(Install, LetsZshCompleteOnATerminal) {
  if (!has(place_, "zsh")) GTEST_SKIP() << "no zsh is installed";
  write_text(place_ / ".zshrc",
             "PS1='> '\nfpath=(\"$PREFIX/share/zsh/site-functions\" $fpath)\n"
             "autoload -Uz compinit; compinit -u -D\n"
             "holdfast() { print -r -- GOT \"$@\" }\n");
  write_text(place_ / "some-file", "");
  fs::create_directory(place_ / "somewhere");
  EXPECT_EQ(typed({"zsh", "-i"},
                  "holdfast bac\tsome-\tx\n"
                  "holdfast key l\t\n"
                  "holdfast help key l\t\n"
                  "holdfast restore --overw\tif-n\tx\n"
                  "holdfast restore --overwrite=if-n\tx\n"
                  "holdfast --cache-dir some\t\n"
                  "holdfast -r backup cat sn\tx\n"
                  "holdfast preflight --fi\tx\n"),
            "backup some-file x\n"
            "key list\n"
            "help key list\n"
            "restore --overwrite=if-newer x\n"
            "restore --overwrite=if-newer x\n"
            "--cache-dir somewhere\n"
            "-r backup cat snapshot x\n"
            "preflight --fix x\n");
}

TEST_F(Install, LetsFishComplete) {
  if (!has(place_, "fish")) GTEST_SKIP() << "no fish is installed";
  write_text(place_ / "some-file", "");
  fs::create_directory(place_ / "somewhere");
  const std::vector<std::pair<std::string, std::string>> cases{
      {"holdfast bac", "backup"},
      {"holdfast key l", "list"},
      {"holdfast help key l", "list"},
      {"holdfast restore --overwrite if", "if-changed if-newer"},
      {"holdfast restore --overwrite=if", "--overwrite=if-changed --overwrite=if-newer"},
      {"holdfast -r backup cat sn", "snapshot"},
      {"holdfast backup some", "some-file somewhere/"},
      {"holdfast --password-file some", "some-file somewhere/"},
      {"holdfast prune some", ""},
      {"holdfast preflight --fi", "--fix"},
      {"holdfast resume --jou", ""},
  };
  std::string script =
      "source " + (prefix() / "share/fish/vendor_completions.d/holdfast.fish").string() + "\n";
  std::string expected;
  for (const auto& [line, offered] : cases) {
    script += fmt::format(
        "string join ' ' -- (complete -C '{}' | string replace -r '\\t.*' '' | sort)"
        "; "
        "echo \"|\"\n",
        line);
    expected += offered + (offered.empty() ? "" : "\n") + "|\n";
  }
  write_text(place_ / "script", script);
  RunOptions options;
  options.wrapper = {"env", "-C", place_.root().string()};
  const Outcome outcome =
      place_.run({"fish", "--no-config", (place_ / "script").string()}, options);
  EXPECT_EQ(outcome.output, expected) << outcome.errors;
}

TEST_F(Install, HasUnitsThatSystemdTakes) {
  if (!has(place_, "systemd-analyze")) GTEST_SKIP() << "no systemd is installed";
  // With the path of the installed program: systemd looks for a bare name in directories of its
  // own.
  std::vector<std::string> units;
  for (const auto& unit : fs::directory_iterator(prefix() / "lib/systemd/system")) {
    std::string text = read_text(unit.path());
    if (const std::size_t at = text.find("=holdfast "); at != std::string::npos)
      text.insert(at + 1, (prefix() / "bin/").string());
    units.push_back((place_ / "units" / unit.path().filename()).string());
    fs::create_directories(place_ / "units");
    write_text(units.back(), text);
  }
  std::vector<std::string> words{"systemd-analyze", "verify", "--man=no"};
  words.insert(words.end(), units.begin(), units.end());
  const Outcome verified = place_.run(words);
  EXPECT_EQ(verified.exit_code, 0) << verified.text();
  EXPECT_EQ(verified.errors.find("holdfast"), std::string::npos)
      << "units of others may be wrong: " << verified.text();
  const Outcome security =
      place_.run({"systemd-analyze", "security", "--offline=yes", "--threshold=40", "--no-pager",
                  (place_ / "units/holdfast-backup@.service").string()});
  EXPECT_EQ(security.exit_code, 0) << security.text();
}

TEST_F(Install, MakesADebianPackage) {
  for (const char* program : {"cpack", "dpkg-deb", "dpkg-shlibdeps", "file"}) {
    if (!has(place_, program)) GTEST_SKIP() << "no " << program << " is installed";
  }
  const Outcome packed =
      place_.run({"cpack", "--config", (built / "CPackConfig.cmake").string(), "-G", "DEB", "-D",
                  "CPACK_DEBIAN_COMPRESSION_TYPE=gzip", "-B", (place_ / "packed").string()});
  ASSERT_EQ(packed.exit_code, 0) << packed.text();
  const std::string architecture = place_.run({"dpkg", "--print-architecture"}).output;
  const fs::path package = place_ / fmt::format("packed/holdfast_{}-1_{}.deb", HOLDFAST_VERSION,
                                                architecture.substr(0, architecture.find('\n')));
  ASSERT_TRUE(fs::exists(package)) << packed.text();
  const auto field = [&](const std::string& name) {
    const std::string text = place_.run({"dpkg-deb", "--field", package.string(), name}).output;
    return text.substr(0, text.find('\n'));
  };
  EXPECT_EQ(field("Package"), "holdfast");
  EXPECT_EQ(field("Version"), std::string(HOLDFAST_VERSION) + "-1");
  // The last one is the module's.
  for (const char* library : {"libc6 (>= ", "libstdc++6 (>= ", "libzstd1", "libpq5", "libgrpc++"})
    EXPECT_NE(field("Depends").find(library), std::string::npos) << field("Depends");
  // Everything belongs to root, and nobody else can write to it.
  std::istringstream listing(place_.run({"dpkg-deb", "--contents", package.string()}).output);
  std::size_t lines = 0;
  for (std::string line; std::getline(listing, line); ++lines) {
    const std::string rights = line.substr(0, line.find(' '));
    EXPECT_NE(line.find(" root/root "), std::string::npos) << line;
    EXPECT_TRUE(rights == "drwxr-xr-x" || rights == "-rw-r--r--" ||
                (rights == "-rwxr-xr-x" && line.ends_with("bin/holdfast")))
        << line;
  }
  EXPECT_GT(lines, 20U);
  const fs::path unpacked = place_ / "unpacked";
  ASSERT_EQ(place_.run({"dpkg-deb", "--extract", package.string(), unpacked.string()}).exit_code,
            0);
  EXPECT_EQ(files_below(unpacked), expected_in_package(files_below(root->path() / "man")));
  EXPECT_TRUE(fs::exists(unpacked / "usr/share/doc/holdfast/docs/install.md"));
  EXPECT_EQ(
      place_.run({"file", (unpacked / "usr/bin/holdfast").string()}).output.find("not stripped"),
      std::string::npos);
  const Outcome changelog =
      place_.run({"dpkg-parsechangelog", "--show-field", "Version", "--file",
                  (unpacked / "usr/share/doc/holdfast/changelog.Debian.gz").string()});
  EXPECT_EQ(changelog.output, std::string(HOLDFAST_VERSION) + "-1\n") << changelog.text();
  Place other(unpacked / "usr/bin/holdfast");
  expect_backup_and_restore(other);
  EXPECT_EQ(said_of_typedb(other).find("bin/holdfast-grpc.so"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::test
