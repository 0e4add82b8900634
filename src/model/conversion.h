// SPDX-License-Identifier: Apache-2.0
// What a profile makes of an instance's databases so that they are databases of another kind: which
// rows go where, as what, and what has to be rewritten for the application to find them. Room
// profile implements it, job runs it through the engines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "model/finding.h"
#include "model/instance.h"
#include "model/new_table.h"
#include "model/profile.h"
#include "model/value.h"

namespace holdfast::model {

struct NewDatabase {
  DatabaseSettings settings;  // name, engine, uri, user, password
  std::vector<NewTable> tables;
};

// One of the new tables.
struct NewTablePlace {
  std::size_t database = 0, table = 0;  // of databases(), of its tables
  friend auto operator<=>(const NewTablePlace&, const NewTablePlace&) = default;
};

class Conversion {
 public:
  virtual ~Conversion() = default;
  Conversion(const Conversion&) = delete;
  Conversion& operator=(const Conversion&) = delete;

  // What of it can be told before anything is read; blockers among them end it.
  [[nodiscard]] virtual const std::vector<Finding>& findings() const = 0;
  [[nodiscard]] virtual const std::vector<NewDatabase>& databases() const = 0;

  // Where the rows of a table of a component of the source go; nothing: nowhere, as the application
  // does not know it, or rows_from_files() and files_from_rows() deal with it. Any thread.
  [[nodiscard]] virtual std::optional<NewTablePlace> route(std::string_view component,
                                                           const TableName& table) const = 0;
  // Takes the rows of that table, as its engine gives them, and hands them to `into`, which
  // outlives it, as those of the new one. Any thread; several for one table at once.
  [[nodiscard]] virtual std::unique_ptr<RowSink> map(std::string_view component,
                                                     const TableName& table,
                                                     RowSink& into) const = 0;

  // Binaries that leave their files for a table. `place_of`: where a path of the source lies now.
  // Reads and then removes these files; gives `into` a row for each. Called once for each.
  struct FilesToRows {
    NewTablePlace into;
    std::function<void(const std::function<std::string(const std::string&)>& place_of,
                       RowSink& into)>
        run;
  };
  [[nodiscard]] virtual std::vector<FilesToRows> files_to_rows() const = 0;
  // Binaries that leave a table for files: takes the rows of that table, as its engine gives them,
  // and writes them below the place of the path they belong to. Null for other tables. One thread
  // at a time for each.
  [[nodiscard]] virtual std::unique_ptr<RowSink> rows_to_files(
      std::string_view component, const TableName& table,
      const std::function<std::string(const std::string&)>& place_of) const = 0;

  // RestoredInstance::facts as they are once all is converted, with the names of databases() for
  // components: what Profile::check_restored() then compares with.
  [[nodiscard]] virtual Json converted_facts(const Json& facts) const = 0;

  // In place of Profile::adapt(): the files of the application, in their places, for the new
  // databases.
  [[nodiscard]] virtual Adaptation adapt(const RestoredInstance& restored) const = 0;

  // A table whose rows go nowhere: one that the application does not know, of which people are
  // told; one that was left out on purpose; one that is to be moved and was not there when tables
  // were looked at.
  enum class Left : std::uint8_t { unknown, on_purpose, too_new };
  [[nodiscard]] virtual Left left(std::string_view /*component*/,
                                  const TableName& /*table*/) const {
    return Left::unknown;
  }

 protected:
  Conversion() = default;
};

}  // namespace holdfast::model
