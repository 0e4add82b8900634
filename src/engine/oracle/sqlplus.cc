// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/sqlplus.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include "base/child.h"
#include "base/error.h"
#include "base/fd.h"

namespace holdfast::engine::oracle {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t line_bytes_max = std::size_t{256} << 10U;
constexpr std::size_t said_bytes_max = std::size_t{16} << 10U;
constexpr std::size_t literal_piece_bytes = 1000;
constexpr std::chrono::seconds connect_patience{90};
// What begins a row of ours, and the lines around an answer.
constexpr std::string_view row_mark = "HF|";
constexpr std::string_view begin_mark = "HF-BEGIN-";
constexpr std::string_view end_mark = "HF-END-";

// Said once the connection stands: connecting runs the site's own glogin.sql. One line of sqlplus
// is one SET. Sources: SQL*Plus User's Guide, SET.
constexpr std::string_view settings =
    "SET MARKUP HTML OFF\nSET FLUSH ON\nSET ECHO OFF\nSET FEEDBACK OFF\nSET HEADING OFF\nSET "
    "PAGESIZE 0\nSET NEWPAGE NONE\n"
    "SET LINESIZE 32767\nSET TRIMOUT ON\nSET TRIMSPOOL ON\nSET TAB OFF\nSET WRAP ON\n"
    "SET VERIFY OFF\nSET DEFINE OFF\nSET TIME OFF\nSET TIMING OFF\nSET AUTOTRACE OFF\n"
    "SET SQLBLANKLINES ON\nSET SQLPROMPT ''\nSET NULL ''\nSET LONG 2000000\nSET ARRAYSIZE 500\n"
    "SET SERVEROUTPUT ON SIZE UNLIMITED FORMAT WRAPPED\n"
    // Whoever looks at the sessions knows us by it.
    "BEGIN DBMS_APPLICATION_INFO.SET_MODULE('holdfast', NULL); END;\n/\n"
    "WHENEVER OSERROR EXIT 9 ROLLBACK\nWHENEVER SQLERROR EXIT 10 ROLLBACK\n";

Command sqlplus_command(const Access& access) {
  const auto program = find_program(access.location, "sqlplus");
  if (!program)
    throw Error(Errc::not_found, "there is no program sqlplus")
        .set_hint(
            "Set `home` to the Oracle home or Instant Client (with its SQL*Plus package) "
            "that has it.");
  // Clients up to 12.1 run a login.sql of the directory they are in.
  return {.argv = client_command({*program, "-S", "-L", "/nolog"}),
          .environment = client_environment(access.location, "AL32UTF8"),
          .directory = "/"};
}

// The server does not know, or does not show, what was asked for.
bool is_refusal(std::string_view said) {
  for (const std::string_view code :
       {"ORA-00942", "ORA-01031", "ORA-00904", "ORA-02003", "ORA-06550", "ORA-01039", "ORA-00903",
        "ORA-04043", "ORA-00439", "ORA-01720"})
    if (said.find(code) != std::string_view::npos) return true;
  return false;
}

// Fields of "HF|a|b|", as framed() makes it.
Session::Fields fields_of(std::string_view line) {
  Session::Fields fields;
  if (!line.ends_with('|'))
    throw Error(Errc::failed_child, "sqlplus gave a row without its end")
        .set_hint("Its settings may be changed by a glogin.sql.");
  line.remove_prefix(row_mark.size());
  std::string field;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '|') {
      fields.push_back(std::move(field));
      field.clear();
    } else if (line[i] == '\\' && i + 1 < line.size()) {
      const char c = line[++i];
      field += c == 'n' ? '\n' : c == 'r' ? '\r' : c == 'p' ? '|' : c;
    } else {
      field += line[i];
    }
  }
  return fields;
}

std::string select_text(std::span<const std::string_view> columns, std::string_view rest) {
  std::string text = "SELECT 'HF|'";
  for (const std::string_view column : columns) text += fmt::format("\n||{}||'|'", framed(column));
  return text + fmt::format("\n{};", rest);
}

}  // namespace

struct Session::State {
  State(const Access& access, std::stop_token stop_in)
      : place(access.location.display()),
        stop(std::move(stop_in)),
        wake(stop),
        ends(make_socket_pair()),
        child(sqlplus_command(access), std::array{Placement{STDIN_FILENO, ends.theirs.get()},
                                                  Placement{STDOUT_FILENO, ends.theirs.get()},
                                                  Placement{STDERR_FILENO, ends.theirs.get()}}) {
    ends.theirs.reset();
    make_nonblocking(ends.ours);
  }
  ~State() {
    // It would commit at the end of its input.
    constexpr std::string_view farewell = "EXIT ROLLBACK\n";
    static_cast<void>(::send(ends.ours.get(), farewell.data(), farewell.size(), MSG_NOSIGNAL));
    ends.ours.reset();
    static_cast<void>(child.wait_until(steady_clock::now() + grace_after_sigterm));
    child.end();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void wait(short events) {
    std::array<pollfd, 2> waits{{{ends.ours.get(), events, 0}, {wake.fd(), POLLIN, 0}}};
    poll_until(waits, deadline, false);
    if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted while asking " + place);
    if (deadline && steady_clock::now() >= *deadline)
      throw Error(Errc::unavailable, fmt::format("{} does not answer", place));
  }

  void send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t count = ::send(ends.ours.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (count > 0) {
        text.remove_prefix(static_cast<std::size_t>(count));
      } else if (errno == EAGAIN) {
        // It may wait for us to take what it says.
        take_some();
        wait(POLLOUT | POLLIN);
      } else if (errno != EINTR) {
        return;  // it has ended; what it said before says why
      }
    }
  }

  // False at its end.
  bool take_some() {
    std::array<char, 65536> room;
    const ssize_t count = ::read(ends.ours.get(), room.data(), room.size());
    if (count > 0) pending.append(room.data(), static_cast<std::size_t>(count));
    if (count == 0) has_ended = true;
    if (count < 0 && errno != EAGAIN && errno != EINTR) has_ended = true;
    return !has_ended;
  }

  // The next line without its end; nothing if it has ended.
  std::optional<std::string> line() {
    for (;;) {
      const std::size_t end = pending.find('\n', given);
      if (end != std::string::npos) {
        std::string text = pending.substr(given, end - given);
        given = end + 1;
        if (given > (std::size_t{1} << 20U) || given == pending.size()) {
          pending.erase(0, given);
          given = 0;
        }
        while (text.ends_with('\r') || text.ends_with(' ')) text.pop_back();
        return text;
      }
      if (pending.size() - given > line_bytes_max)
        throw Error(Errc::failed_child, fmt::format("{}: a line of sqlplus has no end", place));
      if (has_ended) return std::nullopt;
      if (take_some() && pending.find('\n', given) == std::string::npos) wait(POLLIN);
    }
  }

  // Behind the end of what it says: by which signal, or nothing.
  std::string how_it_ended() {
    const bool has_gone = child.wait_until(steady_clock::now() + grace_after_sigterm);
    return has_gone ? signal_words(child.reap()) : std::string();
  }

  // Says it between two marks and reads what is answered. What is said that is no row of ours is
  // returned; it is no error yet.
  std::string ask(std::string_view text, const Take& take) {
    ++asked;
    const std::string begin = fmt::format("{}{}", begin_mark, asked);
    const std::string end = fmt::format("{}{}", end_mark, asked);
    send(fmt::format("PROMPT {}\n{}\nPROMPT {}\n", begin, text, end));
    std::string said;
    bool has_begun = false;
    for (;;) {
      std::optional<std::string> next = line();
      if (!next) {
        is_over = true;
        const std::string ending = how_it_ended();
        if (!ending.empty()) return fmt::format("{}sqlplus {}", said, ending);
        return said.empty() ? "sqlplus ended without a word" : said;
      }
      if (!has_begun) {
        has_begun = *next == begin;
        if (!has_begun && said.size() < said_bytes_max) said += *next + "\n";
      } else if (*next == end) {
        return said;
      } else if (next->starts_with(row_mark)) {
        if (take) take(fields_of(*next));
      } else if (!next->empty() && said.size() < said_bytes_max) {
        said += *next + "\n";
      }
    }
  }

  // The same of a SELECT, whose rows have as many fields as it has columns.
  std::string ask_rows(std::span<const std::string_view> columns, std::string_view rest,
                       const Take& take) {
    return ask(select_text(columns, rest), [&](const Fields& fields) {
      if (fields.size() != columns.size())
        throw Error(Errc::failed_child, fmt::format("{}: a row has {} fields, not {}", place,
                                                    fields.size(), columns.size()));
      take(fields);
    });
  }

  void refuse_errors(const std::string& said) const {
    if (is_over || !first_code(said).empty()) throw oracle_error(said, place);
  }

  void connect(const Access& access) {
    deadline = steady_clock::now() + connect_patience;
    std::string words;
    if (access.password != nullptr) {
      words = fmt::format("CONNECT {}/\"{}\"\n", access.location.user, access.password->reveal());
    } else {
      words = fmt::format("CONNECT /@{}\n", access.location.alias);
    }
    send("SET DEFINE OFF\n");
    send(words);
    wipe(words);
    // Where the password has expired these two lines are taken for the new one and its repetition:
    // they differ, so that it stays.
    send("PROMPT 1\nPROMPT 2\n");
    send(settings);
    bool stands = false;
    std::string said =
        ask("SELECT 'HF|'||USER||'|' FROM dual;", [&](const Fields&) { stands = true; });
    // What comes behind these lines is said of the settings, which take a connection.
    if (!stands) throw oracle_error(said.substr(0, said.find("\n1\n2\n")), place);
    if (!first_code(said).empty()) notice = said.substr(said.find(first_code(said)));
    deadline.reset();
  }

  std::string place;
  std::stop_token stop;
  StopWake wake;
  SocketPair ends;
  Child child;
  std::string pending;  // what was said and not yet read, from `given` on
  std::size_t given = 0;
  bool has_ended = false;
  bool is_over = false;
  unsigned asked = 0;
  std::string notice;
  std::optional<steady_clock::time_point> deadline;
};

Session::Session(const Access& access, std::stop_token stop)
    : state_(std::make_unique<State>(access, std::move(stop))) {
  in_context("connecting", [&] { state_->connect(access); });
}
Session::~Session() = default;

void Session::each(std::span<const std::string_view> columns, std::string_view rest,
                   const Take& take) {
  const std::string said = state_->ask_rows(columns, rest, take);
  state_->refuse_errors(said);
}

std::vector<Session::Fields> Session::rows(std::initializer_list<std::string_view> columns,
                                           std::string_view rest) {
  std::vector<Fields> found;
  each({columns.begin(), columns.size()}, rest,
       [&](const Fields& fields) { found.push_back(fields); });
  return found;
}

std::optional<std::vector<Session::Fields>> Session::try_rows(
    std::initializer_list<std::string_view> columns, std::string_view rest) {
  std::vector<Fields> found;
  static_cast<void>(state_->ask("WHENEVER SQLERROR CONTINUE NONE", {}));
  const std::string said = state_->ask_rows({columns.begin(), columns.size()}, rest,
                                            [&](const Fields& fields) { found.push_back(fields); });
  static_cast<void>(state_->ask("WHENEVER SQLERROR EXIT 10 ROLLBACK", {}));
  if (is_refusal(said) && !state_->is_over) return std::nullopt;
  state_->refuse_errors(said);
  return found;
}

std::string Session::value(std::string_view column, std::string_view rest) {
  const std::vector<Fields> found = rows({column}, rest);
  return found.empty() ? std::string() : found.front().front();
}

void Session::run(std::string_view statement) {
  state_->refuse_errors(state_->ask(fmt::format("{};", statement), {}));
}

bool Session::try_run(std::string_view statement, std::string& said) {
  return try_asking(fmt::format("{};", statement), {}, said);
}

bool Session::try_block(std::string_view text, const Take& take, std::string& said) {
  return try_asking(fmt::format("{}\n/", text), take, said);
}

bool Session::try_asking(std::string_view text, const Take& take, std::string& said) {
  static_cast<void>(state_->ask("WHENEVER SQLERROR CONTINUE NONE", {}));
  said = state_->ask(text, take);
  static_cast<void>(state_->ask("WHENEVER SQLERROR EXIT 10 ROLLBACK", {}));
  if (state_->is_over || tells_lost_session(said)) throw oracle_error(said, state_->place);
  return first_code(said).empty();
}

void Session::block(std::string_view text, const Take& take) {
  state_->refuse_errors(state_->ask(fmt::format("{}\n/", text), take));
}

void Session::limit(std::chrono::seconds patience) {
  state_->deadline = steady_clock::now() + patience;
}

const std::string& Session::notice() const noexcept {
  return state_->notice;
}

std::string literal(std::string_view text) {
  std::string result = "'";
  std::size_t in_piece = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\r') {
      result += fmt::format("'||CHR({})||'", static_cast<int>(c));
      continue;
    }
    result += c;
    if (c == '\'') result += c;
    // Not within a character.
    if (++in_piece >= literal_piece_bytes && (static_cast<unsigned char>(c) & 0x80U) == 0) {
      result += "'\n||'";
      in_piece = 0;
    }
  }
  return result + "'";
}

std::string identifier(std::string_view name) {
  if (name.empty() ||
      std::any_of(name.begin(), name.end(), [](char c) { return c == '"' || (c >= 0 && c < ' '); }))
    throw Error(Errc::unsupported, fmt::format("`{}` cannot be a name in Oracle", name));
  return fmt::format("\"{}\"", name);
}

std::string framed(std::string_view expression) {
  return fmt::format(
      "REPLACE(REPLACE(REPLACE(REPLACE({},'\\','\\\\'),'|','\\p'),CHR(10),'\\n'),CHR(13),'\\r')",
      expression);
}

std::string put_line(std::string_view expression) {
  return fmt::format("DBMS_OUTPUT.PUT_LINE('HF|'||{}||'|');", expression);
}

}  // namespace holdfast::engine::oracle
