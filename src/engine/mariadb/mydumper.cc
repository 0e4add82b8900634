// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/mydumper.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "engine/mariadb/dump_file.h"
#include "engine/mariadb/script.h"
#include "engine/mariadb/sql_text.h"

namespace holdfast::engine::mariadb {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t metadata_bytes_max = std::size_t{16} << 20U;

std::string_view without_packing(std::string_view name) {
  for (const std::string_view packed : {".gz", ".zst"}) {
    if (name.ends_with(packed)) return name.substr(0, name.size() - packed.size());
  }
  return name;
}

constexpr std::string_view create_ending = "-schema-create.sql";

constexpr std::array<std::pair<std::string_view, MydumperKind>, 7> endings{{
    {"-schema-sequence.sql", MydumperKind::sequence},
    {"-schema-triggers.sql", MydumperKind::trigger},
    {"-schema-trigger.sql", MydumperKind::trigger},
    {"-schema-view.sql", MydumperKind::view},
    {"-schema-post.sql", MydumperKind::code},
    {"-schema.sql", MydumperKind::table},
    {".sql", MydumperKind::rows},
}};

// Old ones are prose, newer ones a list of sections; both say when they began and ended.
void read_metadata(std::string_view text, MydumperDirectory& dump) {
  model::TableName table;
  each_line(text, [&](std::string_view line) {
    while (!line.empty() && (line.front() == '#' || line.front() == ' ')) line.remove_prefix(1);
    for (const auto& [word, into] : {std::pair{"Started dump at: ", &dump.started},
                                     std::pair{"Finished dump at: ", &dump.finished}}) {
      if (line.starts_with(word)) *into = line.substr(std::string_view(word).size());
    }
    if (line.starts_with("[")) {
      table = {};
      const std::vector<Token> tokens = tokens_of(line.substr(1));
      if (tokens.size() > 2 && tokens[0].kind == Token::Kind::quoted_name &&
          tokens[1].is_symbol('.') && tokens[2].kind == Token::Kind::quoted_name)
        table = {tokens[0].name(), tokens[2].name()};
    } else if (!table.table.empty() && line.starts_with("rows = ")) {
      const std::string_view digits = line.substr(7);
      std::uint64_t rows = 0;
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), rows);
      if (error == std::errc()) dump.rows[table] = rows;
    }
  });
  dump.is_complete = !dump.finished.empty();
}

// The schema that a file "…-schema-create.sql" makes: newer programs number the files of names that
// file names cannot hold. `otherwise`, if it does not say.
std::string name_in(const fs::path& create_file, std::string otherwise) {
  try {
    const std::unique_ptr<ByteSource> source = open_dump(create_file);
    DumpContent content;
    read_dump(*source, mydumper_delimiter, content, {}, [](const model::Row&) {}, {});
    if (content.databases.size() == 1) return content.databases.front();
  } catch (const Error& error) {  // whoever reads the dump finds it, too
    if (error.code() != Errc::corrupt) throw;
  }
  return otherwise;
}

}  // namespace

std::string mydumper_prefix(std::string_view file_name, const std::vector<std::string>& known) {
  std::string_view stem = without_packing(file_name);
  for (const auto& [ending, kind] : endings) {
    if (!stem.ends_with(ending)) continue;
    stem.remove_suffix(ending.size());
    break;
  }
  std::string_view longest;
  for (const std::string& one : known) {
    const bool fits = stem == one || (stem.starts_with(one) && stem[one.size()] == '.');
    if (fits && one.size() > longest.size()) longest = one;
  }
  return std::string(longest.empty() ? stem.substr(0, stem.find('.')) : longest);
}

std::optional<MydumperKind> mydumper_kind(std::string_view file_name) {
  const std::string_view name = without_packing(file_name);
  if (name == "metadata" || name == "metadata.partial" || name.ends_with("-metadata") ||
      name.ends_with("-checksum") || name.ends_with(".checksum") || name.ends_with(create_ending))
    return std::nullopt;
  for (const auto& [ending, kind] : endings) {
    if (name.ends_with(ending)) return kind;
  }
  return MydumperKind::unknown;
}

std::optional<MydumperDirectory> read_mydumper(const fs::path& directory) {
  std::error_code failure;
  const fs::path metadata = directory / "metadata";
  const fs::path partial = directory / "metadata.partial";
  const bool finished = fs::is_regular_file(metadata, failure);
  if (!finished && !fs::is_regular_file(partial, failure)) return std::nullopt;
  const std::string text = read_text_file(finished ? metadata : partial, metadata_bytes_max);
  if (text.find("Started dump at") == std::string::npos) return std::nullopt;
  MydumperDirectory dump;
  read_metadata(text, dump);
  dump.is_complete = dump.is_complete && finished;
  std::map<std::string, std::string> names;  // of schemas, by what stands for them in file names
  std::vector<std::string> prefixes;
  for (const auto& entry : fs::directory_iterator(directory, failure)) {
    if (!entry.is_regular_file(failure)) continue;
    const std::string name = entry.path().filename().native();
    dump.size_bytes += entry.file_size(failure);
    const std::string_view plain = without_packing(name);
    if (plain.ends_with(create_ending)) {
      prefixes.emplace_back(plain.substr(0, plain.size() - create_ending.size()));
      names[prefixes.back()] = name_in(entry.path(), prefixes.back());
    }
    if (const auto kind = mydumper_kind(name)) dump.files.push_back({"", entry.path(), *kind});
  }
  for (MydumperFile& file : dump.files) {
    if (file.kind == MydumperKind::unknown) continue;
    const std::string prefix = mydumper_prefix(file.path.filename().native(), prefixes);
    file.schema = names.try_emplace(prefix, prefix).first->second;
  }
  std::map<model::TableName, std::uint64_t> rows;
  for (const auto& [table, count] : dump.rows) {
    const auto name = names.find(table.schema);
    rows[{name == names.end() ? table.schema : name->second, table.table}] = count;
  }
  dump.rows = std::move(rows);
  for (const auto& [prefix, name] : names) dump.databases.push_back(name);
  std::sort(dump.databases.begin(), dump.databases.end());
  std::sort(dump.files.begin(), dump.files.end(), [](const auto& a, const auto& b) {
    return std::tie(a.kind, a.path) < std::tie(b.kind, b.path);
  });
  return dump;
}

}  // namespace holdfast::engine::mariadb
