// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/server_load.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "base/hash.h"
#include "engine/typedb/export_facts.h"
#include "engine/typedb/export_hold.h"
#include "engine/typedb/fifo_export.h"
#include "engine/typedb/import_export.h"
#include "engine/typedb/releases.h"
#include "engine/typedb/schema_draft.h"
#include "engine/typedb/server_endpoint.h"
#include "engine/typedb/server_probe.h"
#include "engine/typedb/stored_file.h"
#include "engine/typedb/v2_server.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

std::string text_of(ByteSource& source) {
  Bytes bytes(1U << 16U);
  std::string text;
  while (const std::size_t count = source.read(bytes)) {
    text += as_text(ByteView(bytes).first(count));
    if (text.size() > schema_bytes_max)
      throw Error(Errc::corrupt,
                  fmt::format("the schema has more than {} bytes", schema_bytes_max));
  }
  return text;
}

std::string schema_in(const fs::path& file, const std::stop_token& stop) {
  return in_context(fmt::format("reading the schema {}", file.native()),
                    [&] { return StoredFile(file, stop, Links::followed).text(schema_bytes_max); });
}

// A server's protocol tells its generation only, which is all that decides.
std::string schema_for_3(std::string_view schema, std::string_view database,
                         const std::stop_token& stop) {
  return schema_for(0, release_ranges.size() - 1, schema, database, ".", stop);
}

// A name that nothing on that server has.
model::Endpoint free_beside(model::Endpoint place, Connection& connection,
                            const std::stop_token& stop) {
  const std::string uri = place.uri;  // ends with the name
  do {
    std::array<std::byte, 6> random{};
    fill_random(random);
    place.uri = fmt::format("{}{}{}", uri, beside_suffix, to_hex(ByteView(random)));
  } while (connection.contains(server_location_of(place).database, stop));
  return place;
}

// Whoever undoes a rehearsal is told that nobody else has the name.
LoadOptions announcing_beside(LoadOptions options) {
  if (!options.only_beside || !options.before_change) return options;
  options.before_change = [announce = std::move(options.before_change)](std::string_view what,
                                                                        const Json& undo) {
    Json told = undo;
    announce(what, told.set("beside", true));
  };
  return options;
}

LoadReport load(std::string_view schema, ByteSource& data, const model::Endpoint& into,
                const LoadOptions& given, const std::stop_token& stop, std::uint64_t data_bytes) {
  const LoadOptions options = announcing_beside(given);
  const ServerAccess access = access_to(into);
  Connection connection(access, stop);
  LoadReport report;
  if (options.only_beside) report.beside = free_beside(into, connection, stop);
  const ServerLocation location = server_location_of(report.beside.value_or(into));
  auto placed = std::chrono::steady_clock::now();
  const auto before_proof = [&placed] { placed = std::chrono::steady_clock::now(); };
  const bool is_3 = connection.generation() == Generation::v3;
  ExportFacts found;
  if (is_3) {
    ImportOptions importing;
    importing.data_only = options.data_only;
    importing.scratch_directory = options.scratch_directory;
    importing.before_change = options.before_change;
    importing.before_proof = before_proof;
    // A draft is named after the place.
    const std::string adapted =
        options.data_only ? "" : schema_for_3(schema, server_location_of(into).database, stop);
    found = import_export(connection, location.database, adapted, data, importing, stop);
  } else {
    found = import_v2(access, location, schema, data, options, stop, data_bytes, before_proof);
  }
  report.found.emplace();
  tell_schema(location.database, connection.schema(location.database, stop), *report.found);
  tell_things(found, *report.found);
  report.proof_time = std::chrono::steady_clock::now() - placed;
  for (const model::TableFacts& label : report.found->tables) report.rows += label.rows;
  return report;
}

}  // namespace

LoadReport load_into_server(const model::PartSource& parts, const model::DatabaseFacts& facts,
                            const model::Endpoint& into, const LoadOptions& options,
                            const std::stop_token& stop) {
  refuse_what_cannot_be(options);
  refuse_wrong_form(facts, true);
  std::string schema;
  if (!options.schema_file.empty()) {
    schema = schema_in(options.schema_file, stop);
  } else if (!options.data_only) {
    schema = text_of(*parts.open(schema_part));
  }
  const std::unique_ptr<ByteSource> data = parts.open(data_part);
  std::uint64_t data_bytes = 0;  // nobody knows
  for (const model::PartSource::Entry& part : parts.list())
    if (part.path == data_part) data_bytes = part.size_bytes;
  return load(schema, *data, into, options, stop, data_bytes);
}

LoadReport import_into_server(const fs::path& file, const model::Endpoint& into,
                              const LoadOptions& options, const std::stop_token& stop) {
  refuse_what_cannot_be(options);
  if (options.schema_file.empty() != options.data_only)
    throw Error(Errc::usage,
                options.data_only
                    ? std::string("the schema of the database stays, so that none can be given")
                    : fmt::format("{} has no schema in it", file.native()))
        .set_hint(
            "Name the file with the schema with `--schema`, or load the data alone into an "
            "empty database that has one with `--data-only`.");
  const std::string schema = options.data_only ? "" : schema_in(options.schema_file, stop);
  StoredFile data(file, stop, Links::followed);
  return load(schema, data, into, options, stop, data.size_bytes());
}

std::vector<std::string> fit_beside_on_server(const model::DatabaseFacts& facts,
                                              const model::Endpoint& into, LoadOptions& options,
                                              const std::stop_token& stop) {
  if (!names_server(into))
    throw Error(Errc::unsupported,
                fmt::format("{}: {} is a directory, and only servers are lent for a rehearsal",
                            into.component, into.uri))
        .set_hint("Name a server, typedb://HOST:1729/NAME, or leave the [[drill.endpoint]] out.");
  const Connection connection(access_to(into), stop);
  options.only_beside = true;
  if (!connection.version().empty() && connection.version() == facts.version) return {};
  return {
      fmt::format("not compared there, unless that server is of TypeDB {}: the schema, which "
                  "another release words differently",
                  facts.version)};
}

void refuse_what_cannot_be(const LoadOptions& options) {
  const auto refuse = [](std::string_view what) {
    throw Error(Errc::unsupported, fmt::format("the typedb engine has no {}", what));
  };
  if (!options.tables.empty()) refuse("restore of single tables");
  if (!options.owners.empty()) refuse("owners of objects to rename");
  if (!options.schemas.empty()) refuse("schemas to rename");
  if (!options.tablespaces.empty()) refuse("tablespaces");
  check_rule(!options.replace || !options.kept_suffix.empty(),
             "what is replaced is kept under another name");
}

}  // namespace holdfast::engine::typedb
