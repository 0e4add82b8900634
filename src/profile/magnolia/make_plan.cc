// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/make_plan.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "profile/magnolia/by_hand.h"
#include "profile/magnolia/configuration_file.h"
#include "profile/magnolia/endpoints.h"
#include "profile/magnolia/fact_checks.h"
#include "profile/magnolia/gathering.h"
#include "profile/magnolia/judging.h"

namespace holdfast::profile::magnolia {
namespace {

namespace fs = std::filesystem;

bool is_there(const std::string& path) {
  std::error_code ignored;
  return !path.empty() && fs::exists(fs::symlink_status(path, ignored));
}

// A pattern that matches this path and no other.
std::string literal_pattern(const std::string& path) {
  std::string pattern;
  for (const char c : path) {
    if (c == '*' || c == '?' || c == '[' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern;
}

// Where a path lies if a link on the way leads out of the instance.
std::string real_place(const MagnoliaFacts& facts, const std::string& path) {
  for (const PathFact& out : facts.led_out) {
    if (is_below(path, out.where)) return out.path + path.substr(out.where.size());
  }
  return path;
}

void add_once(std::vector<std::string>& to, const std::string& text) {
  if (!text.empty() && std::find(to.begin(), to.end(), text) == to.end()) to.push_back(text);
}

class Planner {
 public:
  Planner(const MagnoliaFacts& facts, const model::Instance& instance)
      : facts_(facts), instance_(instance) {}

  model::Plan make(std::span<const MagnoliaFacts* const> neighbours) {
    plan_.findings = facts_.findings;
    const auto add = [&](std::vector<model::Finding> more) {
      for (model::Finding& finding : more) plan_.findings.push_back(std::move(finding));
    };
    add(find_shared(facts_, neighbours));
    add(find_stop_problems(facts_, instance_));
    look_whether_running();
    add_databases();
    add_data_store();
    add_files();
    add_named();
    describe();
    plan_.state = state();
    const MagnoliaFacts real = at_real_places(facts_);
    plan_.facts = with_endpoints(restore_facts(real), file_endpoints());
    plan_.facts.set("by_hand", by_hand(real));
    plan_.make_check = [real, plans = check_plans(real, neighbours),
                        has_indexes = instance_.magnolia.includes_search_index] {
      return magnolia::make_check(plans, real, has_indexes);
    };
    return std::move(plan_);
  }

 private:
  // An embedded database that a running application has not opened yet is not seen to be in use:
  // copying it would keep the application out when it does.
  void look_whether_running() {
    if (!instance_.quiesce.stop.empty()) return;
    bool has_embedded = false;
    for (const Connection& connection : facts_.connections) {
      if (connection.path.empty()) continue;
      has_embedded = true;
      // Its engine says who has it, and has it stopped.
      const bool is_derby = connection.engine == "derby";
      if (is_locked(is_derby ? connection.path + "/dbex.lck" : connection.path)) return;
    }
    for (const RepositoryFact& repository : facts_.repositories) {
      if (!has_embedded || !is_locked(repository.home + "/.lock")) continue;
      plan_.findings.push_back(
          make_finding("magnolia-running", model::Severity::blocker, "",
                       "the application runs: " + repository.home + "/.lock is locked",
                       "its embedded databases are copied while nobody has them open, and it may "
                       "open one at any "
                       "time",
                       "Add [quiesce] with `stop` and `start`, or stop it."));
      return;
    }
  }

  void add_databases() {
    for (const Connection& connection : facts_.connections) {
      model::DatabaseSettings database;
      database.name = connection.component;
      database.engine = connection.engine;
      database.uri = connection.uri;
      database.user = connection.user;
      database.password.known = connection.password;
      database.options = connection.options;
      if (connection.path.empty()) add_application(connection, database);
      if (const std::string driver = driver_of(connection); !driver.empty())
        database.options["driver"] = driver;
      const auto given = std::find_if(
          instance_.databases.begin(), instance_.databases.end(),
          [&](const model::DatabaseSettings& one) { return one.name == connection.component; });
      add_remarks(connection, given == instance_.databases.end() ? nullptr : &*given);
      if (given != instance_.databases.end()) {
        database.engine = given->engine;
        database.uri = given->uri;
        database.after = given->after;
        database.line = given->line;
        // Another user has another password.
        if (!given->user.empty() && given->user != database.user) database.password = {};
        if (!given->user.empty()) database.user = given->user;
        if (!given->password.empty()) database.password = given->password;
        if (database.engine != connection.engine) forget_application(database);
        for (const auto& [key, value] : given->options) database.options[key] = value;
      }
      all_databases_.push_back(database.name);
      plan_.databases.push_back(std::move(database));
    }
  }

  // What of the application's connection we do otherwise, and [[database]] says nothing of.
  void add_remarks(const Connection& connection, const model::DatabaseSettings* given) {
    const auto is_said = [&](const std::string& key) {
      if (given == nullptr) return false;
      if (key == "user") return !given->user.empty();
      if (key == "uri") return plain_place(given->uri) != connection.uri;
      return given->options.contains(key);
    };
    for (const JdbcRemark& remark : connection.remarks) {
      if (std::any_of(remark.settled_by.begin(), remark.settled_by.end(), is_said)) continue;
      plan_.findings.push_back(make_finding(
          "magnolia-connection-option", remark.severity, connection.component,
          connection.where + ": the URL of " + connection.component + " says " + remark.seen,
          remark.why, remark.mend));
    }
  }

  // Whom the application is there, so that its rights can be looked at by whoever copies.
  static void add_application(const Connection& connection, model::DatabaseSettings& database) {
    const bool is_postgresql = connection.engine == "postgresql";
    const bool is_known =
        is_postgresql || connection.engine == "mariadb" || connection.engine == "sqlserver";
    if (connection.user.empty() || !is_known) return;
    database.options["application_user"] = connection.user;
    // Without one in its URL the server says where its tables are.
    if (is_postgresql) database.options["application_schema"] = connection.schema;
  }

  static void forget_application(model::DatabaseSettings& database) {
    database.options.erase("application_user");
    database.options.erase("application_schema");
  }

  // The application's own driver of an embedded database.
  [[nodiscard]] std::string driver_of(const Connection& connection) const {
    if (connection.path.empty()) return {};
    const auto found =
        std::find_if(facts_.drivers.begin(), facts_.drivers.end(), [&](const std::string& jar) {
          return fs::path(jar).filename().string().starts_with(connection.engine);
        });
    return found == facts_.drivers.end() ? std::string() : *found;
  }

  void add_data_store() {
    model::FilesSettings files;
    files.name = "datastore";
    files.after = all_databases_;
    for (const RepositoryFact& repository : facts_.repositories) {
      for (const StoreFact& store : repository.data_stores) {
        if (store.kind != StoreKind::files || store.path.empty()) continue;
        data_stores_.push_back(store.path);
        const std::string place = real_place(facts_, store.path);
        if (!is_there(place)) continue;  // a finding says so
        add_once(files.paths, place);
        add_once(files.exclude, literal_pattern(place) + "/tmp*");
      }
    }
    if (!files.paths.empty()) plan_.files.push_back(std::move(files));
  }

  [[nodiscard]] std::vector<std::string> wanted_paths() const {
    std::vector<std::string> paths = {facts_.directory};
    for (const RepositoryFact& repository : facts_.repositories) {
      add_once(paths, repository.home);
      add_once(paths, repository.workspaces_root);
      add_once(paths, repository.file_system.path);
      add_once(paths, repository.version.file_system.path);
      add_once(paths, repository.journal.path);
      for (const WorkspaceFact& workspace : repository.workspaces)
        add_once(paths, workspace.file_system.path);
    }
    for (const std::string& file : facts_.configuration_files) add_once(paths, file);
    add_once(paths, facts_.resources.path);
    add_once(paths, facts_.key_pair.path);
    for (const PathFact& out : facts_.led_out) add_once(paths, out.path);
    if (instance_.magnolia.includes_search_index) {
      for (const std::string& index : all_indexes(facts_)) add_once(paths, index);
    }
    return paths;
  }

  void add_files() {
    model::FilesSettings files;
    files.name = "files";
    files.after = all_databases_;
    if (!plan_.files.empty()) files.after.emplace_back("datastore");
    std::vector<std::string> covered;
    for (const model::FilesSettings& other : plan_.files)
      covered.insert(covered.end(), other.paths.begin(), other.paths.end());
    std::vector<std::string> paths;
    for (const std::string& path : wanted_paths()) add_once(paths, real_place(facts_, path));
    for (const PathFact& out : facts_.led_out) add_once(paths, out.where);  // the link itself
    std::erase_if(paths, [&](const std::string& path) {
      const auto holds = [&](const std::string& other) {
        return other != path && is_below(path, other);
      };
      return !is_there(path) || std::any_of(paths.begin(), paths.end(), holds) ||
             std::any_of(covered.begin(), covered.end(),
                         [&](const std::string& other) { return is_below(path, other); });
    });
    files.paths = std::move(paths);
    add_excludes(covered, files);
    plan_.files.push_back(std::move(files));
  }

  void add_excludes(const std::vector<std::string>& covered, model::FilesSettings& files) {
    const auto exclude = [&](const std::string& named) {
      const std::string path = real_place(facts_, named);
      const bool is_inside =
          std::any_of(files.paths.begin(), files.paths.end(),
                      [&](const std::string& one) { return is_below(path, one); });
      if (is_inside) add_once(files.exclude, literal_pattern(path));
    };
    for (const std::string& path : covered) exclude(path);
    for (const std::string& path : data_stores_) {
      if (is_there(real_place(facts_, path))) exclude(path);
    }
    for (const Connection& connection : facts_.connections) {
      if (connection.path.empty()) continue;
      exclude(connection.path);
      if (connection.engine != "h2") continue;
      const std::string stem = connection.path.substr(0, connection.path.size() - 6);
      exclude(stem + ".trace.db");
      exclude(stem + ".lock.db");
    }
    for (const RepositoryFact& repository : facts_.repositories)
      exclude(repository.home + "/.lock");
    const std::vector<std::string> kept = needed_paths(facts_);
    for (const PathFact& one : facts_.left_out) {
      const bool holds_more = std::any_of(kept.begin(), kept.end(), [&](const std::string& path) {
        return is_below(path, one.path);
      });
      if (!holds_more) {
        exclude(one.path);
        continue;
      }
      plan_.findings.push_back(make_finding(
          "magnolia-left-out-holds-more", model::Severity::note, "files",
          one.path + " (" + one.where + ") holds other parts of the instance",
          "it is copied whole, caches and logs too", "Give it a directory of its own."));
    }
    if (!instance_.magnolia.includes_search_index) leave_out_indexes(exclude);
  }

  void leave_out_indexes(const std::function<void(const std::string&)>& exclude) {
    const MagnoliaFacts real = at_real_places(facts_);
    const std::vector<std::string> spare = spare_indexes(real);
    for (const std::string& index : all_indexes(real)) {
      if (std::find(spare.begin(), spare.end(), index) != spare.end()) {
        exclude(index);
        continue;
      }
      plan_.findings.push_back(make_finding(
          "magnolia-left-out-holds-more", model::Severity::warning, "files",
          index + " (a search index) holds other parts of the instance",
          "it is copied with them, and not removed where they are restored; an index of another "
          "moment gives wrong results without an error",
          "Give it a directory of its own."));
    }
  }

  // What the instance file names beside.
  void add_named() {
    const auto is_known = [&](const std::string& name) {
      return facts_.connection(name) != nullptr;
    };
    for (const model::DatabaseSettings& database : instance_.databases) {
      if (!is_known(database.name)) plan_.databases.push_back(database);
    }
    for (const model::FilesSettings& files : instance_.files) {
      const auto same = std::find_if(plan_.files.begin(), plan_.files.end(),
                                     [&](const auto& one) { return one.name == files.name; });
      if (same == plan_.files.end()) {
        plan_.files.push_back(files);
        continue;
      }
      for (const std::string& path : files.paths) add_once(same->paths, path);
      for (const std::string& pattern : files.exclude) add_once(same->exclude, pattern);
    }
  }

  void describe();
  [[nodiscard]] std::string describe_workspace(const WorkspaceFact& workspace) const;
  [[nodiscard]] std::string describe_store(const StoreFact& store) const;
  [[nodiscard]] std::string describe_repository(const RepositoryFact& repository) const;

  [[nodiscard]] Endpoints file_endpoints() const {
    Endpoints endpoints;
    for (const std::string& file : facts_.configuration_files) {
      try {
        if (const auto content = read_configuration_file(file))
          add_endpoints_of_file(*content, file, endpoints);
      } catch (const Error&) {
        continue;  // a finding says so
      }
    }
    return endpoints;
  }

  // A copy during which this changes is made again.
  [[nodiscard]] std::string state() const {
    std::string text;
    std::vector<std::string> files = facts_.configuration_files;
    for (const RepositoryFact& repository : facts_.repositories) {
      for (const WorkspaceFact& workspace : repository.workspaces)
        text += "workspace " + repository.name + "/" + workspace.name + "\tis there\n";
      const std::string& base = repository.file_system.path;
      if (base.empty()) continue;
      for (const char* name : {"/namespaces/ns_reg.properties", "/namespaces/ns_idx.properties",
                               "/nodetypes/custom_nodetypes.xml"})
        add_once(files, base + name);
    }
    for (const std::string& file : files) {
      std::string hash = "not there";
      try {
        if (const auto content = read_configuration_file(file))
          hash = to_hex(sha256(as_bytes(*content)));
      } catch (const Error& error) {
        hash = error.message();
      }
      text += file + "\t" + hash + "\n";
    }
    return text;
  }

  const MagnoliaFacts& facts_;
  const model::Instance& instance_;
  model::Plan plan_;
  std::vector<std::string> all_databases_, data_stores_;
};

std::string Planner::describe_workspace(const WorkspaceFact& workspace) const {
  const PersistenceFact& kept = workspace.persistence;
  std::string text = "    " + workspace.name + ": ";
  if (kept.connection.empty()) {
    text += kept.class_name.empty() ? "not known where" : kept.class_name;
  } else {
    text += kept.connection;
    if (!kept.table_prefix.empty()) text += ", tables " + kept.table_prefix + "*";
  }
  return text + " (" + (kept.where.empty() ? workspace.configuration : kept.where) + ")\n";
}

std::string Planner::describe_store(const StoreFact& store) const {
  if (store.kind == StoreKind::files) return store.path;
  if (store.kind == StoreKind::tables)
    return store.connection + ", tables " + store.table_prefix + "*";
  return store.class_name;
}

std::string Planner::describe_repository(const RepositoryFact& repository) const {
  std::string text = "Repository " + repository.name + " in " + repository.home + " (" +
                     repository.where + "), configured by " + repository.configuration + ":\n";
  for (const WorkspaceFact& workspace : repository.workspaces)
    text += describe_workspace(workspace);
  text += describe_workspace(repository.version);
  for (const StoreFact& store : repository.data_stores)
    text += "    data store: " + describe_store(store) + " (" + store.where + ")\n";
  if (repository.file_system.kind != StoreKind::unknown)
    text += "    namespaces and node types: " + describe_store(repository.file_system) + " (" +
            repository.file_system.where + ")\n";
  if (repository.is_cluster)
    text += "    cluster node \"" + repository.cluster_id +
            "\", journal: " + describe_store(repository.journal) + "\n";
  return text;
}

void Planner::describe() {
  std::string about = "Magnolia " + std::string(facts_.is_author ? "author" : "public") +
                      " instance " + facts_.name + " in " + facts_.directory + "\n";
  if (!facts_.tomcat.empty()) about += "Tomcat in " + facts_.tomcat + "\n";
  if (!facts_.chain.empty()) about += "Properties, the last one wins:\n";
  for (const std::string& file : facts_.chain) about += "    " + file + "\n";
  for (const RepositoryFact& repository : facts_.repositories)
    about += describe_repository(repository);
  about += "Copied: the databases first, at one moment where they can be held; then the files.\n";
  about += "Left out:";
  for (const PathFact& one : facts_.left_out) about += "\n    " + one.path + ": " + one.where;
  about += "\n    lock files, and what uploads have left in data stores\n";
  about += instance_.magnolia.includes_search_index
               ? "Search indexes are copied.\n"
               : "    search indexes, which are built anew from the content\n";
  for (const model::Finding& finding : plan_.findings) {
    about += std::string(model::severity_name(finding.severity)) + " " + finding.code + ": " +
             finding.seen + "\n";
  }
  const bool is_embedded =
      std::any_of(facts_.connections.begin(), facts_.connections.end(),
                  [](const Connection& connection) { return !connection.path.empty(); });
  if (is_embedded)
    about += "Its embedded databases are copied while it is stopped: add [quiesce].\n";
  plan_.comments.emplace_back("", about);
  for (const Connection& connection : facts_.connections) {
    std::string names;
    for (const RepositoryFact& repository : facts_.repositories) {
      for (const WorkspaceFact& workspace : repository.workspaces) {
        if (workspace.persistence.connection == connection.component)
          names += (names.empty() ? "" : ", ") + workspace.name;
      }
    }
    plan_.comments.emplace_back(connection.component,
                                connection.uri + ", read in " + connection.where +
                                    (names.empty() ? "" : "; workspaces " + names));
  }
  for (const model::FilesSettings& files : plan_.files) {
    std::string text = files.name == "datastore"
                           ? "records of the data store, copied after every database"
                           : "the web application and what belongs to it elsewhere";
    for (const std::string& path : files.paths) text += "\n    " + path;
    plan_.comments.emplace_back(files.name, text);
  }
}

}  // namespace

model::Plan make_plan(const MagnoliaFacts& facts, const model::Instance& instance,
                      std::span<const MagnoliaFacts* const> neighbours) {
  return Planner(facts, instance).make(neighbours);
}

std::string account_example(const model::DatabaseSettings& database) {
  return "[[database]]\nname = \"" + database.name + "\"\nuri = \"" + database.uri +
         "\"\nuser = \"holdfast\"\npassword_file = \"/etc/holdfast/" + database.name +
         ".password\"";
}

}  // namespace holdfast::profile::magnolia
