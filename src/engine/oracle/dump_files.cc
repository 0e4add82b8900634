// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/dump_files.h"

#include <utility>

#include "engine/oracle/exp_inspect.h"
#include "engine/oracle/exp_set.h"
#include "engine/oracle/pump_inspect.h"

namespace holdfast::engine::oracle {
namespace {

namespace fs = std::filesystem;

bool is_exp(const fs::path& file) {
  return find_exp_set(file, {}).has_value();
}

// What a file is shows in its first bytes.
class DumpFiles final : public FileReader {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "oracle"; }
  [[nodiscard]] std::optional<Inspection> inspect(const fs::path& file,
                                                  const InspectOptions& options,
                                                  std::stop_token stop) const override {
    if (is_exp(file)) return inspect_exp(file, options, stop);
    return inspect_pump(file, options, stop);
  }
  [[nodiscard]] std::vector<model::TableDefinition> define_tables(
      const fs::path& file, std::span<const fs::path> others, std::stop_token stop) const override {
    if (is_exp(file)) return define_exp_tables(file, others, stop);
    return define_pump_tables(file, others, stop);
  }
  void inspect_rows(const fs::path& file, std::span<const fs::path> others,
                    const model::TableName& table, model::RowSink& into,
                    std::stop_token stop) const override {
    if (is_exp(file)) return exp_rows(file, others, table, into, stop);
    pump_rows(file, others, table, into, stop);
  }
  void inspect_tables(const fs::path& file, std::span<const fs::path> others,
                      std::span<const model::TableName> tables, const model::RowTap& tap,
                      unsigned parallel, std::stop_token stop) const override {
    if (is_exp(file)) return exp_tables(file, others, tables, tap, stop);
    FileReader::inspect_tables(file, others, tables, tap, parallel, stop);
  }
};

}  // namespace

const FileReader& dump_files() noexcept {
  static const DumpFiles files;
  return files;
}

}  // namespace holdfast::engine::oracle
