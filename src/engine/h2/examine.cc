// SPDX-License-Identifier: Apache-2.0
#include "engine/h2/examine.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "base/timestamp.h"
#include "engine/embedded/place.h"
#include "engine/h2/store.h"

namespace holdfast::engine::h2 {
namespace {

namespace fs = std::filesystem;
using embedded::Depth;
using embedded::Examination;
using model::MendClass;
using model::Severity;

class StoreFile final : public model::RandomSource {
 public:
  StoreFile(const fs::path& path, std::uint64_t size_bytes)
      : path_(path),
        file_(open_file(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW)),
        size_bytes_(size_bytes) {}
  [[nodiscard]] std::uint64_t size_bytes() const override { return size_bytes_; }
  void read_at(std::uint64_t offset_bytes, std::span<std::byte> into) override {
    pread_exact(file_.get(), into, offset_bytes, path_.native());
  }

 private:
  fs::path path_;
  Fd file_;
  std::uint64_t size_bytes_;
};

void find(Examination& found, std::string code, Severity severity, std::string seen,
          std::string why, std::string mend, MendClass mend_class = MendClass::manual) {
  found.findings.push_back(embedded::finding(std::move(code), severity, std::move(seen),
                                             std::move(why), std::move(mend), mend_class));
}

void not_a_database(Examination& found, const fs::path& place) {
  find(found, "h2-not-a-database", Severity::blocker,
       fmt::format("{} does not begin as an H2 store does", place.native()),
       "what is no database cannot be copied as one", "correct the path");
}

void note_content(Examination& found, const StoreFacts& store, const fs::path& place) {
  const Header& header = store.header;
  found.version = fmt::format("format {}", header.format);
  found.facts.set("format", header.format).set("page_size", header.block_size);
  found.facts.set(
      "created", to_rfc3339({static_cast<std::int64_t>(header.created_ms / 1000 % 253'402'300'800U),
                             static_cast<std::int32_t>(header.created_ms % 1000) * 1'000'000, 0}));
  found.facts.set("closed", store.closed);
  if (store.newest) {
    found.position = fmt::format("{}", store.newest->version);
    found.facts.set("store_version", store.newest->version);
  }
  if (header.format == 1) {
    find(found, "h2-format-1", Severity::note,
         fmt::format("{} is of format 1, as H2 1.4 writes it", place.native()),
         "H2 2 does not open such a file; whoever reads the copy needs a driver 1.4",
         "to move on, export with the old driver (SCRIPT) and import with the new one (RUNSCRIPT)",
         MendClass::none);
  }
}

void note_state(Examination& found, const StoreFacts& store, const fs::path& place) {
  if (store.listed) found.facts.set("chunks", store.chunks).set("pages", store.pages);
  for (const std::string& problem : store.problems) {
    find(found, "h2-damaged", Severity::blocker, fmt::format("{} {}", place.native(), problem),
         "part of its content may be lost",
         "restore it from a backup, or save what is left with org.h2.tools.Recover");
  }
  if (store.good_headers == 1) {
    find(found, "h2-header-damaged", Severity::warning,
         fmt::format("one of the two headers of {} is damaged", place.native()),
         "H2 goes on with the other one",
         "open the database once with its application, which writes both anew");
  }
  if (!store.closed && store.problems.empty()) {
    find(found, "h2-not-closed", Severity::note,
         fmt::format("{} was not closed by its last application", place.native()),
         "whoever opens the copy finds its newest state by itself", "none needed", MendClass::none);
  }
}

}  // namespace

Examination examine_database(const fs::path& place, Depth depth, const std::stop_token& stop) {
  Examination found;
  const auto facts = embedded::place_facts(place);
  if (!facts || !facts->regular) {
    not_a_database(found, place);
    return found;
  }
  found.size_bytes = facts->size_bytes;
  StoreFile file(place, facts->size_bytes);
  std::optional<StoreFacts> store;
  try {
    store = read_store(file, depth == Depth::whole, stop);
  } catch (const Error& error) {
    if (error.code() != Errc::unsupported) throw;
    found.known = true;
    found.version = "unknown format";
    find(found, "h2-format-unknown", Severity::warning,
         fmt::format("{}: {}", place.native(), error.message()),
         "it is copied as it is; whether the copy is whole cannot be told",
         "look whether a newer Holdfast knows it");
    return found;
  }
  if (!store) {
    not_a_database(found, place);
    return found;
  }
  found.known = true;
  found.facts.set("encrypted", store->encrypted);
  if (store->encrypted) {
    found.version = "encrypted";
    find(found, "h2-encrypted", Severity::note, fmt::format("{} is encrypted", place.native()),
         "it is copied as it is; its content cannot be checked, and it opens only with its key",
         "keep the file password where it is not lost with this machine");
    return found;
  }
  note_content(found, *store, place);
  // While somebody writes, headers and chunks are of different moments.
  if (depth != Depth::front) note_state(found, *store, place);
  const fs::path left = place.native() + ".newFile";
  if (embedded::place_facts(left)) {
    find(found, "h2-compaction-left", Severity::warning,
         fmt::format("{} lies beside the database", left.native()),
         "somebody was compacting it and was interrupted; H2 removes that file at its next start",
         "start the application once, or remove the file if the database is good");
  }
  return found;
}

}  // namespace holdfast::engine::h2
