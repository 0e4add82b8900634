// SPDX-License-Identifier: Apache-2.0
// A living instance, held at one moment, as what a restore reads from. Its parts are copied when
// they are opened, through a bounded buffer.
#pragma once

#include <memory>
#include <stop_token>

#include "job/holds.h"
#include "job/instance_source.h"

namespace holdfast::job {

// Captures the databases of the survey and looks at its files. Everything outlives the source.
// With HoldOptions::only_outline nothing is held once it is made: it says what would come, for the
// checks of a target, and has no parts.
class LiveSource final : public InstanceSource {
 public:
  LiveSource(const Environment& environment, const model::Instance& instance, const Survey& survey,
             const engine::HoldOptions& options, model::Observer& observer, std::stop_token stop);

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
  void release() const override;

 private:
  struct Held {
    engine::Hold* hold;
    std::size_t database;  // of the hold
    std::vector<model::Part> parts;
  };
  void outline_databases(const Survey& survey);
  void outline_files(const Survey& survey);
  [[nodiscard]] const Held& held(const std::string& component) const;

  std::unique_ptr<Holds> holds_;
  std::map<std::string, Held> held_;  // by component
  std::stop_token stop_;
};

}  // namespace holdfast::job
