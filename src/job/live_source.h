// SPDX-License-Identifier: Apache-2.0
// A living instance, held at one moment, as what a restore reads from. Its parts are copied when
// they are opened, through a bounded buffer.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "archive/exclude.h"
#include "engine/engine.h"
#include "job/holds.h"
#include "job/instance_source.h"

namespace holdfast::job {

// What is made of the databases: parts that are loaded elsewhere, or their rows alone.
enum class LiveUse : std::uint8_t { parts, rows };

// Captures the databases of the survey and looks at its files. Everything outlives the source.
// With HoldOptions::only_outline nothing is held once it is made: it says what would come, for the
// checks of a target, and has no parts.
class LiveSource final : public InstanceSource {
 public:
  LiveSource(const Environment& environment, const model::Instance& instance, const Survey& survey,
             const engine::HoldOptions& options, model::Observer& observer, std::stop_token stop,
             LiveUse use = LiveUse::parts);

  // Whether writers are kept from nothing while the databases are read on.
  [[nodiscard]] bool lets_writers_work() const { return holds_->let_writers_work(); }

  [[nodiscard]] std::unique_ptr<model::PartSource> parts(
      const model::DatabaseFacts& facts) const override;
  // Digests and the like, known once the parts have been read.
  void complete(model::DatabaseFacts& facts, std::stop_token stop) const override;
  [[nodiscard]] ListingDifference compare_listing(const model::FilesFacts& files,
                                                  std::stop_token stop) const override;
  [[nodiscard]] Place find(const std::string& place) const override;
  [[nodiscard]] std::uint64_t restore(const std::string& place, const std::filesystem::path& target,
                                      bool verify, model::Observer& observer,
                                      std::stop_token stop) const override;
  [[nodiscard]] Json profile_facts() const override;
  // The hold's limits.parallel at once.
  [[nodiscard]] std::vector<model::DatabaseFacts> read_rows(const model::RowTap& tap,
                                                            std::stop_token stop) const override;
  void release() const override;
  // Called by release() first; what it throws keeps the copy from counting.
  void before_release(std::function<void()> check) { before_release_ = std::move(check); }

 private:
  struct Held {
    engine::Hold* hold;
    std::size_t database;  // of the hold
    std::vector<model::Part> parts;
    const engine::Engine* engine;
    model::Endpoint endpoint;
  };
  struct Reading;  // a part or a tree whose rows are read
  void outline_databases(const Survey& survey);
  void outline_files(const Survey& survey);
  [[nodiscard]] const Held& held(const std::string& component) const;

  void read_one(const Reading& reading, const std::stop_token& stop) const;

  const model::Instance instance_;
  const std::string state_;  // of model::Plan, before anything was read
  const LiveUse use_;
  engine::HoldOptions options_;
  mutable const model::RowTap* tap_ = nullptr;  // who is shown rows, while they are read
  std::unique_ptr<model::CopyCheck> check_;     // null: nobody asks for rows
  std::unique_ptr<Holds> holds_;                // after check_, which its rows go to
  std::map<std::string, Held> held_;            // by component
  std::map<std::string, std::shared_ptr<const archive::PatternList>> excludes_;  // by place
  std::function<void()> before_release_;
  std::stop_token stop_;
};

// A held database's parts, copied when they are opened. The hold outlives them.
[[nodiscard]] std::unique_ptr<model::PartSource> live_parts(engine::Hold& hold,
                                                            std::size_t database,
                                                            std::vector<model::Part> parts,
                                                            Json facts, std::stop_token stop);

}  // namespace holdfast::job
