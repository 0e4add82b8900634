// SPDX-License-Identifier: Apache-2.0
#include "job/restore_text.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/fd.h"
#include "base/process.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

model::Manifest manifest_with(const std::string& place, const std::string& source) {
  model::Manifest manifest;
  manifest.instance = "shop";
  manifest.hostname = "web1";
  model::FilesFacts files;
  files.name = "uploads";
  files.paths = {{source, place}};
  manifest.files.push_back(files);
  return manifest;
}

// The commands of the text that copy files, as a script.
std::string copying(const std::string& text) {
  std::string script;
  for (std::size_t at = text.find("    cp "); at != std::string::npos;
       at = text.find("    cp ", at + 1)) {
    script += text.substr(at, text.find('\n', at) - at) + "\n";
  }
  return script;
}

TEST(RestoreText, ItsCommandsCopyWhateverAPathHolds) {
  for (const std::string name :
       {"plain", "with space", "it's $(touch pwned) `x` \"y\"", "-rf", "a\nb", "\xff\x1b[31m"}) {
    const TemporaryDirectory root("restore-text-test");
    const fs::path source = root.path() / "new" / name;
    fs::create_directories(root.path() / "new");
    fs::create_directories(root.path() / "files" / name);
    write_file_durably(root.path() / "files" / name / "a", as_bytes("alpha"));
    const std::string script =
        copying(restore_text(manifest_with("files/" + name, source.string())));
    Command command{.argv = {"bash", "-ec", script}};
    command.directory = root.path();
    // Once more: a directory that is there takes the content, not a directory of the same name.
    for (int i = 0; i < 2; ++i) {
      const ProcessResult result = run_process(command);
      EXPECT_EQ(result.exit_code, 0) << script << result.errors;
    }
    EXPECT_EQ(read_text_file(source / "a"), "alpha") << script;
    EXPECT_FALSE(fs::exists(source / name)) << script;
    EXPECT_FALSE(fs::exists(root.path() / "pwned"));
  }
}

TEST(RestoreText, EndsWithWhatTheProfileSays) {
  model::Manifest manifest = manifest_with("files/uploads", "/srv");
  manifest.profile_facts.set("by_hand", "\n## At last\n\n    true\n");
  EXPECT_TRUE(restore_text(manifest).ends_with("'/srv'\n\n## At last\n\n    true\n"))
      << restore_text(manifest);
}

TEST(RestoreText, ShowsNoNameThatSteersATerminalOrBreaksItsLine) {
  model::Manifest manifest = manifest_with("files/uploads/srv", "/srv");
  manifest.hostname = "web\n# 1";
  manifest.files[0].name = "up\x1b[2Jloads";
  manifest.files[0].unreadable = {"/srv/a\n    rm -rf /", "/srv/b\u202e"};
  const std::string text = restore_text(manifest);
  for (const char byte : text)
    EXPECT_TRUE(byte == '\n' || static_cast<unsigned char>(byte) >= 0x20);
  EXPECT_EQ(text.find("\n    rm "), std::string::npos) << text;
  EXPECT_EQ(text.find("\n# 1"), std::string::npos) << text;
  EXPECT_EQ(text.find("\u202e"), std::string::npos) << text;
}

}  // namespace
}  // namespace holdfast::job
