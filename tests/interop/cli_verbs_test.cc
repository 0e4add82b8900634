// SPDX-License-Identifier: Apache-2.0
// The verbs that look into a repository and label its snapshots, beside restic's: the same JSON and
// figures of the same repository, whoever made it and in both versions of the format.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "harness/program.h"
#include "harness/repository_files.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

using Words = std::vector<std::string>;

struct Maker {
  bool is_restic = false;
  unsigned version = 2;
};

// A command, which must succeed.
Outcome run(Place& place, const std::string& program, Words words) {
  words.insert(words.begin(), program);
  const Outcome outcome = place.run(words);
  EXPECT_EQ(outcome.exit_code, 0) << program << " " << words[1] << ": " << outcome.text();
  return outcome;
}

std::string noise(std::size_t size, std::uint32_t state) {
  std::string text;
  for (; text.size() < size; state = state * 1664525U + 1013904223U)
    text += static_cast<char>(state >> 24U);
  return text;
}

// Three snapshots of a directory with most kinds of entries and changes.
class Made {
 public:
  explicit Made(const Maker& by)
      : maker_(by.is_restic ? "restic" : place_.program().string()), source(place_ / "source") {
    make_repository(place_.repository(), place_password, by.version);
    fs::create_directories(source / "same" / "deep");
    fs::create_directories(source / "gone");
    write_text(source / "same" / "deep" / "leaf", "a leaf");
    write_text(source / "same" / "large", noise(3'000'000, 1));
    write_text(source / "gone" / "file", "it goes");
    write_text(source / "copy", "a leaf");
    write_text(source / "kept.txt", std::string(100'000, 'k'));
    write_text(source / "mended", noise(2'000'000, 2));
    write_text(source / "<odd>\t\xff", "odd");
    write_text(source / "empty", "");
    fs::create_hard_link(source / "kept.txt", source / "same" / "linked");
    fs::create_symlink("kept.txt", source / "turned");
    if (::mkfifo((source / "fifo").c_str(), 0644) != 0) throw system_error(errno, "a fifo");
    first = backup({});
    fs::remove_all(source / "gone");
    fs::remove(source / "turned");
    write_text(source / "turned", "now a file");
    write_text(source / "mended", noise(2'000'000, 2) + noise(1'500'000, 3));
    write_text(source / "New.TXT", "new");
    fs::create_directories(source / "new" / "folder");
    fs::create_symlink("x", source / "new" / "folder" / "link");
    fs::permissions(source / "kept.txt", fs::perms::owner_read);
    second = backup({"--tag", "second"});
    fs::rename(source / "same" / "large", source / "moved");
    third = backup({"--tag", "third"});
  }
  [[nodiscard]] fs::path repository() const { return place_.repository(); }

 private:
  // The snapshot's whole id; restic 0.14 prints the front.
  std::string backup(Words more) {
    more.insert(more.begin(), {"backup", "--json", source.string()});
    const std::string id = run(place_, maker_, more).lines().back().at("snapshot_id").as_string();
    for (const fs::path& file : files_of(place_.repository(), storage::FileKind::snapshot)) {
      if (file.filename().string().starts_with(id)) return file.filename();
    }
    throw Error(Errc::not_found, "no snapshot was made");
  }
  Place place_;
  const std::string maker_;

 public:
  const fs::path source;
  std::string first, second, third;
};

// Each test has the repository for itself, as a copy.
class CliVerbs : public testing::TestWithParam<Maker> {
 protected:
  CliVerbs() { fs::copy(made_.repository(), place_.repository(), fs::copy_options::recursive); }

  static Made& made() {
    static std::map<std::pair<bool, unsigned>, std::unique_ptr<Made>> all;
    std::unique_ptr<Made>& one = all[{GetParam().is_restic, GetParam().version}];
    if (!one) one = std::make_unique<Made>(GetParam());
    return *one;
  }
  [[nodiscard]] fs::path source() const { return made_.source; }

  // Without a lock where nothing is written: it takes a while to get one.
  static Words unlocked(Words words) {
    if (std::set<std::string>{"diff", "stats", "find", "list", "snapshots"}.contains(words[0]))
      words.emplace_back("--no-lock");
    return words;
  }
  Outcome restic(const Words& words) { return run(place_, "restic", unlocked(words)); }
  Outcome holdfast(const Words& words) {
    return run(place_, place_.program().string(), unlocked(words));
  }

  // Lines in the order of their text: the order of snapshots was left to chance by restic 0.14.
  static Words sorted_lines(const Outcome& outcome) {
    Words lines;
    std::string_view text = outcome.output;
    while (!text.empty()) {
      const std::string_view line = text.substr(0, text.find('\n'));
      lines.emplace_back(line);
      text.remove_prefix(std::min(text.size(), line.size() + 1));
    }
    std::ranges::sort(lines);
    return lines;
  }
  static Words sorted_elements(const Json& document) {
    Words elements;
    for (const Json& element : document.as_array()) elements.push_back(element.dump());
    std::ranges::sort(elements);
    return elements;
  }

  Made& made_ = made();
  const std::string first_ = made_.first, second_ = made_.second, third_ = made_.third;
  Place place_;
};

INSTANTIATE_TEST_SUITE_P(Makers, CliVerbs,
                         testing::Values(Maker{false, 2}, Maker{true, 1}, Maker{true, 2}),
                         [](const auto& each) {
                           return std::string(each.param.is_restic ? "Restic" : "Holdfast") +
                                  std::to_string(each.param.version);
                         });

TEST_P(CliVerbs, DiffIsTheSame) {
  for (const auto& [before, after] :
       std::vector<std::pair<std::string, std::string>>{{first_, second_},
                                                        {second_, first_},
                                                        {first_, third_},
                                                        {second_, third_},
                                                        {third_, third_}}) {
    const Words words{"diff", "--json", before, after};
    EXPECT_EQ(holdfast(words).output, restic(words).output) << before << " " << after;
    const Words with_metadata{"diff", "--json", "--metadata", before, after};
    EXPECT_EQ(holdfast(with_metadata).output, restic(with_metadata).output);
  }
  const Words quiet{"diff", "--quiet", first_, third_};
  EXPECT_EQ(holdfast(quiet).output, restic(quiet).output);
  EXPECT_NE(restic(quiet).output.find("Files:           2 new,     2 removed,     1 changed"),
            std::string::npos)
      << restic(quiet).output;
  // Folders of snapshots are younger than restic 0.14.
  const std::string place = source().string();
  EXPECT_EQ(
      holdfast({"diff", "--json", first_ + ":" + place + "/same", third_ + ":" + place + "/same"})
          .lines()
          .at(0)
          .dump(),
      R"({"message_type":"change","path":"/large","modifier":"-"})");
}

// A member that is 0 is left out by newer restic; 0.14 always has total_file_count, and nothing of
// compression.
TEST_P(CliVerbs, StatsAreTheSame) {
  for (const char* mode : {"restore-size", "files-by-contents", "blobs-per-file", "raw-data"}) {
    for (const Words& meant : std::vector<Words>{
             {}, {first_}, {"latest"}, {first_, third_}, {"--tag", "second"}, {"--host", "none"}}) {
      Words words{"stats", "--json", "--mode", mode};
      words.insert(words.end(), meant.begin(), meant.end());
      const Json theirs = restic(words).document(), ours = holdfast(words).document();
      for (const auto& [key, value] : theirs.as_object()) {
        EXPECT_EQ(ours.uint_or(key, 0), value.as_uint())
            << mode << " " << key << " of " << (meant.empty() ? "all" : meant.back());
      }
      const bool counts_compression = std::string_view(mode) == "raw-data" &&
                                      GetParam().version == 2 &&
                                      ours.at("snapshots_count").as_uint() > 0;
      EXPECT_EQ(ours.find("total_uncompressed_size") != nullptr, counts_compression) << ours.dump();
    }
  }
}

TEST_P(CliVerbs, FindsTheSame) {
  for (const Words& wanted : std::vector<Words>{{"*.txt"},
                                                {"-i", "*.TXT", "leaf"},
                                                {"same"},
                                                {(source() / "*").string()},
                                                {source().string() + "/**/deep/*"},
                                                {"--snapshot", first_, "*"},
                                                {"--tag", "second", "*.txt"},
                                                {"--oldest", "2020-01-01", "kept.txt"},
                                                {"--newest", "2020-01-01 10:00", "kept.txt"},
                                                {"nothing"}}) {
    Words words{"find", "--json"};
    words.insert(words.end(), wanted.begin(), wanted.end());
    Json ours = holdfast(words).document();
    // restic 0.14 does not tell inodes.
    for (Json& snapshot : ours.as_array()) {
      for (auto& [key, matches] : snapshot.as_object()) {
        if (key != "matches") continue;
        for (Json& match : matches.as_array()) {
          std::erase_if(match.as_object(),
                        [](const auto& member) { return member.first == "inode"; });
        }
      }
    }
    EXPECT_EQ(sorted_elements(ours), sorted_elements(restic(words).document())) << wanted.back();
  }
}

TEST_P(CliVerbs, FindsTheSameUsesOfObjects) {
  // What is of the source alone: the folders above it are everybody's.
  const Json tree = holdfast({"cat", "tree", first_ + ":" + source().string()}).document();
  std::string blob, folder;
  for (const Json& node : tree.at("nodes").as_array()) {
    if (node.at("name").as_string() == "copy")
      blob = node.at("content").as_array().at(0).as_string();
    if (node.at("name").as_string() == "gone") folder = node.at("subtree").as_string();
  }
  for (const Words& wanted : std::vector<Words>{{"--blob", blob},
                                                {"--blob", blob.substr(0, 8)},
                                                {"--tree", folder},
                                                {"--tree", folder.substr(0, 8)},
                                                {"--blob", std::string(64, '0')}}) {
    Words words{"find", "--json"};
    words.insert(words.end(), wanted.begin(), wanted.end());
    EXPECT_EQ(sorted_elements(holdfast(words).document()),
              sorted_elements(restic(words).document()))
        << wanted.back();
  }
  const Json uses = holdfast({"find", "--json", "--show-pack-id", "--blob", blob}).document();
  const std::string pack = uses.as_array().at(0).at("pack").as_string();
  EXPECT_TRUE(restic({"find", "--show-pack-id", "--blob", blob}).says("pack " + pack));
  const Words by_pack{"find", "--json", "--pack", pack.substr(0, 8)};
  EXPECT_EQ(sorted_elements(holdfast(by_pack).document()),
            sorted_elements(restic(by_pack).document()));
}

TEST_P(CliVerbs, ListTheSame) {
  for (const char* kind : {"blobs", "packs", "index", "snapshots", "keys", "locks"}) {
    EXPECT_EQ(sorted_lines(holdfast({"list", kind})), sorted_lines(restic({"list", kind}))) << kind;
  }
  // The packs of a snapshot suffice to restore it; listing them is younger than restic 0.14.
  const Words packs = sorted_lines(holdfast({"list", "packs", first_}));
  const Words all = sorted_lines(holdfast({"list", "packs"}));
  EXPECT_LT(packs.size(), all.size());
  for (const std::string& pack : all) {
    if (std::ranges::find(packs, pack) == packs.end())
      fs::remove(place_.repository() / "data" / pack.substr(0, 2) / pack);
  }
  restic({"restore", first_, "--target", (place_ / "out").string()});
}

TEST_P(CliVerbs, EachTakesTheTagsOfTheOther) {
  const auto tags_of = [this](const std::string& original) {
    std::vector<std::string> found;
    const Json all = restic({"snapshots", "--json"}).document();
    for (const Json& snapshot : all.as_array()) {
      if (snapshot.string_or("original", "") != original) continue;
      for (const Json& tag : snapshot.at("tags").as_array()) found.push_back(tag.as_string());
    }
    std::ranges::sort(found);
    return found;
  };
  holdfast({"tag", "--add", "ours,too", first_});
  EXPECT_EQ(tags_of(first_), (Words{"ours", "too"}));
  restic({"tag", "--add", "theirs", "--tag", "ours,too"});
  holdfast({"tag", "--remove", "too", "--tag", "theirs"});
  EXPECT_EQ(tags_of(first_), (Words{"ours", "theirs"}));
  holdfast({"tag", "--set", "a, b", "--tag", "ours"});
  EXPECT_EQ(tags_of(first_), (Words{"a", "b"}));
  EXPECT_EQ(restic({"snapshots", "--json"}).document().as_array().size(), 3U);
  restic({"check", "--read-data"});
  holdfast({"check", "--read-data"});
  // All but the tags and ids stays as it was.
  const Json all = holdfast({"snapshots", "--json"}).document();
  const Json& changed = all.as_array().at(0);
  EXPECT_EQ(changed.at("paths").as_array().at(0).as_string(), source().string());
  EXPECT_TRUE(holdfast({"diff", "--quiet", changed.at("id").as_string(), third_})
                  .says("2 new,     2 removed,     1 changed"));
}

// The forms of caches are the same, so that either program cleans up after the other.
TEST_P(CliVerbs, CachesAreFoundAndCleaned) {
  const fs::path base = place_ / "caches";
  restic({"--cache-dir", base.string(), "snapshots"});
  const Json caches = holdfast({"--cache-dir", base.string(), "cache", "--json"}).document();
  ASSERT_EQ(caches.as_array().size(), 1U);
  const std::string id = caches.as_array()[0].at("id").as_string();
  EXPECT_TRUE(restic({"--cache-dir", base.string(), "cache"}).says(id.substr(0, 10)));
  EXPECT_FALSE(caches.as_array()[0].at("old").as_bool());
  EXPECT_GT(caches.as_array()[0].at("size").as_uint(), 0U);
  holdfast({"--cache-dir", base.string(), "cache", "--cleanup"});
  EXPECT_TRUE(fs::exists(base / id));
  fs::last_write_time(base / id, fs::file_time_type::clock::now() - std::chrono::hours(24 * 31));
  EXPECT_TRUE(restic({"--cache-dir", base.string(), "cache"}).says("yes"));
  holdfast({"--cache-dir", base.string(), "cache", "--cleanup"});
  EXPECT_FALSE(fs::exists(base / id));
}

}  // namespace
}  // namespace holdfast::test
