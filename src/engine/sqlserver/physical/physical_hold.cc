// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/physical/physical_hold.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "engine/sqlserver/bak/bak_findings.h"
#include "engine/sqlserver/certificates.h"
#include "engine/sqlserver/physical/backup_run.h"
#include "engine/sqlserver/physical/exchange.h"
#include "engine/sqlserver/physical/physical_target.h"
#include "engine/sqlserver/physical/restored_database.h"
#include "engine/sqlserver/receiver/s3_receiver.h"
#include "engine/sqlserver/row_counts.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr unsigned edition_azure = 5;

// The directory comes first, as there the server can be asked about its backup.
bool writes_to_objects(const Location& location, const ServerInfo& server) {
  return location.exchange_directory.empty() && !location.receiver.empty() && has_objects(server);
}

// Of pages that are in use, by which the size of a backup is told.
std::uint64_t used_bytes(Session& session) {
  const std::string text = session.value(
      "SELECT CONVERT(nvarchar(30), SUM(CONVERT(bigint, FILEPROPERTY(name, 'SpaceUsed'))) * 8192) "
      "FROM sys.database_files WHERE type <> 2");
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Of a live database, what check_load() goes by.
Json outline_of(Session& session) {
  Json json = Json::object();
  const std::string version =
      session.value("SELECT CONVERT(nvarchar(20), DATABASEPROPERTYEX(DB_NAME(), 'Version'))");
  std::uint64_t number = 0;
  std::from_chars(version.data(), version.data() + version.size(), number);
  json.set("database_version", number);
  Json files = Json::array();
  for (const auto& row : session.query(
           "SELECT name, physical_name, type, CONVERT(nvarchar(30), CONVERT(bigint, size) * 8192) "
           "FROM sys.database_files")) {
    const std::string size = row.at(3).value_or("0");
    std::uint64_t bytes = 0;
    std::from_chars(size.data(), size.data() + size.size(), bytes);
    Json one = Json::object();
    one.set("logical_name", row.at(0).value_or("")).set("physical_name", row.at(1).value_or(""));
    one.set("log", row.at(2).value_or("") == "1").set("size_bytes", bytes);
    files.push(std::move(one));
  }
  return json.set("files", std::move(files));
}

struct Held {
  model::Endpoint endpoint;
  Location location;
  ServerInfo server;
  BackupPlan plan;
  std::uint64_t size_bytes = 0;
  Json remembered;
  std::vector<Certificate> certificates;
  RowCounts before;
  Json outline = Json::object();  // of only_outline: what the backup would say of the database
  std::unique_ptr<BackupRun> run;
};

// A receiver, and what the server calls it.
struct Receiving {
  std::unique_ptr<S3Receiver> receiver;
  Held* owner = nullptr;  // whose session has made the credential
};

class PhysicalHold final : public Hold {
 public:
  PhysicalHold(std::span<const model::Endpoint> endpoints, const HoldOptions& options)
      : options_(options) {
    for (const model::Endpoint& endpoint : endpoints) {
      auto held = std::make_unique<Held>();
      held->endpoint = endpoint;
      held->location = location_of(endpoint);
      databases_.push_back(std::move(held));
    }
  }
  ~PhysicalHold() override {
    for (const auto& held : databases_) held->run.reset();
    drop_credentials();
  }

  void capture() override;
  // The moment is that of the backup's end: what was stopped for it stays so until it is made.
  [[nodiscard]] bool lets_writers_work() const override { return !options_.stopped; }
  [[nodiscard]] bool keeps_writers_out() const override { return false; }
  [[nodiscard]] model::Moment moment(std::size_t database) const override {
    const Held& held = *databases_.at(database);
    if (held.run) return held.run->moment();
    model::Moment none;  // of what is only outlined
    none.kind = model::MomentKind::at_release;
    return none;
  }
  [[nodiscard]] std::vector<model::Part> parts(std::size_t database) override;
  void copy(std::size_t database, const model::Part& part, model::PartSink& into,
            std::stop_token stop) override;
  void describe(std::size_t database, model::DatabaseFacts& facts, std::stop_token stop) override;
  void outline(std::size_t database, model::DatabaseFacts& facts,
               std::stop_token /*stop*/) override {
    tell(captured(database), facts);
  }
  void release() override {
    check_rule(is_captured_, "a hold is released after it was captured");
    drop_credentials();
    is_captured_ = false;
  }

 private:
  Held& captured(std::size_t database) const {
    check_rule(is_captured_, "a hold is read while it is captured");
    return *databases_.at(database);
  }
  void look_at(Held& held);
  void prepare(Held& held, Session& session);
  [[nodiscard]] S3Receiver* receiver_for(Held& held, Session& session);
  void announce(const Held& held, std::string_view what, const Json& undo) const {
    if (options_.before_change) options_.before_change(held.endpoint.component, what, undo);
  }
  void drop_credentials() noexcept;
  static void tell(const Held& held, model::DatabaseFacts& facts);

  const HoldOptions options_;
  std::map<std::string, Receiving> receivers_;  // by address; before what uses them
  std::vector<std::unique_ptr<Held>> databases_;
  bool is_captured_ = false;
};

void PhysicalHold::capture() {
  check_rule(!is_captured_, "a hold is captured once");
  for (const auto& held : databases_) look_at(*held);
  is_captured_ = true;
}

void PhysicalHold::look_at(Held& held) {
  Session session(held.location, held.endpoint.password.get(), true, options_.stop);
  held.server = read_server(session);
  if (!held.server.is_sql_server || held.server.edition == edition_azure)
    throw Error(Errc::unsupported, fmt::format("{} makes no backups of its own: it is {}",
                                               held.location.server(), held.server.product))
        .set_hint("Set `method = \"logical\"`.");
  // As the server writes it, which takes names in other letters for the same.
  held.location.database = session.value("SELECT DB_NAME()");
  held.size_bytes = used_bytes(session);
  held.remembered = remember_database(session);
  const bool is_s3 = writes_to_objects(held.location, held.server);
  if (!is_s3) need_exchange(held.location, "a backup by the server");
  held.plan = plan_backup(is_s3 ? Medium::s3 : Medium::disk, held.size_bytes,
                          held.location.compress, held.server);
  held.before = count_rows(session);
  if (!options_.only_outline) {
    prepare(held, session);
  } else {
    held.certificates = certificates_of(session);
    held.outline = outline_of(session);
  }
}

void PhysicalHold::prepare(Held& held, Session& session) {
  if (held.plan.medium == Medium::s3 && held.plan.stripes > options_.parallel)
    throw Error(Errc::unsupported,
                fmt::format("{} is written to {} objects at once, and {} are copied at once",
                            held.location.display(), held.plan.stripes, options_.parallel))
        .set_hint(fmt::format("Set limits.parallel to {}, or `backup_directory` and "
                              "`exchange_directory` instead of `receiver`.",
                              held.plan.stripes));
  held.certificates = fetch_certificates(session);
  for (const Certificate& one : held.certificates)
    if (!one.is_kept())
      log(LogLevel::warn, "a certificate or key that the copy needs is not in it",
          {{"database", held.location.database}, {"thumbprint", one.thumbprint}});
  BackupRun::Options run;
  run.location = held.location;
  run.password = held.endpoint.password;
  run.set_name = fmt::format("holdfast {}", held.endpoint.component);
  run.plan = held.plan;
  if (held.plan.medium == Medium::s3) run.receiver = receiver_for(held, session);
  run.before_change = [this, &held](std::string_view what, const Json& undo) {
    announce(held, what, undo);
  };
  held.run = std::make_unique<BackupRun>(std::move(run));
}

// One for all databases that are written to the same address.
S3Receiver* PhysicalHold::receiver_for(Held& held, Session& session) {
  const Location& location = held.location;
  Receiving& receiving = receivers_[location.receiver];
  if (receiving.receiver) return receiving.receiver.get();
  S3Receiver::Options options;
  options.address = location.receiver;
  options.certificate = location.receiver_certificate;
  options.key = location.receiver_key;
  options.scratch_directory = options_.scratch_directory;
  try {
    receiving.receiver = std::make_unique<S3Receiver>(options, options_.stop);
  } catch (Error& error) {
    if (error.code() == Errc::unavailable)
      error.set_hint(
          "Name a free port by `receiver`. Databases of several servers need a port each.");
    throw;
  }
  const std::string name = receiving.receiver->credential_name();
  announce(held, fmt::format("made credential {} on {}", name, location.server()),
           Json::object().set("sqlserver", "physical").set("kind", "credential").set("name", name));
  receiving.owner = &held;
  const Secret secret = receiving.receiver->credential_secret();
  std::string sql = fmt::format("CREATE CREDENTIAL {} WITH IDENTITY = 'S3 Access Key', SECRET = {}",
                                identifier(name), literal(secret.reveal()));
  const auto errors = session.try_run(sql);
  wipe(sql);
  if (!errors.empty())
    session.raise(errors, fmt::format("making credential {} (ALTER ANY CREDENTIAL)", name));
  return receiving.receiver.get();
}

void PhysicalHold::drop_credentials() noexcept {
  for (auto& [address, receiving] : receivers_) {
    if (receiving.owner == nullptr) continue;
    const Held& owner = *std::exchange(receiving.owner, nullptr);
    const std::string name = receiving.receiver->credential_name();
    try {
      Session session(owner.location, owner.endpoint.password.get(), true);
      session.run("DROP CREDENTIAL " + identifier(name));
    } catch (const std::exception& error) {
      log(LogLevel::warn, "a credential was not dropped", {{"name", name}, {"why", error.what()}});
    }
  }
}

std::vector<model::Part> PhysicalHold::parts(std::size_t database) {
  const Held& held = captured(database);
  std::vector<model::Part> all;
  const auto add = [&](std::string path, std::uint64_t bytes) {
    model::Part part;
    part.path = std::move(path);
    part.bytes_estimate = bytes;
    all.push_back(std::move(part));
  };
  for (unsigned i = 0; i < held.plan.stripes; ++i)
    add(backup_part(i, held.plan.stripes), held.size_bytes / held.plan.stripes);
  for (const Certificate& certificate : held.certificates)
    for (const auto& [path, content] : certificate.parts) add(path, content.size());
  return all;
}

void PhysicalHold::copy(std::size_t database, const model::Part& part, model::PartSink& into,
                        std::stop_token stop) {
  // A segment takes bytes from whichever thread the server's come on.
  class SegmentSink final : public ByteSink {
   public:
    explicit SegmentSink(model::PartSink::Segment& segment) : segment_(segment) {}
    void write(ByteView bytes) override { segment_.write(bytes); }

   private:
    model::PartSink::Segment& segment_;
  };
  Held& held = captured(database);
  const std::unique_ptr<model::PartSink::Segment> segment = into.segment(0);
  for (const Certificate& certificate : held.certificates) {
    const auto known = certificate.parts.find(part.path);
    if (known == certificate.parts.end()) continue;
    segment->write(known->second);
    return segment->finish();
  }
  SegmentSink sink(*segment);
  for (unsigned i = 0; i < held.plan.stripes; ++i) {
    if (part.path != backup_part(i, held.plan.stripes)) continue;
    held.run->copy(i, sink, stop);
    return segment->finish();
  }
  check_rule(false, "a copy has the parts that it was said to have");
}

// What is known before the backup is made.
void PhysicalHold::tell(const Held& held, model::DatabaseFacts& facts) {
  facts.version = held.server.version;
  facts.engine_facts = Json::object();
  Json& json = facts.engine_facts;
  json.set("method", "physical").set("database", held.location.database);
  json.set("server_version", held.server.version).set("product", held.server.product);
  json.set("edition", held.server.edition_name).set("server_collation", held.server.collation);
  json.set("medium", held.plan.medium == Medium::disk ? "directory" : "receiver");
  json.set("compressed", held.plan.compressed).set("stripes", held.plan.stripes);
  json.set("options", held.remembered);
  json.set("certificates", to_json(held.certificates));
  for (const auto& [key, value] : held.outline.as_object()) json.set(key, value);
}

void PhysicalHold::describe(std::size_t database, model::DatabaseFacts& facts,
                            std::stop_token stop) {
  Held& held = captured(database);
  tell(held, facts);
  Json& json = facts.engine_facts;
  const BakSet& set = held.run->set();
  const SetConfiguration& known = *configuration_of(set);
  const SetFacts& of_set = *known.facts;
  json.set("database_version", of_set.database_version);
  json.set("first_lsn", of_set.first.text()).set("last_lsn", of_set.last.text());
  json.set("checkpoint_lsn", of_set.checkpoint.text());
  json.set("start", of_set.start).set("finish", of_set.finish).set("set_guid", set.block.guid);
  json.set("machine", set.volume.machine).set("verified", held.run->verified());
  Json files = Json::array();
  for (const DatabaseFile& file : known.files) {
    Json one = Json::object();
    one.set("logical_name", file.logical_name).set("physical_name", file.physical_name);
    one.set("log", file.is_log()).set("size_bytes", file.size_bytes);
    files.push(std::move(one));
  }
  json.set("files", std::move(files));
  PageCounts pages;
  for (const Stripe& stripe : held.run->stripes()) {
    const PageCounts& some = stripe.report.sets.front().pages;
    pages.pages += some.pages;
    pages.right += some.right;
    pages.unmarked += some.unmarked;
    pages.encrypted += some.encrypted;
  }
  json.set("pages", Json::object()
                        .set("read", pages.pages)
                        .set("right", pages.right)
                        .set("unmarked", pages.unmarked)
                        .set("encrypted", pages.encrypted));
  Json thumbprints = Json::array();
  for (const std::string& one : held.run->thumbprints()) thumbprints.push(one);
  json.set("thumbprints", std::move(thumbprints));
  Session session(held.location, held.endpoint.password.get(), true, std::move(stop));
  json.set("tables", to_json(held.before, count_rows(session)));
  facts.objects = promised_objects(json);
  if (options_.row_tap)
    json.set("rows_unread",
             "a backup by the server is of pages; `method = \"logical\"` copies by rows");
}

}  // namespace

std::unique_ptr<Hold> make_physical_hold(std::span<const model::Endpoint> endpoints,
                                         const HoldOptions& options) {
  check_rule(!endpoints.empty(), "a hold has databases");
  return std::make_unique<PhysicalHold>(endpoints, options);
}

}  // namespace holdfast::engine::sqlserver
