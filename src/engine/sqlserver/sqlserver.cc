// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/sqlserver.h"

#include "base/error.h"
#include "engine/sqlserver/bak_inspect.h"

namespace holdfast::engine::sqlserver {
namespace {

class SqlServerReader final : public FileReader {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "sqlserver"; }
  [[nodiscard]] std::optional<Inspection> inspect(const std::filesystem::path& file,
                                                  const InspectOptions& options,
                                                  std::stop_token stop) const override {
    return inspect_bak(file, options, stop);
  }
  void inspect_rows(const std::filesystem::path& file,
                    std::span<const std::filesystem::path> /*others*/,
                    const model::TableName& /*table*/, model::RowSink& /*into*/,
                    std::stop_token /*stop*/) const override {
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
