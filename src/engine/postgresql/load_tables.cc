// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/load_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "engine/postgresql/catalog.h"
#include "engine/postgresql/databases.h"
#include "engine/postgresql/fill.h"
#include "engine/postgresql/load_checks.h"
#include "engine/postgresql/quote.h"
#include "engine/postgresql/sql.h"
#include "engine/postgresql/table_copy.h"
#include "engine/postgresql/tables_aside.h"
#include "engine/postgresql/target.h"

namespace holdfast::engine::postgresql {
namespace {

struct ChosenTable {
  model::TableName name;
  std::vector<std::string> columns, parts;
};

// ALTER TABLE parent ATTACH PARTITION partition FOR VALUES …
struct Attachment {
  model::TableName parent, partition;
  std::string statement;
};

std::optional<Attachment> attachment_of(const SchemaStatement& statement) {
  const Subject subject = subject_of(statement.text);
  if (subject.kind != "table" || subject.creates) return std::nullopt;
  const std::vector<Token> tokens = tokens_of(statement.text, 20);
  for (std::size_t i = 0; i + 4 < tokens.size(); ++i) {
    if (tokens[i].is("ATTACH") && tokens[i + 1].is("PARTITION") && tokens[i + 3].is_symbol('.')) {
      return Attachment{subject.name, {tokens[i + 2].name(), tokens[i + 4].name()}, statement.text};
    }
  }
  return std::nullopt;
}

// The index that ALTER TABLE … ADD CONSTRAINT makes under the constraint's name.
std::optional<std::string> constraint_of(const SchemaStatement& statement) {
  if (statement.kind != StatementKind::index) return std::nullopt;
  const std::vector<Token> tokens = tokens_of(statement.text, 12);
  for (std::size_t i = 0; i + 2 < tokens.size(); ++i) {
    if (tokens[i].is("ADD") && tokens[i + 1].is("CONSTRAINT")) return tokens[i + 2].name();
  }
  return std::nullopt;
}

class TablesLoad {
 public:
  // `versions`: of extensions, as far as the server has those of the copy.
  TablesLoad(const model::PartSource& parts, const model::DatabaseFacts& facts,
             const LoadOptions& options, std::map<std::string, std::string> versions)
      : parts_(parts), facts_(facts), options_(options), mapping_(mapping_of(options)) {
    mapping_.versions = std::move(versions);
    pre_ = read_schema_script(*parts.open(pre_data_part), mapping_);
    post_ = read_schema_script(*parts.open(post_data_part), mapping_);
    find_partitions();
    choose();
    choose_partitions();
    find_sequences();
    std::set<model::TableName> names;
    for (const ChosenTable& table : tables_) names.insert(table.name);
    aside_.emplace(options.kept_suffix, std::move(names));
  }

  // Makes and proves the tables, within the transaction that is open. Those that are replaced stay
  // as they are, free for their users.
  void run(Connection& connection, bool is_new, LoadReport& report) {
    for (const SchemaStatement& one : pre_) {
      if (one.kind == StatementKind::setting) run_setting(connection, one);
    }
    if (is_new) make_surroundings(connection);
    for (const ChosenTable& table : tables_) look_at_room(connection, table.name);
    if (!replaced_.empty()) make_shadows(connection);
    if (shadows_.empty()) put_aside(connection, report);
    for (const SchemaStatement& one : pre_) {
      if (one.kind != StatementKind::setting && wants(subject_of(one.text)))
        run_statement(connection, shadowed(one));
    }
    const std::string encoding = facts_.engine_facts.string_or("encoding", "UTF8");
    for (const ChosenTable& table : tables_) {
      in_context("loading rows of " + table.name.display(), [&] {
        TableCopy copy(connection, shadow_of(table.name), table.columns, encoding);
        for (const std::string& part : table.parts) report.rows += copy.copy(*parts_.open(part));
      });
    }
    run_post(connection);
    for (const ChosenTable& table : tables_)
      connection.run("ANALYZE " + quote_name(shadow_of(table.name)));
    compare(connection, report.found.emplace());
    read_sequences();
  }

  // Puts them where they belong, in the same transaction, for which all have to wait a moment.
  // Needs neither the parts nor the facts any more.
  std::vector<std::string> put_in_place(Connection& connection, bool is_new) {
    LoadReport report;
    if (!shadows_.empty()) {
      put_aside(connection, report);
      leave_shadows(connection);
    }
    set_sequences(connection);
    run_foreign_keys(connection, report);
    for (const ChosenTable& table : tables_) aside_->join(connection, table.name);
    if (!is_new) attach_strays(connection, report);
    return std::move(report.kept);
  }

  // How to take it all back once it is committed: the tables that were made, by their oids, and the
  // statements that give back their names to those that were kept.
  [[nodiscard]] Json undo(Connection& connection, const std::string& database) const {
    Json made = Json::array();
    for (const ChosenTable& table : tables_) {
      Json one;
      one.set("table", quote_name(table.name));
      one.set("oid", connection.value(fmt::format("SELECT {}::pg_catalog.regclass::pg_catalog.oid",
                                                  quote_text(quote_name(table.name)))));
      made.push(std::move(one));
    }
    Json back = Json::array();
    for (const std::string& statement : aside_->back(connection)) back.push(statement);
    Json undo;
    undo.set("kind", "tables").set("database", database).set("undone", undone_suffix());
    undo.set("made", std::move(made)).set("back", std::move(back));
    return undo;
  }

  // What had the tables' names, when that is undone.
  [[nodiscard]] std::string undone_suffix() const {
    constexpr std::string_view before = "_before_";
    const std::string& kept = options_.kept_suffix;
    return kept.starts_with(before) ? "_undone_" + kept.substr(before.size()) : "_undone";
  }

  [[nodiscard]] bool is_chosen(const model::TableName& name) const {
    return std::any_of(tables_.begin(), tables_.end(),
                       [&](const ChosenTable& table) { return table.name == name; });
  }

 private:
  void find_partitions() {
    for (const SchemaStatement& one : pre_) {
      const auto attachment = attachment_of(one);
      if (!attachment) continue;
      partitioned_.insert(attachment->parent);
      attached_.emplace(attachment->partition, *attachment);
    }
  }

  // The rows of a partitioned table are in its partitions.
  void choose_partitions() {
    for (bool more = true; more;) {
      more = false;
      for (const auto& [name, attachment] : attached_) {
        if (is_chosen(name) || !is_chosen(attachment.parent)) continue;
        more = true;
        if (!choose_one(name)) tables_.push_back({name, {}, {}});
      }
    }
  }

  // A partition whose place was free goes into it, as the copy has it; if that cannot be, it stays
  // a table of its own, and that is said.
  void attach_strays(Connection& connection, LoadReport& report) {
    for (const auto& [name, attachment] : attached_) {
      if (!is_chosen(name) || is_chosen(attachment.parent) || aside_->has(name)) continue;
      connection.run("SAVEPOINT holdfast");
      std::string message;
      if (!connection.attempt(attachment.statement, &message).empty()) {
        connection.run("ROLLBACK TO SAVEPOINT holdfast");
        report.kept.push_back(fmt::format("table {} is no partition ({}): {};", name.display(),
                                          message, attachment.statement));
      }
      connection.run("RELEASE SAVEPOINT holdfast");
    }
  }

  [[nodiscard]] bool choose_one(const model::TableName& wanted) {
    bool found = false;
    for (const Json& one : facts_.engine_facts.at("tables").as_array()) {
      const model::TableName name{one.at("schema").as_string(), one.at("table").as_string()};
      const bool meant = name == wanted || (wanted.table == "*" && name.schema == wanted.schema);
      if (!meant) continue;
      found = true;
      if (is_chosen(name)) continue;
      ChosenTable table{name, {}, {}};
      for (const Json& column : one.at("columns").as_array())
        table.columns.push_back(column.as_string());
      for (const Json& part : one.at("parts").as_array()) table.parts.push_back(part.as_string());
      tables_.push_back(std::move(table));
    }
    for (const model::TableName& name : partitioned_) {  // these have no rows of their own
      if (name != wanted && (wanted.table != "*" || name.schema != wanted.schema)) continue;
      found = true;
      if (!is_chosen(name)) tables_.push_back({name, {}, {}});
    }
    return found;
  }

  void choose() {
    for (const model::TableName& given : options_.tables) {
      // What is named without a schema is meant as it is most often found.
      const model::TableName wanted{given.schema.empty() ? "public" : given.schema, given.table};
      if (!choose_one(wanted))
        throw Error(Errc::not_found, fmt::format("the copy has no table {}", wanted.display()));
    }
  }

  // ALTER SEQUENCE s OWNED BY t.c: they go with their table. So do those of
  // identity columns: ADD GENERATED … AS IDENTITY (SEQUENCE NAME s.q …).
  void find_sequences() {
    for (const SchemaStatement& one : pre_) {
      const Subject subject = subject_of(one.text);
      const bool alters = subject.kind == "table" && !subject.creates && is_chosen(subject.name);
      if (subject.kind != "sequence" && !alters) continue;
      const std::vector<Token> tokens = tokens_of(one.text, 100);
      for (std::size_t i = 0; alters && i + 4 < tokens.size(); ++i) {
        if (!tokens[i].is("SEQUENCE") || !tokens[i + 1].is("NAME")) continue;
        if (const auto name = name_in(tokens, i + 2)) sequences_.insert(*name);
      }
      for (std::size_t i = 0; i + 4 < tokens.size(); ++i) {
        if (tokens[i].is("OWNED") && tokens[i + 1].is("BY") && tokens[i + 3].is_symbol('.') &&
            is_chosen({tokens[i + 2].name(), tokens[i + 4].name()}))
          sequences_.insert(subject.name);
      }
    }
    // A default that takes from a sequence needs it, even if the table does not own it.
  }

  [[nodiscard]] bool wants(const Subject& subject) const {
    return is_chosen(subject.name) || sequences_.contains(subject.name) ||
           objects_.contains(subject.name);
  }

  // Schemas, extensions, types and functions of the copy, as far as they can be made without its
  // other tables.
  void make_surroundings(Connection& connection) {
    for (const SchemaStatement& one : pre_) {
      if (one.kind == StatementKind::setting || !subject_of(one.text).kind.empty()) continue;
      connection.run("SAVEPOINT holdfast");
      if (!connection.attempt(one.text).empty()) connection.run("ROLLBACK TO SAVEPOINT holdfast");
      connection.run("RELEASE SAVEPOINT holdfast");
    }
  }

  // A table of that name that is there is replaced, or is an error.
  void look_at_room(Connection& connection, const model::TableName& name) {
    const bool schema =
        !connection.query("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", {name.schema})
             .empty();
    if (!schema) connection.run("CREATE SCHEMA " + quote_name(name.schema));
    const Rows there = connection.query(
        "SELECT c.relkind FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
        " ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2",
        {name.schema, name.table});
    if (there.empty()) return;
    if (!options_.replace) {
      throw Error(Errc::exists, fmt::format("table {} is there already", name.display()))
          .set_hint("Give --replace: it is then kept under a new name.");
    }
    if (there.view(0, 0) != "r" && there.view(0, 0) != "p")
      throw Error(Errc::unsupported, fmt::format("{} is there and is no table", name.display()));
    replaced_.push_back(name);
  }

  void put_aside(Connection& connection, LoadReport& report) {
    for (const model::TableName& name : replaced_)
      report.kept.push_back(aside_->put_aside(connection, name));
  }

  // Schemas that nobody else sees before the transaction ends, in which the tables are made. Who
  // may make none has the tables locked for longer.
  void make_shadows(Connection& connection) {
    connection.run("SAVEPOINT holdfast");
    for (const ChosenTable& table : tables_) {
      if (shadows_.contains(table.name.schema)) continue;
      const std::string shadow =
          fmt::format("holdfast_{}_{}", connection.backend_pid(), shadows_.size());
      const std::string state = connection.attempt("CREATE SCHEMA " + quote_name(shadow));
      if (state == "42501") {
        connection.run("ROLLBACK TO SAVEPOINT holdfast");
        shadows_.clear();
        break;
      }
      if (!state.empty())
        throw Error(Errc::exists, fmt::format("schema {} cannot be made ({})", shadow, state));
      // Whoever will own a table must be able to.
      connection.run(fmt::format("GRANT ALL ON SCHEMA {} TO PUBLIC", quote_name(shadow)));
      shadows_[table.name.schema] = shadow;
    }
    connection.run("RELEASE SAVEPOINT holdfast");
  }

  void leave_shadows(Connection& connection) {
    for (const ChosenTable& table : tables_) {
      connection.run(fmt::format("ALTER TABLE {} SET SCHEMA {}", quote_name(shadow_of(table.name)),
                                 quote_name(table.name.schema)));
    }
    for (const model::TableName& name : statistics_) {
      connection.run(fmt::format("ALTER STATISTICS {} SET SCHEMA {}", quote_name(shadow_of(name)),
                                 quote_name(name.schema)));
    }
    for (const auto& [schema, shadow] : shadows_)
      connection.run("DROP SCHEMA " + quote_name(shadow));  // which fails if anything is left
    shadows_.clear();
  }

  [[nodiscard]] bool is_ours(const model::TableName& name) const {
    return is_chosen(name) || sequences_.contains(name) || objects_.contains(name);
  }

  [[nodiscard]] model::TableName shadow_of(const model::TableName& name) const {
    const auto shadow = shadows_.find(name.schema);
    return shadow == shadows_.end() ? name : model::TableName{shadow->second, name.table};
  }

  // The statement with our tables, sequences and indexes where they are made.
  [[nodiscard]] SchemaStatement shadowed(const SchemaStatement& statement) const {
    if (shadows_.empty()) return statement;
    SchemaStatement result = statement;
    result.text.clear();
    std::size_t copied = 0;
    const auto replace = [&](const Token& from, const Token& to, const std::string& by) {
      result.text.append(statement.text, copied, from.offset - copied).append(by);
      copied = to.offset + to.text.size();
    };
    const std::vector<Token> tokens = tokens_of(statement.text);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i].kind == TokenKind::string) {  // nextval('s.q'::regclass), and no other text
        if (i + 3 >= tokens.size() || !tokens[i + 1].is_symbol(':') ||
            !tokens[i + 2].is_symbol(':') || !tokens[i + 3].is_name() ||
            tokens[i + 3].name() != "regclass")
          continue;
        const std::vector<Token> inner =
            tokens_of(tokens[i].text.substr(1, tokens[i].text.size() - 2), 4);
        if (const auto name = name_in(inner, 0); name && inner.size() == 3 && is_ours(*name))
          replace(tokens[i], tokens[i], quote_text(quote_name(shadow_of(*name))));
      } else if (const auto name = name_in(tokens, i); name && is_ours(*name)) {
        replace(tokens[i], tokens[i + 2], quote_name(shadow_of(*name)));
        i += 2;
      }
    }
    result.text.append(statement.text, copied);
    return result;
  }

  static std::optional<model::TableName> name_in(const std::vector<Token>& tokens, std::size_t at) {
    if (at + 2 >= tokens.size() || !tokens[at].is_name() || !tokens[at + 1].is_symbol('.') ||
        !tokens[at + 2].is_name())
      return std::nullopt;
    return model::TableName{tokens[at].name(), tokens[at + 2].name()};
  }

  // Row counts and digests of the chosen tables, as the transaction sees them; put into `found`.
  void compare(Connection& connection, model::DatabaseFacts& found) const {
    const std::vector<Table> there = list_tables(connection, false);
    for (const ChosenTable& chosen : tables_) {
      const auto expected =
          std::find_if(facts_.tables.begin(), facts_.tables.end(), [&](const auto& one) {
            return one.schema == chosen.name.schema && one.table == chosen.name.table;
          });
      if (expected == facts_.tables.end()) continue;
      const model::TableName place = shadow_of(chosen.name);
      const auto table = std::find_if(there.begin(), there.end(),
                                      [&](const Table& one) { return one.name == place; });
      model::RowHasher hasher;
      if (table != there.end()) {
        RowReader reader(table->columns);
        model::Row row;
        connection.copy_out(copy_out_statement(*table, connection.encoding(), nullptr),
                            [&](ByteView line) {
                              reader.read(line, row);
                              hasher.add(row);
                            });
      }
      const model::TableDigest& digest = hasher.digest();
      if (digest.rows() != expected->rows || digest.hex() != expected->digest) {
        throw Error(Errc::differs, fmt::format("the rows of table {} are not those of the copy",
                                               chosen.name.display()));
      }
      found.tables.push_back(*expected);
    }
  }

  void read_sequences() {
    const std::unique_ptr<ByteSource> script = parts_.open(sequences_part);
    ScriptReader reader(*script);
    while (const auto piece = reader.next()) {
      if (piece->kind != ScriptPiece::Kind::statement) continue;
      // SELECT pg_catalog.setval('"s"."q"', …): of sequences that came along.
      const std::vector<Token> tokens = tokens_of(piece->text, 50);
      const bool sets = std::any_of(tokens.begin(), tokens.end(),
                                    [](const Token& token) { return token.is("SETVAL"); });
      if (sets) setvals_.push_back(piece->text);
    }
  }

  void set_sequences(Connection& connection) {
    for (const std::string& statement : setvals_) {
      connection.run("SAVEPOINT holdfast");
      const bool known = names_known_sequence(connection, tokens_of(statement, 50));
      if (known) connection.run(statement);
      connection.run("RELEASE SAVEPOINT holdfast");
    }
  }

  // Whether the sequence belongs to one of our tables, asked of the database that now has them.
  bool names_known_sequence(Connection& connection, const std::vector<Token>& tokens) const {
    const auto text = std::find_if(tokens.begin(), tokens.end(), [](const Token& token) {
      return token.kind == TokenKind::string;
    });
    if (text == tokens.end()) return false;
    const Rows owner = connection.query(
        fmt::format("SELECT n.nspname, t.relname FROM pg_catalog.pg_depend d"
                    " JOIN pg_catalog.pg_class t ON t.oid = d.refobjid"
                    " JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace"
                    " WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
                    " AND d.objid = pg_catalog.to_regclass({}::text) AND d.deptype IN ('a', 'i')"
                    " AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass",
                    text->text));
    return !owner.empty() && is_chosen({owner.text(0, 0), owner.text(0, 1)});
  }

  // One that the server does not know fails, but not the transaction.
  static void run_setting(Connection& connection, const SchemaStatement& setting) {
    connection.run("SAVEPOINT holdfast");
    if (!run_statement(connection, setting)) connection.run("ROLLBACK TO SAVEPOINT holdfast");
    connection.run("RELEASE SAVEPOINT holdfast");
  }

  void run_post(Connection& connection) {
    for (const SchemaStatement& one : post_) {
      if (one.kind == StatementKind::setting) {
        run_setting(connection, one);
        continue;
      }
      const Subject subject = subject_of(one.text);
      if (!wants(subject)) continue;
      if (!subject.object.table.empty()) objects_.insert(subject.object);
      if (subject.kind == "statistics" && subject.creates) statistics_.insert(subject.object);
      if (const auto index = constraint_of(one)) objects_.insert({subject.name.schema, *index});
      if (one.kind != StatementKind::foreign_key) run_statement(connection, shadowed(one));
    }
  }

  // These lock what they refer to, which may not be there, or lack the rows.
  void run_foreign_keys(Connection& connection, LoadReport& report) const {
    for (const SchemaStatement& one : post_) {
      const Subject subject = subject_of(one.text);
      if (one.kind != StatementKind::foreign_key || !wants(subject)) continue;
      connection.run("SAVEPOINT holdfast");
      std::string message;
      if (!connection.attempt(one.text, &message).empty()) {
        connection.run("ROLLBACK TO SAVEPOINT holdfast");
        report.kept.push_back(fmt::format("a foreign key of {} was left out ({}): {};",
                                          subject.name.display(), message, one.text));
      }
      connection.run("RELEASE SAVEPOINT holdfast");
    }
  }

  const model::PartSource& parts_;     // for run() alone
  const model::DatabaseFacts& facts_;  // likewise
  LoadOptions options_;
  NameMapping mapping_;
  std::vector<ChosenTable> tables_;
  std::set<model::TableName> sequences_;
  std::set<model::TableName> objects_;  // indexes and statistics of the chosen tables
  std::set<model::TableName> statistics_;
  std::vector<model::TableName> replaced_;
  std::map<std::string, std::string> shadows_;  // by schema; none: tables are made in their place
  std::vector<SchemaStatement> pre_, post_;
  std::map<model::TableName, Attachment> attached_;  // partitions of the copy
  std::set<model::TableName> partitioned_;
  std::optional<TablesAside> aside_;
  std::vector<std::string> setvals_;
};

// Tables that are made and proven and wait to be put in place: in a transaction that is open, or in
// a database of their own.
class ReadyTables {
 public:
  ReadyTables(const model::PartSource& parts, const model::DatabaseFacts& facts,
              const Location& into, const LoadOptions& options,
              std::map<std::string, std::string> versions)
      : into_(into),
        before_change_(options.before_change),
        load_(parts, facts, options, std::move(versions)) {}

  void prepare(bool is_new, const model::DatabaseFacts& facts, const LoadOptions& options,
               const std::stop_token& stop, LoadReport& report) {
    if (is_new) {
      LoadOptions whole = options;
      whole.replace = false;
      target_.emplace(into_, whole, stop);
      const DatabaseProperties properties = properties_of(facts.engine_facts, mapping_of(options));
      target_->prepare(&properties);
    }
    connection_.emplace(target_ ? target_->place() : into_, stop);
    connection_->run("BEGIN");
    load_.run(*connection_, target_.has_value(), report);
    if (stop.stop_requested())
      throw Error(Errc::cancelled, fmt::format("{}: stopped", into_.component));
    if (!target_) return;
    for (std::string& line : load_.put_in_place(*connection_, true))
      report.kept.push_back(std::move(line));
    connection_->run("COMMIT");
    connection_.reset();
  }

  std::vector<std::string> switch_in() {
    if (target_) {
      static_cast<void>(target_->switch_in());
      return {};
    }
    connection_->stop_with({});
    std::vector<std::string> lines = load_.put_in_place(*connection_, false);
    // One transaction is all or nothing; after it, what else is restored may still fail.
    if (before_change_)
      before_change_("restored tables of " + into_.database,
                     load_.undo(*connection_, into_.database));
    connection_->run("COMMIT");
    connection_.reset();
    return lines;
  }

  void give_up() noexcept {
    connection_.reset();
    if (target_) target_->give_up();
  }

 private:
  Location into_;
  std::function<void(std::string_view, const Json&)> before_change_;
  TablesLoad load_;
  std::optional<Target> target_;  // where there was no database
  std::optional<Connection> connection_;
};

}  // namespace

LoadReport load_tables(const model::PartSource& parts, const model::DatabaseFacts& facts,
                       const Location& into, const LoadOptions& options,
                       const std::stop_token& stop) {
  if (!options.schemas.empty()) {
    throw Error(Errc::unsupported, "single tables cannot be restored into schemas of other names")
        .set_hint("Leave [restore.schema] out, or restore the whole database.");
  }
  bool exists = false;
  std::map<std::string, std::string> versions;
  {
    Connection admin = connect_admin(into, stop);
    exists = oid_of(admin, into.database).has_value();
    versions = extension_versions(admin, facts.engine_facts);
  }
  const auto ready =
      std::make_shared<ReadyTables>(parts, facts, into, options, std::move(versions));
  LoadReport report;
  try {
    ready->prepare(!exists, facts, options, stop, report);
    if (!options.leave_beside) {
      for (std::string& line : ready->switch_in()) report.kept.push_back(std::move(line));
    }
  } catch (const std::exception&) {
    ready->give_up();
    throw;
  }
  if (options.leave_beside) report.switch_in = [ready] { return ready->switch_in(); };
  return report;
}

}  // namespace holdfast::engine::postgresql
