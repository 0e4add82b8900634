// SPDX-License-Identifier: Apache-2.0
#include "harness/shop.h"

#include <algorithm>
#include <sstream>

#include "harness/repository_files.h"
#include "harness/sqlite_file.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

void write_script(const fs::path& path, const std::string& body) {
  write_text(path, "#!/bin/sh\n" + body);
  fs::permissions(path, fs::perms::owner_all);
}

void collect_codes(const Json& json, std::vector<std::string>& codes) {
  if (json.is_array()) {
    for (const Json& item : json.as_array()) collect_codes(item, codes);
  }
  if (!json.is_object()) return;
  // A finding, not a final error, whose code is a number.
  const Json* const code = json.find("code");
  if (code != nullptr && code->is_string() && json.find("severity") != nullptr) {
    codes.push_back(code->as_string());
  }
  for (const auto& [key, value] : json.as_object()) collect_codes(value, codes);
}

void collect_codes_of_text(const std::string& text, std::vector<std::string>& codes) {
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with("{") && line.ends_with("}")) {
      collect_codes(Json::parse(line, "a line of output"), codes);
    }
  }
}

}  // namespace

Shop::Shop(Place& place, std::string_view name) : place_(place), home_(place / name) {
  if (!fs::exists(place.repository() / "config")) {
    make_repository(place.repository(), place_password);
  }
  fs::create_directories(uploads() / "2026" / "empty");
  run_sql(
      orders(),
      "pragma journal_mode=wal;"
      "create table orders (id integer primary key, customer text not null, cents integer);"
      "create table customers (name text primary key, note blob);"
      "create index orders_by_customer on orders (customer);"
      "create view totals as select customer, sum(cents) as cents from orders group by customer;"
      "create trigger no_negative before insert on orders when new.cents < 0 "
      "begin select raise(abort, 'negative'); end;"
      "insert into orders (customer, cents) "
      "with recursive n(i) as (select 1 union all select i + 1 from n where i < 500) "
      "select 'customer ' || (i % 20), i * 7 from n;"
      "insert into customers select distinct customer, x'00ff10' from orders;");
  run_sql(stock(),
          "pragma journal_mode=wal;"
          "create table items (sku text primary key, count integer) without rowid;"
          "insert into items "
          "with recursive n(i) as (select 1 union all select i + 1 from n where i < 300) "
          "select 'sku-' || i, i from n;");
  write_text(uploads() / "report.csv", std::string(100'000, 'a') + "end\n");
  write_text(uploads() / "2026" / "photo.jpg", std::string(3'000'000, 'p'));
  write_text(uploads() / "2026" / "secret.txt", "for the owner\n");
  fs::permissions(uploads() / "2026" / "secret.txt", fs::perms::owner_read);
  fs::create_symlink("../report.csv", uploads() / "2026" / "latest.csv");
  fs::create_hard_link(uploads() / "report.csv", uploads() / "same.csv");
}

std::string Shop::instance_text(const fs::path& home) const {
  return "name = \"shop\"\n\n"
         "[repository]\n"
         "location = \"" +
         place_.repository().string() +
         "\"\n"
         "password_file = \"" +
         place_.password_file().string() +
         "\"\n\n"
         "[[database]]\n"
         "name = \"orders\"\n"
         "uri = \"sqlite:" +
         (home / "orders.db").string() +
         "\"\n\n"
         "[[database]]\n"
         "name = \"stock\"\n"
         "uri = \"sqlite:" +
         (home / "stock.db").string() +
         "\"\n\n"
         "[[files]]\n"
         "name = \"uploads\"\n"
         "paths = [\"" +
         (home / "uploads").string() + "\"]\n\n";
}

std::string Shop::write_instance(std::string_view more) {
  write_text(instance_path(), instance_text(home_) + std::string(more));
  return instance_path();
}

std::string Shop::write_instance_for(const fs::path& home, std::string_view more) {
  const fs::path path = place_.root() / (home.filename().string() + "-instance.toml");
  write_text(path, instance_text(home) + std::string(more));
  return path.string();
}

std::string Shop::quiesce(std::string_view stop_more, std::string_view start_more,
                          std::string_view keys) {
  const std::string home = home_.string();
  write_text(home_ / "service", "running\n");
  write_script(home_ / "stop", "echo stop >> " + home + "/log\n" + std::string(stop_more) +
                                   "\necho stopped > " + home + "/service\n");
  write_script(home_ / "start", "echo start >> " + home + "/log\n" + std::string(start_more) +
                                    "\necho running > " + home + "/service\n");
  return "[quiesce]\nstop = [\"" + home + "/stop\"]\nstart = [\"" + home + "/start\"]\n" +
         std::string(keys) + "\n";
}

std::size_t Shop::logged(std::string_view line) const {
  std::istringstream stream(read_text(home_ / "log"));
  std::size_t count = 0;
  for (std::string found; std::getline(stream, found);) count += found == line ? 1 : 0;
  return count;
}

Outcome Shop::back_up(const std::vector<std::string>& more, const RunOptions& options) {
  std::vector<std::string> words = {"backup", "-I", instance_path()};
  words.insert(words.end(), more.begin(), more.end());
  return place_.holdfast(words, options);
}

std::vector<std::string> Shop::snapshots() {
  const Outcome outcome = place_.holdfast({"snapshots", "--json", "--tag", "holdfast"});
  std::vector<std::string> ids;
  if (outcome.exit_code != 0) throw Error(Errc::io, outcome.text());
  for (const Json& snapshot : outcome.array()) {
    ids.push_back(snapshot.at("id").as_string());
  }
  return ids;
}

std::vector<std::string> finding_codes(const Outcome& outcome) {
  std::vector<std::string> codes;
  collect_codes_of_text(outcome.output, codes);
  collect_codes_of_text(outcome.errors, codes);
  return codes;
}

bool has_finding(const Outcome& outcome, std::string_view code) {
  const std::vector<std::string> codes = finding_codes(outcome);
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

}  // namespace holdfast::test
