// SPDX-License-Identifier: Apache-2.0
#include "tests/harness/typedb_answers.h"

#include <array>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

namespace holdfast::test {
namespace {

constexpr std::uint64_t default_transaction_millis = 300'000;
constexpr int invalid_argument = 3, not_found = 5, failed_precondition = 9, unimplemented = 12,
              internal = 13, unauthenticated = 16;

// Protobuf, as far as it goes here.
std::uint64_t take_varint(std::string_view& from) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (from.empty()) throw std::runtime_error("a varint is cut");
    const auto byte = static_cast<unsigned char>(from.front());
    from.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return value;
  }
  throw std::runtime_error("a varint is too long");
}
std::string varint(std::uint64_t value) {
  std::string text;
  for (; value >= 0x80; value >>= 7U) text += static_cast<char>(0x80U | (value & 0x7fU));
  return text + static_cast<char>(value);
}
std::string put(unsigned field, std::string_view content) {
  return varint(field << 3U | 2U) + varint(content.size()) + std::string(content);
}
std::string put(unsigned field, std::uint64_t value) {
  return varint(field << 3U) + varint(value);
}

struct Field {
  unsigned number = 0;
  std::uint64_t value = 0;
  std::string_view content;
};
std::vector<Field> fields_of(std::string_view message) {
  std::vector<Field> fields;
  while (!message.empty()) {
    const std::uint64_t tag = take_varint(message);
    Field field{static_cast<unsigned>(tag >> 3U), 0, {}};
    if ((tag & 7U) == 0) {
      field.value = take_varint(message);
    } else {
      const std::size_t size = (tag & 7U) == 2   ? take_varint(message)
                               : (tag & 7U) == 1 ? 8
                               : (tag & 7U) == 5 ? 4
                                                 : 1U << 31U;
      if (size > message.size()) throw std::runtime_error("a field is cut");
      field.content = message.substr(0, size);
      message.remove_prefix(size);
    }
    fields.push_back(field);
  }
  return fields;
}
std::string text_of(std::string_view message, unsigned number) {
  std::string text;
  for (const Field& field : fields_of(message))
    if (field.number == number) text = field.content;
  return text;
}
std::uint64_t number_of(std::string_view message, unsigned number) {
  std::uint64_t value = 0;
  for (const Field& field : fields_of(message))
    if (field.number == number) value = field.value;
  return value;
}

// A refusal as 3.x writes it: what it was stands in the details.
TypedbStatus refusal(int code, std::string kind, std::string_view error, std::string_view trace) {
  const std::string info =
      put(1, "type.googleapis.com/google.rpc.ErrorInfo") + put(2, put(1, error));
  const std::string debug =
      put(1, "type.googleapis.com/google.rpc.DebugInfo") + put(2, put(1, trace));
  return {code, kind,
          put(1, static_cast<std::uint64_t>(code)) + put(2, kind) + put(3, info) + put(3, debug)};
}

// Things of an export: entities, attributes, relations, players, ownerships.
using Counts = std::array<std::uint64_t, 5>;
void count_item(std::string_view item, Counts& counts, std::optional<Counts>& told) {
  for (const Field& field : fields_of(item)) {
    if (field.number == 16) {
      told = Counts{};
      for (const Field& count : fields_of(field.content))
        if (count.number >= 1 && count.number <= 5) told->at(count.number - 1) = count.value;
      continue;
    }
    if (field.number > 3) continue;
    constexpr std::array<std::size_t, 4> places{0, 1, 0, 2};
    ++counts.at(places.at(field.number));
    for (const Field& part : fields_of(field.content)) {
      if (part.number == 3) ++counts[4];
      if (part.number != 4 || field.number != 3) continue;
      for (const Field& player : fields_of(part.content)) counts[3] += player.number == 2 ? 1 : 0;
    }
  }
}

// A key as 3.x writes it, so long.
std::string generated_id(char kind, std::uint64_t number) {
  std::string digits = std::to_string(number);
  return kind + std::string(15 - digits.size(), '0') + digits;
}

// Every item of a database in order.
void for_each_item(const TypedbDatabase& database,
                   const std::function<void(std::string_view)>& take) {
  for (const std::string& item : database.items) take(item);
  if (database.people == 0) return;
  const std::string employer =
      put(4, put(1, "employment:employer") + put(2, put(1, generated_id('c', 0))));
  take(put(15, put(1, "3.12.3") + put(2, "generated")));
  take(put(2, put(1, generated_id('c', 0)) + put(2, "company")));
  for (std::uint64_t i = 1; i <= database.people; ++i) {
    const std::string person = generated_id('p', i), name = generated_id('n', i);
    take(put(2, put(1, person) + put(2, "person") + put(3, put(1, name))));
    take(put(1, put(1, name) + put(2, "name") + put(4, put(1, "person " + std::to_string(i)))));
    take(put(3, put(1, generated_id('r', i)) + put(2, "employment") +
                    put(4, put(1, "employment:employee") + put(2, put(1, person))) + employer));
  }
  const std::uint64_t count = database.people;
  take(put(16,
           put(1, count + 1) + put(2, count) + put(3, count) + put(4, 2 * count) + put(5, count)));
}

class Answers {
 public:
  Answers(TypedbCall& call, TypedbContent& content, std::mutex& mutex)
      : call_(call), content_(content), mutex_(mutex) {}

  TypedbStatus answer(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::string service = path.substr(0, slash), method = path.substr(slash + 1);
    if (service == "/migrator.Migrator" && !is_v3() && content_.options.migrator)
      return migrate(method);
    const bool is_grakn = release() == TypedbRelease::grakn_2_0;
    if (service != (is_grakn ? "/grakn.protocol.GraknCore" : "/typedb.protocol.TypeDB"))
      return {unimplemented, "no such service", {}};
    if (method == "connection_open") return open();
    if (is_v3()) check_token();
    if (method == "databases_import" && exports()) return import();
    if (method == "database_export" && exports()) return export_all();
    if (method == "transaction" && !is_v3()) return define();
    const auto found = unary().find(method);
    if (found == unary().end()) return {unimplemented, "no such method", {}};
    call_.write((this->*found->second)(request()));
    return {};
  }

 private:
  using Unary = std::string (Answers::*)(const std::string&);
  static const std::map<std::string, Unary>& unary() {
    static const std::map<std::string, Unary> all{
        {"server_version", &Answers::version},  {"databases_all", &Answers::all},
        {"servers_all", &Answers::servers},     {"servers_get", &Answers::one_server},
        {"databases_get", &Answers::get_one},   {"databases_contains", &Answers::contains},
        {"databases_create", &Answers::create}, {"database_delete", &Answers::remove},
        {"database_schema", &Answers::schema},  {"session_open", &Answers::open_session},
        {"session_pulse", &Answers::pulse},     {"session_close", &Answers::close_session}};
    return all;
  }

  [[nodiscard]] TypedbRelease release() const { return content_.options.release; }
  [[nodiscard]] bool is_v3() const { return release() >= TypedbRelease::v3_3; }
  [[nodiscard]] bool exports() const { return release() >= TypedbRelease::v3_4; }
  std::string request() {
    std::optional<std::string> message = call_.read();
    if (!message) throw TypedbStatus{invalid_argument, "no request", {}};
    return *std::move(message);
  }
  void check_token() {
    const std::lock_guard lock(mutex_);
    if (!content_.tokens.contains(call_.token()))
      throw refusal(unauthenticated, "Unauthenticated", "AUT2", "Invalid token.");
  }
  std::string new_name(std::string_view prefix) {
    const std::lock_guard lock(mutex_);
    return std::string(prefix) + std::to_string(++content_.given);
  }

  // The version of the protocol, and from 3.10 on its extension, of which a driver may have an
  // older one. Sources: typedb/typedb-protocol, version.proto of 2.18.0, 2.28.4, 3.2.0, 3.4.0,
  // 3.12.0-rc0.
  [[nodiscard]] std::uint64_t own_version() const {
    switch (release()) {
      case TypedbRelease::grakn_2_0:
      case TypedbRelease::v2_1:
        return 0;
      case TypedbRelease::v2_18:
        return 1;
      case TypedbRelease::v2_29:
        return 3;
      case TypedbRelease::v3_3:
        return 6;
      case TypedbRelease::v3_4:
        return 7;
      case TypedbRelease::v3_12:
        return 8;
    }
    return 0;
  }
  TypedbStatus open() {
    if (own_version() == 0) return {unimplemented, "no such method", {}};
    const std::string message = request();
    if (!is_v3()) {
      if (number_of(message, 1) != own_version())
        return {internal, "[SRV21] Invalid Server Operation: protocol version mismatch", {}};
      call_.write({});
      return {};
    }
    const std::uint64_t extension = release() == TypedbRelease::v3_12 ? 2 : ~std::uint64_t{0};
    if (number_of(message, 1) != own_version() || number_of(message, 5) > extension)
      return {failed_precondition,
              "\n                    Incompatible driver version. This '" + text_of(message, 2) +
                  "' driver version '" + text_of(message, 3) + "' implements protocol version " +
                  std::to_string(number_of(message, 1)) + "." +
                  std::to_string(number_of(message, 5)) +
                  ",\n                    while the server supports network protocol version " +
                  std::to_string(own_version()) + ".\n                    ",
              {}};
    const std::string credentials = text_of(text_of(message, 4), 1);
    if (text_of(credentials, 1) != content_.options.user ||
        text_of(credentials, 2) != content_.options.password)
      return refusal(unauthenticated, "Unauthenticated", "AUT1", "Invalid credential supplied.");
    const std::string token = new_name("token-");
    {
      const std::lock_guard lock(mutex_);
      content_.tokens.insert("Bearer " + token);
    }
    // Whom drivers talk to from then on: the databases' replicas, from 3.11 on the servers.
    const std::string all_of_them = release() == TypedbRelease::v3_12 ? servers({}) : all({});
    call_.write(put(1, std::uint64_t{3}) + put(2, put(1, "0123456789abcdef")) +
                put(3, all_of_them) + put(4, put(1, token)));
    return {};
  }

  [[nodiscard]] std::string server() const { return put(1, content_.address); }
  std::string servers(const std::string& /*message*/) { return put(1, server()); }
  std::string one_server(const std::string& /*message*/) { return put(1, server()); }
  // To 3.10 a database has replicas: this server is the only one, and the first.
  std::string entry(const std::string& name) const {
    if (release() == TypedbRelease::v3_12) return put(1, name);
    constexpr std::uint64_t yes = 1;
    return put(1, name) + put(2, put(1, content_.address) + put(2, yes) + put(3, yes));
  }

  std::string version(const std::string& /*message*/) {
    if (release() < TypedbRelease::v3_12) throw TypedbStatus{unimplemented, "no such method", {}};
    return put(1, "TypeDB CE") + put(2, "3.12.3");
  }
  std::string all(const std::string& /*message*/) {
    const std::lock_guard lock(mutex_);
    std::string answer;
    for (const auto& [name, database] : content_.databases)
      answer += put(1, release() <= TypedbRelease::v2_18 ? name : entry(name));
    return answer;
  }
  std::string get_one(const std::string& message) {
    const std::string name = text_of(message, 1);
    if (is_v3()) static_cast<void>(get(name));
    return put(1, entry(name));
  }
  std::string contains(const std::string& message) {
    const std::lock_guard lock(mutex_);
    const bool is_there = content_.databases.contains(text_of(message, 1));
    return is_there ? put(1, std::uint64_t{1}) : std::string();
  }
  std::string create(const std::string& message) {
    const std::string name = text_of(message, 1);
    TypedbDatabase made;
    if (is_v3()) made.items = {put(15, put(1, "3.12.3") + put(2, name)), put(16, "")};
    const std::lock_guard lock(mutex_);
    if (!content_.databases.try_emplace(name, std::move(made)).second)
      throw TypedbStatus{internal, "the database exists", {}};
    return is_v3() ? put(1, entry(text_of(message, 1))) : std::string();
  }
  std::string remove(const std::string& message) {
    const std::lock_guard lock(mutex_);
    if (content_.refusals > 0) {
      --content_.refusals;
      throw refusal(invalid_argument, "Request generated error", "DBD2",
                    "Cannot delete database since it is in use.");
    }
    if (content_.databases.erase(text_of(message, 1)) == 0)
      throw TypedbStatus{internal, "there is no such database", {}};
    return {};
  }
  std::string schema(const std::string& message) { return put(1, get(text_of(message, 1)).schema); }
  TypedbDatabase get(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const auto found = content_.databases.find(name);
    if (found == content_.databases.end())
      throw refusal(is_v3() ? not_found : internal, "Not found", "DBE1",
                    "Database '" + name + "' not found.");
    return found->second;
  }

  std::string open_session(const std::string& message) {
    static_cast<void>(get(text_of(message, 1)));
    // It would be waited for the default of ten seconds.
    if (number_of(text_of(message, 3), release() < TypedbRelease::v2_18 ? 8 : 9) == 0)
      throw TypedbStatus{internal, "nobody says how long to wait for the lock", {}};
    const std::string id = new_name("session-");
    const std::lock_guard lock(mutex_);
    bool is_locked = content_.written.contains(text_of(message, 1));
    for (const auto& [other, name] : content_.sessions)
      is_locked = is_locked || name == text_of(message, 1);
    if (is_locked)
      throw TypedbStatus{internal,
                         "[SSN03] Invalid Session Operation: Could not acquire lock for schema "
                         "session. Another schema session may have been left open.",
                         {}};
    if (number_of(message, 2) == 1) content_.sessions[id] = text_of(message, 1);
    return put(1, id) + put(2, std::uint64_t{1});
  }
  std::string pulse(const std::string& message) {
    const std::lock_guard lock(mutex_);
    ++content_.pulses;
    const bool alive = content_.sessions.contains(text_of(message, 1));
    return alive ? put(1, std::uint64_t{1}) : std::string();
  }
  std::string close_session(const std::string& message) {
    const std::lock_guard lock(mutex_);
    if (content_.sessions.erase(text_of(message, 1)) == 0)
      throw TypedbStatus{internal, "there is no such session", {}};
    return {};
  }

  // A transaction of a schema session, to 2.18; what is defined comes behind what is there.
  TypedbStatus define() {
    std::string database, defined;
    while (const std::optional<std::string> message = call_.read()) {
      const std::string request = text_of(*message, 1);
      unsigned answer = 0;
      for (const Field& field : fields_of(request)) {
        if (field.number == 1 && field.content.size() != 16)
          return {invalid_argument, "no id of a request", {}};
        if (field.number == 3) {
          const std::lock_guard lock(mutex_);
          const auto session = content_.sessions.find(text_of(field.content, 1));
          if (session == content_.sessions.end() || number_of(field.content, 2) != 1)
            return {internal, "[SSN01] there is no such session", {}};
          if (release() == TypedbRelease::v2_18 &&
              number_of(text_of(field.content, 3), 8) < default_transaction_millis)
            return {internal, "[TXN24] the transaction has exceeded its time", {}};
          database = session->second;
          answer = 2;
        } else if (database.empty()) {
          if (field.number != 1) return {internal, "[TXN03] the transaction is not open", {}};
        } else if (field.number == 7) {
          defined = text_of(text_of(field.content, 100), 1);
          if (!defined.starts_with("define")) return {internal, "[TQL03] there is an error", {}};
          answer = 5;
        } else if (field.number == 5) {
          const std::lock_guard lock(mutex_);
          content_.databases[database].schema += defined;
          answer = 3;
        }
      }
      call_.write(put(2, put(1, text_of(request, 1)) + put(answer, "")));
      if (answer == 3) return {};
    }
    return {};
  }

  TypedbStatus export_all() {
    call_.begin();
    const TypedbDatabase database = get(text_of(text_of(request(), 1), 1));
    call_.write(put(1, put(1, put(1, database.schema))));
    std::string items;
    std::size_t count = 0;
    for_each_item(database, [&](std::string_view item) {
      items += put(1, item);
      if (++count % content_.options.items_per_message != 0) return;
      call_.write(put(1, put(2, std::exchange(items, {}))));
    });
    if (!items.empty()) call_.write(put(1, put(2, items)));
    call_.write(put(1, put(3, "")));
    return {};
  }

  TypedbStatus import() {
    call_.begin();
    std::string name;
    TypedbDatabase made;
    while (const std::optional<std::string> message = call_.read()) {
      const std::string request = text_of(*message, 1);
      for (const Field& field : fields_of(request)) {
        if (field.number == 1) {
          if (!name.empty())
            return refusal(invalid_argument, "Request generated error", "DBI2",
                           "Duplicate import.");
          name = text_of(field.content, 1);
          made.schema = text_of(field.content, 2);
          const std::lock_guard lock(mutex_);
          if (content_.refusals > 0) {
            --content_.refusals;
            return refusal(invalid_argument, "Request generated error", "DBC8",
                           "Cannot create database 'x' since it is being imported.");
          }
          if (made.schema.find("define") == std::string::npos)
            return refusal(invalid_argument, "Request generated error", "DBI7",
                           "The schema has errors.");
        } else if (name.empty()) {
          return refusal(invalid_argument, "Request generated error", "DBI1", "No database.");
        } else if (field.number == 2) {
          for (const Field& item : fields_of(field.content)) made.items.emplace_back(item.content);
        } else if (field.number == 3) {
          place(name, std::move(made));
          call_.write(put(1, put(1, "")));
          return {};
        }
      }
    }
    return {};
  }
  void place(const std::string& name, TypedbDatabase made) {
    Counts counts{};
    std::optional<Counts> told;
    for (const std::string& item : made.items) count_item(item, counts, told);
    if (!told) throw refusal(invalid_argument, "Request generated error", "DBI18", "No checksums.");
    if (*told != counts)
      throw refusal(invalid_argument, "Request generated error", "DBI19", "Checksums mismatch.");
    const std::lock_guard lock(mutex_);
    if (!content_.databases.try_emplace(name, std::move(made)).second)
      throw refusal(invalid_argument, "Request generated error", "DBI3", "It exists.");
  }

  // Files are the server's: it writes and reads them itself.
  TypedbStatus migrate(const std::string& method) {
    const bool with_schema = release() == TypedbRelease::v2_29;
    const std::string ending = with_schema ? "Database" : "Data";
    const bool is_lower = release() == TypedbRelease::grakn_2_0;
    if (method == (is_lower ? "export" : "Export") + ending) return export_files(with_schema);
    if (method == (is_lower ? "import" : "Import") + ending) return import_files(with_schema);
    return {unimplemented, "no such method", {}};
  }
  void tell(std::uint64_t done, std::uint64_t total, bool is_import) {
    if (release() == TypedbRelease::grakn_2_0) {
      call_.write(put(1, put(1, total) + put(2, done)));
      return;
    }
    const unsigned first = is_import ? 2 : 1;
    call_.write(put(first, done) + put(first + 1, total));
  }
  TypedbStatus export_files(bool with_schema) {
    const std::string message = request();
    const TypedbDatabase database = get(text_of(message, 1));
    {
      const std::lock_guard lock(mutex_);
      const auto change = content_.changes.find(text_of(message, 1));
      if (change != content_.changes.end())
        content_.databases[text_of(message, 1)].schema = change->second;
    }
    tell(0, database.items.size(), false);
    if (with_schema) std::ofstream(text_of(message, 3)) << database.schema;
    std::ofstream data(text_of(message, 2), std::ios::binary);
    if (!data) return {internal, "[MIG02] Invalid Migrator Operation: no such file", {}};
    const std::string header = put(15, put(1, "2.18.0") + put(2, text_of(message, 1)));
    const std::vector<std::string> of_empty{header, put(16, "")};
    for (const std::string& item : database.items.empty() ? of_empty : database.items)
      data << varint(item.size()) << item;
    data.close();
    tell(database.items.size(), database.items.size(), false);
    return {};
  }
  TypedbStatus import_files(bool with_schema) {
    const std::string message = request();
    const std::string name = text_of(message, 1);
    std::ifstream data(text_of(message, 2), std::ios::binary);
    if (!data) return {internal, "[MIG02] Invalid Migrator Operation: no such file", {}};
    const std::string file{std::istreambuf_iterator<char>(data), {}};
    TypedbDatabase made;
    {
      const std::lock_guard lock(mutex_);
      const auto found = content_.databases.find(name);
      if (with_schema && found != content_.databases.end() && !found->second.schema.empty())
        return {internal, "[DBS05] the database is not empty", {}};
    }
    if (with_schema) {
      std::ifstream schema(text_of(message, 3));
      made.schema.assign(std::istreambuf_iterator<char>(schema), {});
    } else {
      made.schema = get(name).schema;
    }
    made.items = typedb_items(file);
    tell(0, made.items.size(), true);
    Counts counts{};
    std::optional<Counts> told;
    for (const std::string& item : made.items) count_item(item, counts, told);
    {
      // What was loaded stays, whatever comes of it.
      const std::lock_guard lock(mutex_);
      content_.databases[name] = made;
    }
    if (told != counts)
      return {internal, "[MIG11] Invalid Migrator Operation: checksum mismatch", {}};
    tell(made.items.size(), made.items.size(), true);
    return {};
  }

  TypedbCall& call_;
  TypedbContent& content_;
  std::mutex& mutex_;
};

}  // namespace

TypedbStatus answer_typedb(const std::string& path, TypedbCall& call, TypedbContent& content,
                           std::mutex& mutex) {
  return Answers(call, content, mutex).answer(path);
}

std::vector<std::string> typedb_items(std::string_view file) {
  std::vector<std::string> items;
  while (!file.empty()) {
    const std::uint64_t size = take_varint(file);
    if (size > file.size()) throw std::runtime_error("an item is cut");
    items.emplace_back(file.substr(0, size));
    file.remove_prefix(size);
  }
  return items;
}

TypedbDatabase generated_typedb(std::uint64_t things) {
  TypedbDatabase made;
  made.people = things / 3 + 1;
  made.schema =
      "define\n  attribute name, value string;\n"
      "  entity company, plays employment:employer;\n"
      "  entity person, owns name, plays employment:employee;\n"
      "  relation employment, relates employee, relates employer;\n";
  return made;
}

}  // namespace holdfast::test
