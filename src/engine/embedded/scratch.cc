// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/scratch.h"

#include <fmt/format.h>

#include <map>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "engine/embedded/place.h"
#include "engine/embedded/rows.h"

namespace holdfast::engine::embedded {
namespace {

struct ScratchPlaces {
  std::mutex mutex;  // guards places
  std::map<std::filesystem::path, ScratchPlace> places;
};
ScratchPlaces& scratch_places() {
  static ScratchPlaces the_places;
  return the_places;
}

class EmbeddedScratch final : public Scratch {
 public:
  EmbeddedScratch(const Kind& kind, const Probe& probe, std::filesystem::path directory)
      : directory_(std::move(directory)) {
    endpoint_.component = "scratch";
    endpoint_.engine = kind.name();
    endpoint_.uri =
        fmt::format("{}:{}{}", kind.name(), (directory_ / "scratch").native(), kind.path_suffix());
    const std::string driver = probe.facts.string_or("driver", "");
    if (!driver.empty()) endpoint_.options.emplace("driver", driver);
    std::string why_not;
    if (!find_row_means(kind, endpoint_, why_not))
      throw Error(Errc::unsupported,
                  fmt::format("the restored {} cannot be opened: {}", kind.title(), why_not))
          .set_hint("Install a Java runtime and a JDBC driver for rehearsals.");
    place_ = path_of(kind, endpoint_);
    ScratchPlaces& known = scratch_places();
    const std::lock_guard lock(known.mutex);
    known.places[place_].directory = directory_;
  }
  ~EmbeddedScratch() override {
    {
      ScratchPlaces& known = scratch_places();
      const std::lock_guard lock(known.mutex);
      known.places.erase(place_);
    }
    try {
      erase_tree(place_);
    } catch (const Error& error) {  // a destructor; whoever made the directory removes it
      log(LogLevel::warn, "a scratch database could not be removed", {{"why", error.message()}});
    }
  }
  [[nodiscard]] const model::Endpoint& endpoint() const override { return endpoint_; }

 private:
  std::filesystem::path directory_, place_;
  model::Endpoint endpoint_;
};

}  // namespace

std::unique_ptr<Scratch> make_scratch(const Kind& kind, const Probe& probe,
                                      const std::filesystem::path& directory) {
  return std::make_unique<EmbeddedScratch>(kind, probe, directory);
}

std::optional<ScratchPlace> scratch_at(const std::filesystem::path& place) {
  ScratchPlaces& known = scratch_places();
  const std::lock_guard lock(known.mutex);
  const auto found = known.places.find(place);
  return found == known.places.end() ? std::nullopt : std::optional(found->second);
}

void loaded_into_scratch(const std::filesystem::path& place, std::string user) {
  ScratchPlaces& known = scratch_places();
  const std::lock_guard lock(known.mutex);
  const auto found = known.places.find(place);
  if (found != known.places.end()) found->second.user = std::move(user);
}

}  // namespace holdfast::engine::embedded
