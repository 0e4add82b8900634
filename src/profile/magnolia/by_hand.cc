// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/by_hand.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/process.h"
#include "base/uri.h"
#include "profile/magnolia/configuration_file.h"
#include "profile/magnolia/gathering.h"
#include "profile/magnolia/jdbc_sqlserver.h"
#include "profile/magnolia/jdbc_url.h"
#include "profile/magnolia/judging.h"
#include "profile/magnolia/relocate.h"

namespace holdfast::profile::magnolia {
namespace {

// A name or a path in prose: nothing in it steers a terminal or breaks its line.
std::string shown(const std::string& name) {
  return display({name});
}

std::string command(const std::vector<std::string>& argv) {
  return "    " + display(argv) + "\n";
}

// In front of a value in a configuration file, to find its line again.
constexpr std::string_view mark = "holdfast-5be1c4-looks-here:";

struct FoundValue {
  std::string file;
  std::size_t line = 0;
  std::string value;
  std::string raw;  // the line
};

std::string line_of(std::string_view text, std::size_t line) {
  for (; line > 1 && !text.empty(); --line)
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  return std::string(text.substr(0, text.find('\n')));
}

std::vector<FoundValue> find_values(const MagnoliaFacts& facts,
                                    const std::function<bool(const std::string&)>& is_wanted) {
  std::vector<FoundValue> found;
  const std::set<std::string> files(facts.configuration_files.begin(),
                                    facts.configuration_files.end());
  for (const std::string& file : files) {
    std::vector<std::string> values;
    const auto add_mark = [&](const ValuePlace&, const std::string& value) {
      std::optional<std::string> marked;
      if (is_wanted(value)) marked = std::string(mark) + values.emplace_back(value);
      return marked;
    };
    std::optional<std::string> text;
    std::string marked;
    try {
      text = read_configuration_file(file);
      if (text && text->find(mark) == std::string::npos) marked = map_values(*text, add_mark);
    } catch (const Error&) {
      continue;  // a finding has said so
    }
    std::size_t at = 0;
    std::size_t line = 1;
    for (std::string& value : values) {
      const std::size_t next = std::min(marked.find(mark, at), marked.size());
      line += static_cast<std::size_t>(
          std::count(marked.begin() + static_cast<std::ptrdiff_t>(at),
                     marked.begin() + static_cast<std::ptrdiff_t>(next), '\n'));
      at = std::min(next + mark.size(), marked.size());
      found.push_back({file, line, std::move(value), line_of(*text, line)});
    }
  }
  return found;
}

// Directories of the instance of which none lies in another.
std::vector<std::string> own_directories(const MagnoliaFacts& facts) {
  std::vector<std::string> all{facts.directory};
  const auto add = [&](const std::string& path) {
    const bool is_covered = std::any_of(
        all.begin(), all.end(), [&](const std::string& one) { return is_below(path, one); });
    if (!path.empty() && !is_covered) all.push_back(path);
  };
  for (const RepositoryFact& repository : facts.repositories) {
    add(repository.home);
    add(repository.workspaces_root);
    for (const StoreFact& store : repository.data_stores) add(store.path);
    for (const WorkspaceFact& workspace : repository.workspaces) add(workspace.directory);
  }
  for (const Connection& connection : facts.connections) add(connection.path);
  add(facts.resources.path);
  return all;
}

std::string backticked(const std::string& name) {
  std::string text = "`";
  for (const char c : name) text += c == '`' ? "``" : std::string(1, c);
  return text + "`";
}

std::string bracketed(const std::string& name) {
  std::string text = "[";
  for (const char c : name) text += c == ']' ? "]]" : std::string(1, c);
  return text + "]";
}

std::string double_quoted(const std::string& name) {
  std::string text = "\"";
  for (const char c : name) text += c == '"' ? "\"\"" : std::string(1, c);
  return text + "\"";
}

// The application's rights, which are more than it needs once all tables are there: a workspace
// that is new needs tables. Source: rights that a Jackrabbit 2.18 was seen to need.
void add_rights(const Connection& connection, std::string& text) {
  if (connection.user.empty()) return;
  if (connection.engine == "postgresql") {
    const std::string schema =
        double_quoted(connection.schema.empty() ? "public" : connection.schema);
    const std::string role = double_quoted(connection.user);
    text += "\nIts role must be there, with its password, and may do this at least:\n\n";
    text += command(
        {"psql", "--no-psqlrc", "--dbname=NEW", "--command",
         fmt::format("GRANT USAGE, CREATE ON SCHEMA {0} TO {1}; "
                     "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {0} TO {1}; "
                     "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {0} TO {1}",
                     schema, role)});
  } else if (connection.engine == "mariadb") {
    text +=
        "\nIts account must be there, with its password, for the host that Magnolia comes from "
        "(`%`: any):\n\n";
    text += command({"mariadb", "--execute",
                     "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, INDEX ON target.* TO " +
                         backticked(connection.user) + "@'HOST'"});
  } else if (connection.engine == "sqlserver") {
    const std::string user = bracketed(connection.user);
    text +=
        "\nIts login must be there, with its password, and its user in the database that "
        "login's:\n\n";
    text += command({"sqlcmd", "-S", "SERVER", "-d", "NEW", "-Q",
                     fmt::format("DROP USER IF EXISTS {0}; CREATE USER {0} FOR LOGIN {0}; "
                                 "ALTER ROLE db_datareader ADD MEMBER {0}; "
                                 "ALTER ROLE db_datawriter ADD MEMBER {0}; "
                                 "GRANT CREATE TABLE TO {0}; "
                                 "GRANT ALTER, REFERENCES ON SCHEMA::dbo TO {0}",
                                 user)});
  }
}

// Whether a command that looks for `begin` in a line finds the address there, as it is written and
// nowhere else: files have characters in other forms too, and a value may go on in the next line.
bool stands_once(const std::string& line, const std::string& address, const std::string& begin) {
  const std::size_t at = line.find(begin);
  return at != std::string::npos && line.compare(at, address.size(), address) == 0 &&
         line.find(begin, at + 1) == std::string::npos;
}

void add_connection(const MagnoliaFacts& facts, const Connection& connection, std::string& text) {
  const std::vector<FoundValue> found = find_values(facts, [&](const std::string& value) {
    if (!value.starts_with("jdbc:")) return false;
    try {
      return parse_jdbc_url(value).uri == connection.uri;
    } catch (const Error&) {
      return false;
    }
  });
  if (!connection.path.empty()) {
    for (const FoundValue& one : found)
      text +=
          fmt::format("\nLine {} of {} has the whole path of {}: at another place write that.\n",
                      one.line, shown(one.file), shown(connection.component));
    return;
  }
  text += fmt::format("\n### Connection {}\n\n", shown(connection.component));
  text += fmt::format("Was {}, read in {}. ", shown(redacted_uri(connection.uri)),
                      shown(connection.where));
  std::string commands;
  std::string others;
  for (const FoundValue& one : found) {
    const std::size_t begin = one.value.find("//");
    const bool is_sqlserver = connection.engine == "sqlserver";
    const std::string address = one.value.substr(0, one.value.find(is_sqlserver ? ';' : '?'));
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyz0123456789:/";
    if (begin == std::string::npos || address.find('@') != std::string::npos ||
        one.value.find_first_not_of(plain) < begin ||
        !stands_once(one.raw, address, one.value.substr(0, begin + 2))) {
      others += fmt::format("Line {} of {}: by hand.\n", one.line, shown(one.file));
      continue;
    }
    if (is_sqlserver) {
      const auto changed = redirected_sqlserver(one.value, "sqlserver://new-host:1433/new-name");
      others += fmt::format("Line {} of {}: {}\n", one.line, shown(one.file),
                            shown(redacted_sqlserver(changed.value_or(""))));
      continue;
    }
    // What the driver is told besides stands behind a question mark, and stays.
    commands += fmt::format("    sed -i \"{}s|\\({}\\)[^?\\\"'<]*|\\1HOST:PORT/NAME|\" -- {}\n",
                            one.line, one.value.substr(0, begin + 2), shell_quote(one.file));
  }
  if (commands.empty() && others.empty()) {
    text +=
        "The URL stands there as a variable, or elsewhere: write the new database's place there "
        "by hand.\n";
  } else {
    text +=
        "Lead it to the database that you made; `user` and `password` stand beside the URL:\n\n" +
        commands + (commands.empty() || others.empty() ? "" : "\n") + others;
  }
  add_rights(connection, text);
}

void add_owner(const MagnoliaFacts& facts, std::string& text) {
  text +=
      "\n### Owner and rights\n\nAll files must belong to the user as whom the application runs";
  struct ::stat status {};
  if (::stat(facts.directory.c_str(), &status) != 0) {
    text += ".\n";
    return;
  }
  text += fmt::format("; they belonged to {0}:{1}, which may be others on this machine:\n\n",
                      status.st_uid, status.st_gid);
  std::vector<std::string> words{"chown", "-R", fmt::format("{}:{}", status.st_uid, status.st_gid),
                                 "--"};
  const std::vector<std::string> all = own_directories(facts);
  words.insert(words.end(), all.begin(), all.end());
  std::string line = "    chown -R " + words[2] + " --";
  for (const std::string& path : all) line += " " + shell_quote(path);
  text += line + "\n";
}

void add_stale(const MagnoliaFacts& facts, std::string& text) {
  text +=
      "\n### What must not be there\n\nAn index of another moment gives wrong results without an "
      "error. Jackrabbit builds it anew at its first start,\nwhich takes long where there is much "
      "content. Locks and `revision.log` are of an application that is gone.\n\n";
  const auto add = [&](const std::string& path) {
    if (!path.empty()) text += "    rm -rf -- " + shell_quote(path) + "\n";
  };
  for (const RepositoryFact& repository : facts.repositories) {
    add(repository.home + "/.lock");
    add(repository.home + "/revision.log");
  }
  const std::vector<std::string> spare = spare_indexes(facts);
  for (const std::string& index : spare) add(index);
  std::string others;
  for (const std::string& index : all_indexes(facts)) {
    if (std::find(spare.begin(), spare.end(), index) == spare.end())
      others += fmt::format("\nOf {} only the files of the index: other parts are in it too.\n",
                            shown(index));
  }
  text += others;
}

void add_clusters(const MagnoliaFacts& facts, std::string& text) {
  for (const RepositoryFact& repository : facts.repositories) {
    if (!repository.is_cluster) continue;
    text += fmt::format(
        "\n### Cluster\n\n{} was node {} of a cluster ({}). Stop every node before, and delete "
        "each "
        "one's indexes. If that node lives\non elsewhere, this one needs another `id` of "
        "`<Cluster>`, or another system property "
        "`org.apache.jackrabbit.core.cluster.node_id`.\n",
        shown(repository.name), shown(repository.cluster_id), shown(repository.configuration));
  }
}

void add_paths(const MagnoliaFacts& facts, std::string& text) {
  std::vector<std::string> own = own_directories(facts);
  for (const PathFact& out : facts.led_out) own.push_back(out.where);  // as values may name it
  const std::vector<FoundValue> found = find_values(facts, [&](const std::string& value) {
    return std::any_of(own.begin(), own.end(),
                       [&](const std::string& one) { return is_below(value, one); });
  });
  if (found.empty()) return;
  text += "\n### Absolute paths\n\nAt another place these lines of the configuration need it:\n\n";
  for (const FoundValue& one : found)
    text += fmt::format("- {}:{}: {}\n", shown(one.file), one.line, shown(one.value));
}

std::string place_of(const PersistenceFact& kept) {
  if (kept.connection.empty()) return "kept by " + shown(kept.class_name);
  std::string text = "in " + shown(kept.connection);
  if (!kept.table_prefix.empty()) text += ", tables " + shown(kept.table_prefix + "*");
  return text;
}

void add_list(const MagnoliaFacts& facts, std::string& text) {
  text +=
      "\n### Before the start\n\nJackrabbit makes anew, empty and without a word, what it does not "
      "find. Each of these must be there:\n\n";
  std::string lines;
  for (const RepositoryFact& repository : facts.repositories) {
    for (const WorkspaceFact& workspace : repository.workspaces) {
      text += "    ls -d -- " + shell_quote(workspace.configuration) + "\n";
      lines += fmt::format("- workspace {}: {}\n", shown(workspace.name),
                           place_of(workspace.persistence));
    }
    lines += "- versions: " + place_of(repository.version.persistence) + "\n";
    if (repository.file_system.kind == StoreKind::files) {
      for (const char* const name :
           {"/namespaces/ns_reg.properties", "/nodetypes/custom_nodetypes.xml"})
        text += "    ls -d -- " + shell_quote(repository.file_system.path + name) + "\n";
    } else if (repository.file_system.kind == StoreKind::tables) {
      lines += fmt::format("- namespaces and node types: in {}, tables {}\n",
                           shown(repository.file_system.connection),
                           shown(repository.file_system.table_prefix + "*"));
    }
    for (const StoreFact& store : repository.data_stores) {
      if (store.kind == StoreKind::files) text += "    ls -d -- " + shell_quote(store.path) + "\n";
      if (store.kind == StoreKind::tables)
        lines += fmt::format("- binaries: in {}, tables {}\n", shown(store.connection),
                             shown(store.table_prefix + "*"));
    }
  }
  for (const Connection& connection : facts.connections) {
    if (connection.engine == "postgresql")
      text += command({"psql", "--no-psqlrc", "--dbname=NEW", "--command", "\\dt *.*bundle"});
    if (connection.engine == "mariadb")
      text += command({"mariadb", "target", "--execute", "SHOW TABLES LIKE '%BUNDLE'"});
    if (connection.engine == "sqlserver")
      text += command({"sqlcmd", "-S", "SERVER", "-d", "NEW", "-Q",
                       "SELECT name FROM sys.tables WHERE name LIKE '%BUNDLE'"});
  }
  text +=
      "\nFour tables (BUNDLE, REFS, BINVAL, NAMES) of each of these, with the rows that "
      "`holdfast.json` counts. A workspace that was\nnever opened has none, there as well:\n\n" +
      lines;
}

}  // namespace

std::string by_hand(const MagnoliaFacts& facts) {
  std::string text = fmt::format(
      "\n## Magnolia {} instance {}\n\nOnce databases and files are in their places, and before "
      "the "
      "application starts. Paths are those where everything lay:\nat another place write the new "
      "ones. Author and public are different instances: never mix their parts.\n",
      facts.is_author ? "author" : "public", shown(facts.name));
  for (const Connection& connection : facts.connections) add_connection(facts, connection, text);
  add_paths(facts, text);
  add_owner(facts, text);
  add_stale(facts, text);
  add_clusters(facts, text);
  add_list(facts, text);
  return text;
}

}  // namespace holdfast::profile::magnolia
