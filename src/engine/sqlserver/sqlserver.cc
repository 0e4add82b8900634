// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/sqlserver.h"

#include "base/error.h"
#include "engine/sqlserver/bak_inspect.h"
#include "engine/sqlserver/dac_inspect.h"

namespace holdfast::engine::sqlserver {
namespace {

namespace fs = std::filesystem;

class SqlServerReader final : public FileReader {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "sqlserver"; }
  [[nodiscard]] std::optional<Inspection> inspect(const fs::path& file,
                                                  const InspectOptions& options,
                                                  std::stop_token stop) const override {
    auto found = inspect_bak(file, options, stop);
    return found ? std::move(found) : inspect_dac(file, options, stop);
  }
  [[nodiscard]] std::vector<model::TableDefinition> define_tables(
      const fs::path& file, std::span<const fs::path> /*others*/,
      std::stop_token stop) const override {
    check_has_rows(file);
    return define_dac_tables(file, stop);
  }
  void inspect_rows(const fs::path& file, std::span<const fs::path> /*others*/,
                    const model::TableName& table, model::RowSink& into,
                    std::stop_token stop) const override {
    check_has_rows(file);
    dac_rows(file, table, into, stop);
  }
  void inspect_tables(const fs::path& file, std::span<const fs::path> /*others*/,
                      std::span<const model::TableName> tables, const model::RowTap& tap,
                      unsigned parallel, std::stop_token stop) const override {
    check_has_rows(file);
    dac_tables(file, tables, tap, parallel, stop);
  }

 private:
  static void check_has_rows(const fs::path& file) {
    if (!is_bak(file)) return;
    throw Error(Errc::unsupported,
                "rows of " + file.string() + " are not read: it holds the pages of a database")
        .set_hint("Restore it on a server, and export what is wanted from there.");
  }
};

}  // namespace

const FileReader& reader() noexcept {
  static const SqlServerReader instance;
  return instance;
}

}  // namespace holdfast::engine::sqlserver
