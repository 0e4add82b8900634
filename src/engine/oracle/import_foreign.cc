// SPDX-License-Identifier: Apache-2.0
// A dump that somebody else made, loaded under the rules of load_schema(): import_foreign() of
// load.h.
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/error.h"
#include "base/fd.h"
#include "engine/oracle/exp_header.h"
#include "engine/oracle/hold.h"
#include "engine/oracle/load.h"
#include "engine/oracle/pump_header.h"
#include "engine/oracle/read_dumps.h"

namespace holdfast::engine::oracle {
namespace {

namespace fs = std::filesystem;

class OwnedSource final : public ByteSource {
 public:
  explicit OwnedSource(const fs::path& file)
      : fd_(open_file(file, O_RDONLY)), source_(fd_.get(), file.native()) {}
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override { return source_.read(into); }

 private:
  Fd fd_;
  FdSource source_;
};

// The file as the one part that a load reads.
class FileParts final : public model::PartSource {
 public:
  FileParts(fs::path file, const Json& facts) : file_(std::move(file)), facts_(facts) {}
  [[nodiscard]] std::vector<Entry> list() const override {
    return {{std::string(dump_part), model::PartKind::stream, fs::file_size(file_)}};
  }
  [[nodiscard]] std::unique_ptr<ByteSource> open(std::string_view path) const override {
    check_rule(path == dump_part, "a dump is one part");
    return std::make_unique<OwnedSource>(file_);
  }
  [[nodiscard]] std::unique_ptr<model::RandomSource> open_random(
      std::string_view path) const override {
    throw Error(Errc::not_found, fmt::format("{} is read from its start alone", path));
  }
  void restore_tree(std::string_view path, const fs::path& /*directory*/) const override {
    throw Error(Errc::not_found, fmt::format("no tree {}", path));
  }
  [[nodiscard]] const Json& facts() const override { return facts_; }

 private:
  fs::path file_;
  const Json& facts_;
};

Method kind_of(const fs::path& file) {
  OwnedSource source(file);
  std::array<std::byte, std::max(exp_front_bytes, pump_header_bytes)> front{};
  std::size_t filled = 0;
  while (filled < front.size()) {
    const std::size_t count = source.read(std::span(front).subspan(filled));
    if (count == 0) break;
    filled += count;
  }
  const ByteView view = ByteView(front).first(filled);
  if (begins_as_exp(view)) return Method::exp;
  if (is_pump_file(view)) return Method::datapump;
  throw Error(Errc::corrupt, file.native() + " is neither a classic dump nor one of Data Pump")
      .set_hint("`holdfast inspect` tells what it is.");
}

}  // namespace

LoadReport import_foreign(const fs::path& file, const model::Endpoint& into,
                          const LoadOptions& options, const std::stop_token& stop) {
  const Method method = kind_of(file);
  OwnedSource source(file);
  const DumpFacts dump = read_dump(method, source, {}, stop);
  if (!dump.whole)
    throw Error(Errc::corrupt, fmt::format("{} is not whole: {}", file.native(), dump.damage))
        .set_hint("Find a whole copy; `holdfast inspect` tells what it has.");
  std::set<std::string> schemas;
  model::DatabaseFacts facts;
  facts.name = into.component;
  facts.engine = "oracle";
  for (const DumpTable& table : dump.tables) {
    schemas.insert(table.schema);
    facts.tables.push_back({"", table.table, table.rows, ""});
  }
  if (schemas.empty())
    throw Error(Errc::unsupported, fmt::format("{} has no table", file.native()));
  if (schemas.size() > 1)
    throw Error(Errc::usage, fmt::format("{} has tables of {} schemas, as {} and {}", file.native(),
                                         schemas.size(), *schemas.begin(), *schemas.rbegin()))
        .set_hint("Load it with imp or impdp, schema by schema.");
  facts.engine_facts = Json::object();
  facts.engine_facts.set("schema", *schemas.begin());
  facts.engine_facts.set("method", method_name(method));
  facts.engine_facts.set("dump_of_dba", dump.is_of_dba);
  // What names and code were written with at the export: the same at the import.
  facts.engine_facts.set("character_set", dump.client_character_set.empty()
                                              ? dump.character_set
                                              : dump.client_character_set);
  const FileParts parts(file, facts.engine_facts);
  return load_schema(parts, facts, into, options, stop);
}

}  // namespace holdfast::engine::oracle
