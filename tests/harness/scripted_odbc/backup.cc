// SPDX-License-Identifier: Apache-2.0
#include "harness/scripted_odbc/backup.h"

#include <fstream>
#include <stdexcept>
#include <vector>

#include "engine/sqlserver/bak/test_bak.h"

namespace holdfast::test::scripted {
namespace {

using engine::sqlserver::test::Sums;
using engine::sqlserver::test::TestBak;
using engine::sqlserver::test::TestFile;
using engine::sqlserver::test::TestSet;

using Options = std::map<std::string, std::string>;

std::string text_or(const Options& options, const std::string& key, const std::string& otherwise) {
  const auto found = options.find(key);
  return found == options.end() ? otherwise : found->second;
}
std::size_t number_or(const Options& options, const std::string& key, std::size_t otherwise) {
  const auto found = options.find(key);
  return found == options.end() ? otherwise : std::stoul(found->second);
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> pieces{""};
  for (const char c : text) {
    if (c == at) {
      pieces.emplace_back();
    } else {
      pieces.back() += c;
    }
  }
  return pieces;
}

// "logical|physical|bytes", the last one the log.
std::vector<TestFile> files_of(const std::string& text) {
  std::vector<TestFile> files;
  const std::vector<std::string> all = split(text, ';');
  for (const std::string& one : all) {
    const std::vector<std::string> words = split(one, '|');
    if (words.size() != 3) throw std::runtime_error("a file of a backup is name|path|bytes");
    const bool is_log = files.size() + 1 == all.size();
    files.push_back({static_cast<std::uint32_t>(files.size() + 1), is_log ? 0U : 1U, words[0],
                     words[1], std::stoul(words[2])});
  }
  return files;
}

}  // namespace

void write_backup(const std::filesystem::path& file, const Options& options) {
  constexpr std::size_t page_bytes = 8192;
  TestSet set;
  set.kind = 2;
  set.flags = 512 | 16;
  set.name = text_or(options, "name", "holdfast");
  set.database = text_or(options, "database", "Shop");
  set.server = text_or(options, "server", set.server);
  set.finish = text_or(options, "finish", set.finish);
  set.pages = static_cast<std::uint32_t>(
      number_or(options, "pages", number_or(options, "megabytes", 0) * 1'048'576 / page_bytes));
  if (set.pages == 0) set.pages = 64;
  set.page_marks = static_cast<std::uint16_t>(number_or(options, "marks", 0x200));
  const std::string sums = text_or(options, "sums", "plain");
  set.sums = sums == "plain" ? Sums::plain : sums == "wrong" ? Sums::wrong : Sums::none;
  if (options.contains("files")) set.files = files_of(options.at("files"));
  TestBak bak;
  bak.sets.assign(number_or(options, "sets", 1), set);
  bak.families = static_cast<std::uint16_t>(number_or(options, "families", 1));
  bak.family = bak.sequence = static_cast<std::uint16_t>(number_or(options, "family", 1));
  const bool is_packed = text_or(options, "packed", "0") == "1";
  std::string content = is_packed ? bak.packed() : bak.plain();
  if (const std::string flip = text_or(options, "flip", ""); flip == "page") {
    const std::size_t at = content.find("MQDA") + 3 * page_bytes;
    content.at(at) = static_cast<char>(content.at(at) ^ 1);
  } else if (!flip.empty()) {
    content.at(std::stoul(flip)) = static_cast<char>(content.at(std::stoul(flip)) ^ 1);
  }
  if (const std::string cut = text_or(options, "cut", ""); cut == "half") {
    content.resize(content.size() / 2);
  } else if (!cut.empty()) {
    content.resize(std::stoul(cut));
  }
  std::ofstream out(file, std::ios::binary);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

}  // namespace holdfast::test::scripted
