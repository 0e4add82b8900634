// SPDX-License-Identifier: Apache-2.0
// One check made of several.
#include "profile/magnolia/joined_check.h"

#include <utility>

#include "model/copy_facts.h"

namespace holdfast::profile::magnolia {
namespace {

class JoinedRows final : public model::RowSink {
 public:
  explicit JoinedRows(std::vector<std::unique_ptr<model::RowSink>> sinks)
      : sinks_(std::move(sinks)) {}
  void columns(const std::vector<model::Column>& columns) override {
    for (const auto& sink : sinks_) sink->columns(columns);
  }
  void row(const model::Row& row) override {
    for (const auto& sink : sinks_) sink->row(row);
  }

 private:
  std::vector<std::unique_ptr<model::RowSink>> sinks_;
};

class JoinedBytes final : public ByteSink {
 public:
  explicit JoinedBytes(std::vector<std::unique_ptr<ByteSink>> sinks) : sinks_(std::move(sinks)) {}
  void write(ByteView bytes) override {
    for (const auto& sink : sinks_) sink->write(bytes);
  }

 private:
  std::vector<std::unique_ptr<ByteSink>> sinks_;
};

// nullptr where nobody asks; the one where one asks.
template <typename Joined, typename Sink>
std::unique_ptr<Sink> join(std::vector<std::unique_ptr<Sink>> sinks) {
  if (sinks.empty()) return nullptr;
  if (sinks.size() == 1) return std::move(sinks.front());
  return std::make_unique<Joined>(std::move(sinks));
}

class JoinedCheck final : public model::CopyCheck, public model::CopyFacts {
 public:
  explicit JoinedCheck(std::vector<std::unique_ptr<model::CopyCheck>> checks)
      : checks_(std::move(checks)) {}

  [[nodiscard]] std::unique_ptr<model::RowSink> rows(std::string_view component,
                                                     const model::TableName& table) override {
    std::vector<std::unique_ptr<model::RowSink>> sinks;
    for (const auto& check : checks_) {
      if (auto sink = check->rows(component, table)) sinks.push_back(std::move(sink));
    }
    return join<JoinedRows>(std::move(sinks));
  }

  [[nodiscard]] std::unique_ptr<ByteSink> passing(const std::string& path) override {
    std::vector<std::unique_ptr<ByteSink>> sinks;
    for (const auto& check : checks_) {
      if (auto sink = check->passing(path)) sinks.push_back(std::move(sink));
    }
    return join<JoinedBytes>(std::move(sinks));
  }

  [[nodiscard]] bool has_file(const std::string& path, std::uint64_t size_bytes) override {
    bool is_wanted = false;
    for (const auto& check : checks_) is_wanted = check->has_file(path, size_bytes) || is_wanted;
    return is_wanted;
  }

  void stored(const std::string& path, ByteView content) override {
    for (const auto& check : checks_) check->stored(path, content);
  }

  [[nodiscard]] std::vector<model::Finding> findings() override {
    std::vector<model::Finding> all;
    for (const auto& check : checks_) {
      for (model::Finding& finding : check->findings()) all.push_back(std::move(finding));
    }
    return all;
  }

  [[nodiscard]] Json facts(Json of_plan) const override {
    for (const auto& check : checks_) {
      const auto* const facts = dynamic_cast<const model::CopyFacts*>(check.get());
      if (facts != nullptr) of_plan = facts->facts(std::move(of_plan));
    }
    return of_plan;
  }

 private:
  std::vector<std::unique_ptr<model::CopyCheck>> checks_;
};

}  // namespace

std::unique_ptr<model::CopyCheck> join_checks(
    std::vector<std::unique_ptr<model::CopyCheck>> checks) {
  return std::make_unique<JoinedCheck>(std::move(checks));
}

}  // namespace holdfast::profile::magnolia
