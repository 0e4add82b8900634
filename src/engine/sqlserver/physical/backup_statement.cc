// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/physical/backup_statement.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::uint64_t mib = 1U << 20U, gib = std::uint64_t{1} << 30U;
// Of 10,000 parts of 10 MiB, and of 20 MiB with compression; what is beyond is room for the log.
constexpr std::uint64_t s3_stripe_bytes = 80 * gib, s3_packed_stripe_bytes = 160 * gib;
constexpr std::uint64_t s3_transfer_bytes_max = 20 * mib;
constexpr unsigned stripes_max = 64;
constexpr unsigned edition_express = 4;
constexpr unsigned major_with_s3 = 16;  // 2022

std::string_view device_word(Medium medium) noexcept {
  return medium == Medium::disk ? "DISK" : "URL";
}

// ".mdf" of "D:\\Data\\Shop.mdf"; nothing of what has none, or a strange one.
std::string ending_of(const RestoredFile& file) {
  constexpr std::size_t ending_max = 8;
  const std::size_t slash = file.physical.find_last_of("/\\");
  const std::string name =
      slash == std::string::npos ? file.physical : file.physical.substr(slash + 1);
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos || name.size() - dot > ending_max) return {};
  const std::string ending = "." + plain_name(name.substr(dot + 1));
  return ending.size() == name.size() - dot ? ending : std::string();
}

}  // namespace

std::string plain_name(std::string_view name) {
  // Of a long name its beginning, and its end, by which ours differ.
  constexpr std::size_t bytes_max = 60, end_max = 40;
  std::string plain;
  for (const char c : name) {
    const bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                          (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
    if (is_plain) plain += c;
  }
  if (plain.size() > bytes_max) plain.erase(bytes_max - end_max, plain.size() - bytes_max);
  return plain.empty() ? "database" : plain;
}

bool may_compress(const ServerInfo& server) noexcept {
  return server.edition != edition_express && server.edition_name.find("Web") == std::string::npos;
}

bool has_objects(const ServerInfo& server) noexcept {
  return server.major >= major_with_s3 && server.edition != edition_express;
}

BackupPlan plan_backup(Medium medium, std::uint64_t size_bytes, bool compress,
                       const ServerInfo& server) {
  BackupPlan plan;
  plan.medium = medium;
  plan.compressed = compress && may_compress(server);
  if (medium == Medium::disk) return plan;
  const auto stripes = [&](std::uint64_t each) {
    return std::max<std::uint64_t>(1, (size_bytes + each - 1) / each);
  };
  if (stripes(s3_stripe_bytes) > stripes_max) plan.compressed = may_compress(server);
  if (plan.compressed) plan.transfer_bytes = s3_transfer_bytes_max;
  const std::uint64_t count = stripes(plan.compressed ? s3_packed_stripe_bytes : s3_stripe_bytes);
  if (count > stripes_max)
    throw Error(Errc::unsupported,
                fmt::format("a database of {} GiB does not fit into the {} objects that SQL Server "
                            "writes at most",
                            size_bytes / gib, stripes_max))
        .set_hint("Set `backup_directory` and `exchange_directory` instead of `receiver`.");
  plan.stripes = static_cast<unsigned>(count);
  return plan;
}

std::string backup_part(unsigned stripe, unsigned stripes) {
  return stripes == 1 ? "backup.bak" : fmt::format("backup_{}.bak", stripe + 1);
}

std::string devices_text(Medium medium, std::span<const std::string> devices) {
  std::string text;
  for (const std::string& device : devices)
    text +=
        fmt::format("{}{} = {}", text.empty() ? "" : ", ", device_word(medium), literal(device));
  return text;
}

std::string backup_text(const BackupStatement& backup) {
  const BackupPlan& plan = backup.plan;
  check_rule(backup.devices.size() == plan.stripes, "every stripe has a device");
  std::string text = fmt::format(
      "BACKUP DATABASE {} TO {} WITH COPY_ONLY, CHECKSUM, FORMAT, INIT, SKIP, STATS = 5, "
      "NAME = {}, {}",
      identifier(backup.database), devices_text(plan.medium, backup.devices), literal(backup.name),
      plan.compressed ? "COMPRESSION" : "NO_COMPRESSION");
  if (plan.transfer_bytes > 0) text += fmt::format(", MAXTRANSFERSIZE = {}", plan.transfer_bytes);
  return text;
}

std::string header_text(Medium medium, std::span<const std::string> devices) {
  return "RESTORE HEADERONLY FROM " + devices_text(medium, devices);
}

std::string files_text(Medium medium, std::span<const std::string> devices) {
  return "RESTORE FILELISTONLY FROM " + devices_text(medium, devices);
}

std::string verify_text(Medium medium, std::span<const std::string> devices) {
  return "RESTORE VERIFYONLY FROM " + devices_text(medium, devices) + " WITH CHECKSUM";
}

std::string restore_text(const RestoreStatement& restore) {
  std::string text =
      fmt::format("RESTORE DATABASE {} FROM {} WITH FILE = {}", identifier(restore.database),
                  devices_text(restore.medium, restore.devices), restore.set);
  for (const RestoredFile& file : restore.files)
    text += fmt::format(", MOVE {} TO {}", literal(file.logical), literal(file.to));
  if (restore.has_checksums) text += ", CHECKSUM";
  return text + ", STATS = 5, RECOVERY";
}

std::string server_path(std::string_view directory, std::string_view file) {
  const bool is_windows = directory.find('\\') != std::string_view::npos ||
                          (directory.size() >= 2 && directory[1] == ':');
  while (directory.size() > 1 && (directory.back() == '/' || directory.back() == '\\'))
    directory.remove_suffix(1);
  if (directory == "/") return "/" + std::string(file);
  return fmt::format("{}{}{}", directory, is_windows ? '\\' : '/', file);
}

void place_files(std::span<RestoredFile> files, std::string_view database,
                 std::string_view data_directory, std::string_view log_directory) {
  const std::string base = plain_name(database);
  unsigned number = 0;
  for (RestoredFile& file : files) {
    const std::string name = fmt::format("{}_{}{}", base, ++number, ending_of(file));
    file.to = server_path(file.kind == 'L' ? log_directory : data_directory, name);
  }
}

}  // namespace holdfast::engine::sqlserver
