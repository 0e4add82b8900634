// SPDX-License-Identifier: Apache-2.0
// An engine made of one kind of embedded database. Start reading at kind.h.
//
// It copies and restores the files and looks at them natively; rows are only to be had from the
// database's own driver.
#pragma once

#include "engine/embedded/kind.h"
#include "engine/engine.h"

namespace holdfast::engine::embedded {

class EmbeddedEngine : public Engine {
 public:
  explicit EmbeddedEngine(const Kind& kind) : kind_(kind) {}  // which outlives it

  [[nodiscard]] std::string_view name() const noexcept override { return kind_.name(); }
  void check_endpoint(const model::Endpoint& endpoint) const override;
  [[nodiscard]] Probe probe(const model::Endpoint& endpoint, std::stop_token stop) const override;
  [[nodiscard]] std::unique_ptr<Hold> hold(std::span<const model::Endpoint> endpoints,
                                           const HoldOptions& options) const override;
  void describe_copy(const model::PartSource& parts, const model::Endpoint& endpoint,
                     const HoldOptions& options, model::DatabaseFacts& facts,
                     std::stop_token stop) const override;
  LoadReport load(const model::PartSource& parts, const model::DatabaseFacts& facts,
                  const model::Endpoint& into, const LoadOptions& options,
                  std::stop_token stop) const override;
  [[nodiscard]] std::unique_ptr<Filling> fill(const model::Endpoint& into,
                                              std::span<const model::NewTable> tables,
                                              const LoadOptions& options,
                                              std::stop_token stop) const override;
  std::string undo(const Json& undo, const model::Endpoint& into) const override;
  [[nodiscard]] bool stands(const Json& undo, const model::Endpoint& into) const override;
  void check_undo(const Json& undo, const model::Endpoint& into) const override;
  void harmonize(model::DatabaseFacts& expected, model::DatabaseFacts& found,
                 const LoadOptions& options) const override;
  void describe(const model::Endpoint& endpoint, model::DatabaseFacts& facts,
                std::stop_token stop) const override;
  void rows(const model::Endpoint& endpoint, const model::TableName& table, model::RowSink& into,
            std::stop_token stop) const override;
  [[nodiscard]] std::string query_one(const model::Endpoint& endpoint,
                                      std::string_view sql) const override;
  [[nodiscard]] std::unique_ptr<Scratch> scratch(
      const Probe& probe, const std::filesystem::path& directory) const override;
  [[nodiscard]] std::string grants(const model::Endpoint& endpoint,
                                   std::string_view purpose) const override;
  [[nodiscard]] std::optional<Inspection> inspect(const std::filesystem::path& file,
                                                  const InspectOptions& options,
                                                  std::stop_token stop) const override;
  void inspect_rows(const std::filesystem::path& file,
                    std::span<const std::filesystem::path> others, const model::TableName& table,
                    model::RowSink& into, std::stop_token stop) const override;
  LoadReport import_file(const std::filesystem::path& file, const model::Endpoint& into,
                         const LoadOptions& options, std::stop_token stop) const override;
  [[nodiscard]] std::string restore_instructions(const model::DatabaseFacts& facts) const override;
  [[nodiscard]] std::vector<Discovered> discover(const std::filesystem::path& directory,
                                                 std::stop_token stop) const override;

 private:
  const Kind& kind_;
};

}  // namespace holdfast::engine::embedded
