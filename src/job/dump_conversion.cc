// SPDX-License-Identifier: Apache-2.0
#include "job/dump_conversion.h"

#include <utility>

#include "base/error.h"
#include "job/table_conversion.h"

namespace holdfast::job {
namespace {

class DumpSource final : public InstanceSource {
 public:
  DumpSource(const Dump& dump, unsigned parallel)
      : InstanceSource({}), dump_(dump), parallel_(parallel) {}

  [[nodiscard]] std::vector<model::DatabaseFacts> read_rows(const model::RowTap& tap,
                                                            std::stop_token stop) const override {
    model::DatabaseFacts facts;
    facts.name = dump_.file.filename().string();
    facts.engine = dump_.reader->name();
    facts.tables = dump_.counted;
    std::vector<model::TableName> names;
    for (const model::TableDefinition& table : dump_.tables) names.push_back(table.name);
    const model::RowTap of_file = [&](std::string_view /*none*/, const model::TableName& table) {
      return tap(facts.name, table);
    };
    dump_.reader->inspect_tables(dump_.file, dump_.files, names, of_file, parallel_,
                                 std::move(stop));
    return {std::move(facts)};
  }
  [[nodiscard]] std::unique_ptr<model::PartSource> parts(
      const model::DatabaseFacts& /*facts*/) const override {
    refuse();
  }
  [[nodiscard]] ListingDifference compare_listing(const model::FilesFacts& /*files*/,
                                                  std::stop_token /*stop*/) const override {
    refuse();
  }
  [[nodiscard]] Place find(const std::string& /*place*/) const override { refuse(); }
  [[nodiscard]] std::uint64_t restore(const std::string& /*place*/,
                                      const std::filesystem::path& /*target*/, bool /*verify*/,
                                      model::Observer& /*observer*/,
                                      std::stop_token /*stop*/) const override {
    refuse();
  }

 private:
  [[noreturn]] static void refuse() { throw Error(Errc::bug, "a foreign file has rows only"); }

  const Dump& dump_;
  const unsigned parallel_;
};

}  // namespace

std::shared_ptr<const model::Conversion> convert_dump(const Dump& dump,
                                                      const model::DatabaseSettings& target,
                                                      std::vector<model::NewTable> tables) {
  return convert_tables({{"", dump.tables, target, std::move(tables)}}, {});
}

std::unique_ptr<InstanceSource> open_dump(const Dump& dump, unsigned parallel) {
  return std::make_unique<DumpSource>(dump, parallel);
}

}  // namespace holdfast::job
