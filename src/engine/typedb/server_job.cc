// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/server_job.h"

#include <fmt/format.h>

#include <atomic>
#include <utility>

#include "base/error.h"
#include "engine/typedb/database_export.h"
#include "engine/typedb/export_file.h"
#include "engine/typedb/installation.h"
#include "engine/typedb/item.h"
#include "engine/typedb/wire.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

VendorProgram find_vendor(const ServerLocation& server) {
  const std::string lacks =
      fmt::format("TypeDB at {} does not answer for exports and imports", server.address());
  if (server.program.empty())
    throw Error(Errc::unsupported, lacks)
        .set_hint(
            "Set the option `program` to the program that came with it, or copy the "
            "directory.");
  if (!is_this_host(server.host))
    throw Error(Errc::unsupported,
                fmt::format("{}, and its program asks servers of its own host only", lacks))
        .set_hint("Run Holdfast where the server is.");
  const std::string release = release_told(server);
  const std::optional<CommandShape> shape = command_shape(release);
  if (!shape)
    throw Error(Errc::unsupported,
                release.empty()
                    ? fmt::format("nothing tells the release of {}", server.program.native())
                    : fmt::format("TypeDB {} has no such command", release))
        .set_hint("Set the option `release` to that of the server.");
  return {server.program, *shape, server.port};
}

// Made when it is needed: directory and files are there as long as the export.
class ExchangedExport final : public RunningExport {
 public:
  ExchangedExport(FileWriter write, const Exchange& exchange,
                  std::shared_ptr<const std::atomic<bool>> has_snapshot)
      : directory_(exchange, "export"),
        inner_(export_into_files(
            std::move(write),
            {directory_.file_to_write("data.typedb"), directory_.file_to_write("schema.tql")},
            std::move(has_snapshot))) {}
  bool wait_for_snapshot(std::chrono::steady_clock::time_point deadline) override {
    inner_->obey(stop());
    return inner_->wait_for_snapshot(deadline);
  }
  [[nodiscard]] ByteView start() const override { return inner_->start(); }
  [[nodiscard]] const std::string& schema() const override { return inner_->schema(); }
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
    inner_->obey(stop());
    return inner_->read(into);
  }

 private:
  ExchangeDirectory directory_;
  std::unique_ptr<RunningExport> inner_;
};

}  // namespace

std::string release_told(const ServerLocation& server) {
  if (!server.release.empty()) return server.release;
  if (server.program.empty()) return {};
  const std::optional<Installation> installed = installed_at(server.program.parent_path());
  return installed ? installed->version : std::string();
}

JobRunner find_runner(Connection& connection, const ServerAccess& access,
                      const ServerLocation& server, const std::stop_token& stop) {
  if (const std::optional<SchemaPlace> place = find_jobs(connection, stop))
    return {access, *place, std::nullopt};
  const VendorProgram vendor = find_vendor(server);
  return {access, schema_place(vendor.shape), vendor};
}

void run(const JobRunner& runner, MigratorJob job, const std::string& database,
         const JobFiles& files, const JobProgress& progress, const std::stop_token& stop) {
  if (runner.vendor) return run_vendor(*runner.vendor, job, database, files, stop);
  Connection connection(runner.access, stop);
  static_cast<void>(run_job(connection, job, database, files, progress, stop));
}

std::unique_ptr<RunningExport> begin_export(const JobRunner& runner, const ServerLocation& server,
                                            const fs::path& scratch_directory) {
  const Exchange exchange = find_exchange(server, scratch_directory);
  const auto has_snapshot = std::make_shared<std::atomic<bool>>(false);
  FileWriter write = [runner, has_snapshot, database = server.database](
                         const JobFiles& files, const std::stop_token& stop) {
    // Totals are counted within the transaction.
    const JobProgress progress = [&](const MigratorProgress& told) {
      if (told.total > 0) *has_snapshot = true;
    };
    run(runner, MigratorJob::exports, database, files, progress, stop);
  };
  if (exchange.has_pipes)
    return export_through_pipes(std::move(write), {exchange.directory, exchange.owner});
  if (const auto needed_bytes = export_bytes_estimate(server))
    check_room(exchange.directory, *needed_bytes);
  return std::make_unique<ExchangedExport>(std::move(write), exchange, has_snapshot);
}

std::string version_of(ByteView start) {
  class Nobody final : public ReferenceSink {
   public:
    void owned(std::string_view /*attribute_id*/) override {}
    void role(std::string_view /*label*/) override {}
    void player(std::string_view /*id*/) override {}
  } nobody;
  const Varint length = read_varint(start);
  if (length.size_bytes == 0 || length.value > start.size() - length.size_bytes) return {};
  const Item item = parse_item(start.subspan(length.size_bytes, length.value), nobody);
  return item.kind == ItemKind::header ? std::string(item.version) : std::string();
}

ExportFacts read_running(RunningExport& exported, const std::string& name,
                         const fs::path& scratch_directory, ByteSink* into,
                         const std::stop_token& stop) {
  exported.obey(stop);
  ExportReader reader(exported, name);
  ExportCheck check(name, scratch_directory, nullptr);
  while (const auto piece = reader.next()) {
    check.add(piece->message);
    if (into != nullptr) write_item(*into, piece->message);
  }
  return check.finish(stop);
}

}  // namespace holdfast::engine::typedb
