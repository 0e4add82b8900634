// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/import.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <exception>
#include <thread>

#include "base/child.h"
#include "base/error.h"
#include "base/fd.h"
#include "engine/oracle/server_file.h"

namespace holdfast::engine::oracle {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t buffer_bytes = std::size_t{1} << 20U;
constexpr int look_ms = 50;

// ENXIO: nobody has opened it to read yet.
Fd try_open(const fs::path& pipe) {
  Fd fd(::open(pipe.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) static_cast<void>(::poll(nullptr, 0, look_ms));
  return fd;
}

// Until the dump ends or the program does, whose log says why.
void feed(const fs::path& pipe, ByteSource& dump, const std::atomic<bool>& is_done,
          const std::stop_token& stop) {
  Fd fd;
  const auto buffer = std::make_unique<std::byte[]>(buffer_bytes);
  while (const std::size_t count = dump.read({buffer.get(), buffer_bytes})) {
    ByteView bytes(buffer.get(), count);
    while (!bytes.empty()) {
      if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted while importing");
      if (is_done) return;
      if (!fd) fd = try_open(pipe);
      if (!fd) continue;
      const ssize_t written = write_without_signal(fd.get(), bytes);
      if (written > 0) {
        bytes = bytes.subspan(static_cast<std::size_t>(written));
      } else if (errno == EAGAIN) {
        pollfd wait{fd.get(), POLLOUT, 0};
        static_cast<void>(::poll(&wait, 1, look_ms));
      } else if (errno == EPIPE) {
        return;
      } else if (errno != EINTR) {
        throw system_error(errno, pipe.native());
      }
    }
  }
  // Of a dump without a byte too: whoever opens it to read waits for a writer.
  while (!fd && !is_done && !stop.stop_requested()) fd = try_open(pipe);
}

ToolResult import_with_imp(const Access& access, const ImportJob& job, ByteSource& dump,
                           const std::stop_token& stop) {
  const TemporaryDirectory place("holdfast-pipes", job.scratch_directory);
  const fs::path pipe = place.path() / "schema.dmp";
  if (::mkfifo(pipe.c_str(), 0600) != 0) throw system_error(errno, pipe.native());
  ToolJob tool{"imp",
               job.character_set,
               {{"FILE", pipe.native()},
                {"FROMUSER", job.from_schema},
                {"TOUSER", access.location.schema},
                {"IGNORE", "N"},
                {"STATISTICS", "NONE"},
                {"COMMIT", "N"},
                {"BUFFER", "4194304"}},
               job.scratch_directory};
  std::atomic<bool> is_done = false;
  ToolResult result;
  std::exception_ptr failure, feed_failure;
  {
    std::jthread running([&](const std::stop_token& end) {
      try {
        result = run_tool(access, tool, end);
      } catch (...) {
        failure = std::current_exception();
      }
      is_done = true;
    });
    const std::stop_callback obey(stop, [&] { running.request_stop(); });
    try {
      feed(pipe, dump, is_done, stop);
    } catch (...) {
      feed_failure = std::current_exception();
      running.request_stop();
    }
    running.join();
  }
  if (feed_failure) std::rethrow_exception(feed_failure);
  if (failure) std::rethrow_exception(failure);
  return result;
}

ToolResult import_with_impdp(const Access& access, const ImportJob& job, ByteSource& dump,
                             const std::stop_token& stop) {
  const std::string& directory = access.location.directory;
  if (directory.empty())
    throw Error(Errc::usage, fmt::format("{}: a dump of Data Pump is loaded out of a directory of "
                                         "the server, and `directory` is not set",
                                         access.location.display()));
  const std::string file = new_server_file();
  if (job.before_change) {
    Json undo = Json::object();
    undo.set("server_file", file).set("directory", directory);
    job.before_change(fmt::format("made {} in directory {} of the server", file, directory), undo);
  }
  ToolJob tool{"impdp",
               job.character_set,
               {{"DIRECTORY", directory},
                {"DUMPFILE", file},
                {"SCHEMAS", job.from_schema},
                {"TABLE_EXISTS_ACTION", "SKIP"},
                {"JOB_NAME", file.substr(0, file.find('.'))},
                {"NOLOGFILE", "Y"}},
               job.scratch_directory};
  if (job.from_schema != access.location.schema)
    // Types of the same identity may be in the database that the copy is of (ORA-02304).
    tool.parameters.insert(
        tool.parameters.end(),
        {{"REMAP_SCHEMA", job.from_schema + ":" + access.location.schema}, {"TRANSFORM", "OID:N"}});
  for (const auto& [from, to] : job.tablespaces)
    tool.parameters.emplace_back("REMAP_TABLESPACE", from + ":" + to);
  try {
    put_server_file(access, directory, file, dump, stop);
    ToolResult result = run_tool(access, tool, stop);
    remove_server_file(access, directory, file);
    return result;
  } catch (...) {
    remove_server_file(access, directory, file);
    throw;
  }
}

}  // namespace

LogReport import_dump(const Access& access, const ImportJob& job, ByteSource& dump,
                      const std::stop_token& stop) {
  const bool is_exp = job.method == Method::exp;
  if (is_exp && !job.tablespaces.empty())
    throw Error(Errc::unsupported, "imp knows no new names of tablespaces")
        .set_hint(
            "Give the user another default tablespace and no quota on the old ones: imp falls "
            "back to it.");
  ToolResult result = is_exp ? import_with_imp(access, job, dump, stop)
                             : import_with_impdp(access, job, dump, stop);
  refuse_incomplete(result, is_exp ? "imp" : "impdp", access.location.display());
  return std::move(result.report);
}

}  // namespace holdfast::engine::oracle
