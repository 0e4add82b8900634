// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/export.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <exception>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/log.h"
#include "engine/oracle/read_dumps.h"
#include "engine/oracle/server_file.h"

namespace holdfast::engine::oracle {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t buffer_bytes = std::size_t{1} << 20U;
constexpr std::size_t said_bytes_max = 300;
constexpr int look_ms = 50;  // how often is asked whether the program is done

// A program on a thread; ended and joined in any case.
class Running {
 public:
  Running(const Access& access, ToolJob job, const std::stop_token& outer)
      : thread_([this, &access, job = std::move(job)](const std::stop_token& stop) {
          try {
            result_ = run_tool(access, job, stop);
          } catch (...) {
            failure_ = std::current_exception();
          }
          is_done_ = true;
        }),
        outer_(outer, [this] { thread_.request_stop(); }) {}
  [[nodiscard]] bool is_done() const { return is_done_; }
  [[nodiscard]] ToolResult finish() {
    if (thread_.joinable()) thread_.join();
    if (failure_) std::rethrow_exception(failure_);
    return std::move(result_);
  }

 private:
  std::atomic<bool> is_done_ = false;
  ToolResult result_;
  std::exception_ptr failure_;
  std::jthread thread_;
  std::stop_callback<std::function<void()>> outer_;  // last: it uses the thread
};

// What is written into the pipe until the program is done.
void drain(const fs::path& pipe, const Fd& fd, const Running& running, ByteSink& into,
           ByteSink& watch, const std::stop_token& stop) {
  const auto buffer = std::make_unique<std::byte[]>(buffer_bytes);
  for (;;) {
    if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted while exporting");
    const bool was_done = running.is_done();
    const ssize_t count = ::read(fd.get(), buffer.get(), buffer_bytes);
    if (count > 0) {
      const ByteView bytes(buffer.get(), static_cast<std::size_t>(count));
      into.write(bytes);
      watch.write(bytes);
      continue;
    }
    if (count < 0 && errno != EAGAIN && errno != EINTR) throw system_error(errno, pipe.native());
    if (was_done) return;
    pollfd wait{count == 0 ? -1 : fd.get(), POLLIN, 0};
    static_cast<void>(::poll(&wait, 1, look_ms));
  }
}

}  // namespace

void refuse_incomplete(const ToolResult& result, std::string_view program, std::string_view place) {
  const Verdict verdict = result.report.verdict();
  if (verdict < Verdict::incomplete) return;
  std::string worst = result.report.worst();
  const std::string doing = fmt::format("{} of {}", program, place);
  const std::string ending = signal_words(result.exit_code);
  if (result.report.end == LogEnd::unknown && !ending.empty())
    throw Error(Errc::failed_child, fmt::format("{} {}{}", doing, ending,
                                                first_code(worst).empty() ? "" : ": " + worst))
        .set_hint("See why it was ended, and do it again.");
  // What was said last may say why there is no end.
  if (result.report.end == LogEnd::unknown && result.report.messages.empty()) {
    const std::size_t from = result.log.size() - std::min(result.log.size(), said_bytes_max);
    worst += ": ";
    for (const char c : result.log.substr(from)) worst += c == '\n' ? ' ' : c;
  }
  if (verdict == Verdict::failed && !first_code(worst).empty() && !result.report.snapshot_too_old) {
    Error error = oracle_error(worst, doing);
    if (!result.report.advice().empty()) error.set_hint(result.report.advice());
    throw error;
  }
  throw Error(Errc::not_consistent, fmt::format("{} is not complete: {}", doing, worst))
      .set_hint(result.report.advice().empty() ? "Mend what it says, and do it again."
                                               : result.report.advice());
}

std::string new_server_file() {
  std::array<std::byte, 6> random{};
  fill_random(random);
  std::string digits = to_hex(ByteView(random));
  for (char& c : digits)
    if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
  return fmt::format("HOLDFAST_{}.dmp", digits);
}

namespace {

ExamineDump reading(Method method, const ExportJob& job) {
  return [method, tap = job.row_tap](ByteSource& dump, const std::stop_token& stop) {
    return read_dump(method, dump, tap, stop);
  };
}

Exported export_with_exp(const Access& access, const ExportJob& job, ByteSink& into,
                         const std::stop_token& stop) {
  const TemporaryDirectory place("holdfast-pipes", job.scratch_directory);
  const fs::path pipe = place.path() / "schema.dmp";
  if (::mkfifo(pipe.c_str(), 0600) != 0) throw system_error(errno, pipe.native());
  // Open before anybody writes: whoever opens it to write never waits for us.
  Fd fd = open_file(pipe, O_RDONLY | O_NONBLOCK);
  ToolJob tool{"exp",
               job.character_set,
               {{"OWNER", access.location.schema},
                {"FILE", pipe.native()},
                {"STATISTICS", "NONE"},
                {"COMPRESS", "N"},
                {"DIRECT", "N"},
                {"BUFFER", "4194304"}},
               job.scratch_directory};
  if (job.scn.empty()) {
    tool.parameters.emplace_back("CONSISTENT", "Y");
  } else {
    tool.parameters.emplace_back("FLASHBACK_SCN", job.scn);
  }
  DumpWatch watch(reading(Method::exp, job), stop);
  std::exception_ptr failure;
  ToolResult result;
  {
    Running running(access, std::move(tool), stop);
    try {
      drain(pipe, fd, running, into, watch, stop);
    } catch (...) {
      failure = std::current_exception();
    }
    fd.reset();  // without a reader it ends
    if (failure) std::rethrow_exception(failure);
    result = running.finish();
  }
  refuse_incomplete(result, "exp", access.location.display());
  if (result.exit_code != 0)
    throw Error(Errc::not_consistent, fmt::format("exp of {} ended with {}",
                                                  access.location.display(), result.exit_code));
  return {watch.finish(), std::move(result.report), program_release(access.location, "exp", stop)};
}

Exported export_with_datapump(const Access& access, const ExportJob& job, ByteSink& into,
                              const std::stop_token& stop) {
  const std::string& directory = access.location.directory;
  ToolResult result;
  std::string file;
  for (int attempt = 1;; ++attempt) {
    file = new_server_file();
    const std::string name = file.substr(0, file.find('.'));
    if (job.before_change) {
      Json undo = Json::object();
      undo.set("server_file", file).set("directory", directory);
      job.before_change(fmt::format("made {} in directory {} of the server", file, directory),
                        undo);
    }
    ToolJob tool{"expdp",
                 job.character_set,
                 {{"SCHEMAS", access.location.schema},
                  {"DIRECTORY", directory},
                  {"DUMPFILE", file},
                  {"JOB_NAME", name},
                  {"NOLOGFILE", "Y"},
                  {"COMPRESSION", "NONE"},
                  {"EXCLUDE", "STATISTICS"}},
                 job.scratch_directory};
    if (!job.scn.empty()) tool.parameters.emplace_back("FLASHBACK_SCN", job.scn);
    try {
      result = run_tool(access, tool, stop);
      if (!result.report.snapshot_too_old || attempt > 1) {
        refuse_incomplete(result, "expdp", access.location.display());
        break;
      }
    } catch (...) {
      remove_server_file(access, directory, file);
      throw;
    }
    log(LogLevel::warn, "the undo of the moment was not to be had, and is asked for once more",
        {{"schema", access.location.schema}});
    remove_server_file(access, directory, file);
  }
  DumpFacts dump;
  try {
    DumpWatch watch(reading(Method::datapump, job), stop);
    fetch_server_file(access, directory, file, stop, [&](ByteView bytes) {
      into.write(bytes);
      watch.write(bytes);
    });
    dump = watch.finish();
  } catch (...) {
    remove_server_file(access, directory, file);
    throw;
  }
  remove_server_file(access, directory, file);
  return {std::move(dump), std::move(result.report),
          program_release(access.location, "expdp", stop)};
}

}  // namespace

Exported export_schema(const Access& access, const ExportJob& job, ByteSink& into,
                       const std::stop_token& stop) {
  return method_for(access.location) == Method::exp ? export_with_exp(access, job, into, stop)
                                                    : export_with_datapump(access, job, into, stop);
}

void remove_server_file(const Access& access, std::string_view directory, std::string_view file) {
  try {
    drop_server_file(access, directory, file);
  } catch (const Error& error) {
    log(LogLevel::warn, "a file of the server's was not removed",
        {{"file", std::string(file)},
         {"directory", std::string(directory)},
         {"why", error.what()}});
  }
}

}  // namespace holdfast::engine::oracle
