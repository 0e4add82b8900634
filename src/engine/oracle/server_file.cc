// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/server_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <memory>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "engine/oracle/sqlplus.h"

namespace holdfast::engine::oracle {
namespace {

namespace fs = std::filesystem;

// A line has 24,000 characters of base64 for them.
constexpr std::size_t piece_bytes = 18000;
constexpr unsigned pieces_max = 200;  // of one block: what the server's output buffer holds
// A line of a statement has at most 2499 bytes.
constexpr std::size_t put_line_bytes = 1000;
constexpr std::size_t put_lines = 24;
constexpr std::size_t buffer_bytes = std::size_t{1} << 20U;
constexpr std::chrono::seconds job_patience{120};
constexpr std::chrono::milliseconds between_looks{500};

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw Error(Errc::failed_child, fmt::format("the server said `{}` for a size", text));
  return value;
}

fs::path shared_path(const Access& access, std::string_view file) {
  return access.location.exchange_directory / file;
}

std::uint64_t size_of(Session& session, std::string_view directory, std::string_view file) {
  std::uint64_t size_bytes = 0;
  session.block(
      fmt::format("DECLARE f BFILE := BFILENAME({}, {});\nBEGIN\nDBMS_LOB.FILEOPEN(f);\n"
                  "{}\nDBMS_LOB.FILECLOSE(f);\nEND;",
                  literal(directory), literal(file), put_line("TO_CHAR(DBMS_LOB.GETLENGTH(f))")),
      [&](const Session::Fields& fields) { size_bytes = number(fields.at(0)); });
  return size_bytes;
}

std::string read_block(std::string_view directory, std::string_view file,
                       std::uint64_t offset_bytes, std::uint64_t pieces) {
  return fmt::format(
      "DECLARE\nf BFILE := BFILENAME({0}, {1});\nr RAW(32767);\nn BINARY_INTEGER;\n"
      "pos NUMBER := {2};\nBEGIN\nDBMS_LOB.FILEOPEN(f);\nFOR i IN 1..{3} LOOP\nn := {4};\n"
      "DBMS_LOB.READ(f, n, pos, r);\npos := pos + n;\n{5}\nEND LOOP;\nDBMS_LOB.FILECLOSE(f);\n"
      "EXCEPTION WHEN NO_DATA_FOUND THEN DBMS_LOB.FILECLOSE(f);\nEND;",
      literal(directory), literal(file), offset_bytes + 1, pieces, piece_bytes,
      put_line("REPLACE(REPLACE(UTL_RAW.CAST_TO_VARCHAR2(UTL_ENCODE.BASE64_ENCODE(r)),CHR(13)),"
               "CHR(10))"));
}

}  // namespace

void fetch_server_file(const Access& access, std::string_view directory, std::string_view file,
                       const std::stop_token& stop, const TakeBytes& take) {
  if (!access.location.exchange_directory.empty()) {
    const fs::path path = shared_path(access, file);
    const Fd fd = open_file(path, O_RDONLY | O_NOFOLLOW);
    const auto buffer = std::make_unique<std::byte[]>(buffer_bytes);
    const std::span<std::byte> room(buffer.get(), buffer_bytes);
    while (const std::size_t count = read_some(fd.get(), room, path.native())) {
      if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted while fetching");
      take(room.first(count));
    }
    return;
  }
  Session session(access, stop);
  const std::uint64_t size_bytes = size_of(session, directory, file);
  std::uint64_t got_bytes = 0;
  while (got_bytes < size_bytes) {
    const std::uint64_t before = got_bytes;
    const std::uint64_t left = (size_bytes - got_bytes + piece_bytes - 1) / piece_bytes;
    session.block(read_block(directory, file, got_bytes, std::min<std::uint64_t>(left, pieces_max)),
                  [&](const Session::Fields& fields) {
                    const auto bytes = from_base64(fields.at(0));
                    if (!bytes)
                      throw Error(Errc::failed_child, "the server sent a piece that is no base64");
                    got_bytes += bytes->size();
                    take(*bytes);
                  });
    if (got_bytes == before || got_bytes > size_bytes) break;
  }
  if (got_bytes != size_bytes)
    throw Error(Errc::not_consistent, fmt::format("{} in directory {} has {} bytes, {} came", file,
                                                  directory, size_bytes, got_bytes));
}

void put_server_file(const Access& access, std::string_view directory, std::string_view file,
                     ByteSource& content, const std::stop_token& stop) {
  if (!access.location.exchange_directory.empty()) {
    const fs::path path = shared_path(access, file);
    // The server's own user must read it.
    Fd fd = open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
    if (::fchmod(fd.get(), 0644) != 0) throw system_error(errno, path.native());
    const auto buffer = std::make_unique<std::byte[]>(buffer_bytes);
    const std::span<std::byte> room(buffer.get(), buffer_bytes);
    while (const std::size_t count = content.read(room)) {
      if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted while sending");
      write_all(fd.get(), room.first(count), path.native());
    }
    return fd.close(path.native());
  }
  Session session(access, stop);
  Bytes piece(put_line_bytes);
  bool is_open = true;
  for (bool is_first = true; is_open || is_first; is_first = false) {
    std::string body;
    for (std::size_t i = 0; i < put_lines && is_open; ++i) {
      std::size_t filled = 0;
      while (filled < piece.size()) {
        const std::size_t count = content.read(std::span(piece).subspan(filled));
        if (count == 0) break;
        filled += count;
      }
      is_open = filled == piece.size();
      if (filled > 0)
        body += fmt::format("UTL_FILE.PUT_RAW(h, HEXTORAW('{}'));\n",
                            to_hex(ByteView(piece).first(filled)));
    }
    session.block(
        fmt::format("DECLARE h UTL_FILE.FILE_TYPE;\nBEGIN\n"
                    "h := UTL_FILE.FOPEN({}, {}, '{}', 32767);\n{}UTL_FILE.FCLOSE(h);\n"
                    "END;",
                    literal(directory), literal(file), is_first ? "wb" : "ab", body));
  }
}

namespace {

// The table of a job lives as long as the job; of one that broke down it is left.
bool has_job(Session& session, std::string_view job) {
  const auto rows = session.try_rows(
      {"JOB_NAME"}, fmt::format("FROM USER_DATAPUMP_JOBS WHERE JOB_NAME = {}", literal(job)));
  return rows && !rows->empty();
}

void end_server_job(Session& session, std::string_view job) {
  if (!has_job(session, job)) return;
  session.block(
      fmt::format("DECLARE\nh NUMBER;\nBEGIN\nh := DBMS_DATAPUMP.ATTACH({}, USER);\n"
                  "DBMS_DATAPUMP.STOP_JOB(h, 1, 0);\n"
                  "EXCEPTION WHEN OTHERS THEN IF SQLCODE <> -31626 THEN RAISE; END IF;\nEND;",
                  literal(job)));
  const auto deadline = std::chrono::steady_clock::now() + job_patience;
  while (has_job(session, job)) {
    if (std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(between_looks);
      continue;
    }
    std::string said;
    if (session.try_run(fmt::format("DROP TABLE {} PURGE", identifier(job)), said)) return;
    throw Error(Errc::unavailable, fmt::format("the server's job {} does not end", job))
        .set_hint("A DBA stops it: expdp ATTACH=" + std::string(job) + ", then KILL_JOB.");
  }
}

}  // namespace

// Often on the way out of a failure, which a server that no longer answers must not hold up.
void drop_server_file(const Access& access, std::string_view directory, std::string_view file,
                      std::chrono::seconds patience) {
  Session session(access);
  session.limit(patience);
  end_server_job(session, file.substr(0, file.find('.')));
  session.limit(patience);
  session.block(
      fmt::format("DECLARE\ne BOOLEAN;\nn NUMBER;\nb BINARY_INTEGER;\nBEGIN\n"
                  "UTL_FILE.FGETATTR({0}, {1}, e, n, b);\n"
                  "IF e THEN UTL_FILE.FREMOVE({0}, {1}); END IF;\nEND;",
                  literal(directory), literal(file)));
}

}  // namespace holdfast::engine::oracle
