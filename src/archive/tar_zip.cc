// SPDX-License-Identifier: Apache-2.0
#include "archive/tar_zip.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <locale.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <exception>
#include <string>
#include <utility>

#include "archive/tree_walk.h"
#include "base/c_handle.h"
#include "base/error.h"

namespace holdfast::archive {
namespace {

using ArchiveHandle = CHandle<struct ::archive, archive_write_free>;
using EntryHandle = CHandle<struct ::archive_entry, archive_entry_free>;

constexpr std::size_t copy_bytes = 256U << 10U;

// libarchive asks the thread's locale what names are; a program that never chose one gets "C",
// where every name beyond ASCII is unknown. For the life of this object the calling thread speaks
// UTF-8 (or plain bytes).
class CharacterSet {
 public:
  explicit CharacterSet(const char* name) : own_(newlocale(LC_CTYPE_MASK, name, nullptr)) {
    if (own_ != nullptr) before_ = uselocale(own_);
  }
  ~CharacterSet() {
    if (own_ == nullptr) return;
    uselocale(before_);
    freelocale(own_);
  }
  CharacterSet(const CharacterSet&) = delete;
  CharacterSet& operator=(const CharacterSet&) = delete;

 private:
  locale_t own_;
  locale_t before_ = nullptr;
};

mode_t file_type(format::NodeType type) {
  switch (type) {
    case format::NodeType::file:
      return S_IFREG;
    case format::NodeType::dir:
      return S_IFDIR;
    case format::NodeType::symlink:
      return S_IFLNK;
    case format::NodeType::dev:
      return S_IFBLK;
    case format::NodeType::chardev:
      return S_IFCHR;
    case format::NodeType::fifo:
      return S_IFIFO;
    default:
      return 0;
  }
}

bool can_hold(DumpFormat format, format::NodeType type) {
  if (format == DumpFormat::tar) return file_type(type) != 0;
  return type == format::NodeType::file || type == format::NodeType::dir ||
         type == format::NodeType::symlink;
}

// Adds a Linux POSIX ACL as the kernel keeps it in an xattr: le32 version 2, then le16 tag, le16
// permissions, le32 id each. False, with nothing added, if it is anything else. Source: Linux
// include/uapi/linux/posix_acl_xattr.h.
bool add_acl(struct ::archive_entry* entry, int type, ByteView acl) {
  constexpr std::size_t head_bytes = 4, item_bytes = 8;
  if (acl.size() < head_bytes || (acl.size() - head_bytes) % item_bytes != 0) return false;
  if (load_le32(acl.data()) != 2) return false;
  const auto tag_of = [](std::uint32_t tag) {
    switch (tag) {
      case 0x01:
        return ARCHIVE_ENTRY_ACL_USER_OBJ;
      case 0x02:
        return ARCHIVE_ENTRY_ACL_USER;
      case 0x04:
        return ARCHIVE_ENTRY_ACL_GROUP_OBJ;
      case 0x08:
        return ARCHIVE_ENTRY_ACL_GROUP;
      case 0x10:
        return ARCHIVE_ENTRY_ACL_MASK;
      case 0x20:
        return ARCHIVE_ENTRY_ACL_OTHER;
      default:
        return 0;
    }
  };
  for (std::size_t at = head_bytes; at < acl.size(); at += item_bytes) {
    if (tag_of(load_le32(acl.data() + at) & 0xffffU) == 0) return false;
  }
  for (std::size_t at = head_bytes; at < acl.size(); at += item_bytes) {
    const std::uint32_t both = load_le32(acl.data() + at);
    const int tag = tag_of(both & 0xffffU);
    const bool named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;
    const int id = named ? static_cast<int>(load_le32(acl.data() + at + 4)) : -1;
    archive_entry_acl_add_entry(entry, type, static_cast<int>(both >> 16U & 7U), tag, id, nullptr);
  }
  return true;
}

void add_extended_attributes(struct ::archive_entry* entry, const format::Node& node) {
  for (const format::ExtendedAttribute& attribute : node.extended_attributes) {
    const ByteView value = attribute.value ? ByteView(*attribute.value) : ByteView();
    if (attribute.name == "system.posix_acl_access" &&
        add_acl(entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, value)) {
      continue;
    }
    if (attribute.name == "system.posix_acl_default" &&
        add_acl(entry, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, value)) {
      continue;
    }
    archive_entry_xattr_add_entry(entry, attribute.name.c_str(), value.data(), value.size());
  }
}

// A moment as the decimal number that pax wants: libarchive puts the two parts side by side, which
// is wrong where the whole is negative and the fraction is not. The last second before 1970 loses
// its fraction.
struct TarTime {
  explicit TarTime(const Timestamp& moment)
      : whole(moment.seconds), nanoseconds(moment.nanoseconds) {
    if (whole >= 0 || nanoseconds == 0) return;
    nanoseconds = whole == -1 ? 0 : 1'000'000'000 - nanoseconds;
    if (whole != -1) ++whole;
  }
  std::int64_t whole;
  long nanoseconds;
};

class ArchiveWriter {
 public:
  ArchiveWriter(DumpFormat format, ByteSink& sink)
      : format_(format), sink_(sink), archive_(archive_write_new()), entry_(archive_entry_new()) {
    check(archive_ && entry_ ? ARCHIVE_OK : ARCHIVE_FATAL);
    if (format == DumpFormat::tar) {
      check(archive_write_set_format_pax(archive_.get()));
      check(archive_write_set_format_option(archive_.get(), "pax", "xattrheader", "SCHILY"));
    } else {
      check(archive_write_set_format_zip(archive_.get()));
      check(archive_write_zip_set_compression_deflate(archive_.get()));
    }
    check(archive_write_set_bytes_in_last_block(archive_.get(), 1));
    check(archive_write_open(archive_.get(), this, nullptr, take, nullptr));
    buffer_.resize(copy_bytes);
  }
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  // `content` is asked for exactly the node's bytes; null for all but files.
  void add(const std::string& path, const format::Node& node, ByteSource* content,
           const std::stop_token& stop) {
    // In zip a name is marked as UTF-8 by the locale alone, so other names need one that is not.
    const bool plain = format_ == DumpFormat::zip && !is_utf8(path);
    const CharacterSet character_set(plain ? "C" : "C.UTF-8");
    fill_entry(path, node);
    check(archive_write_header(archive_.get(), entry_.get()));
    while (content != nullptr) {
      if (stop.stop_requested()) throw Error(Errc::cancelled, "the dump was cancelled");
      const std::size_t size = content->read(buffer_);
      if (size == 0) break;
      for (std::size_t done = 0; done < size;) {
        const la_ssize_t taken =
            archive_write_data(archive_.get(), buffer_.data() + done, size - done);
        check(taken > 0 ? ARCHIVE_OK : ARCHIVE_FATAL);
        done += static_cast<std::size_t>(taken);
      }
    }
    check(archive_write_finish_entry(archive_.get()));
  }

  void finish() { check(archive_write_close(archive_.get())); }

 private:
  // Exceptions must not pass through C: they wait in `failure_` until the C call has returned.
  static la_ssize_t take(struct ::archive*, void* self, const void* bytes, std::size_t size_bytes) {
    auto& writer = *static_cast<ArchiveWriter*>(self);
    // After a failure libarchive still hands over what is left when it is freed.
    if (writer.failure_) return -1;
    try {
      writer.sink_.write({static_cast<const std::byte*>(bytes), size_bytes});
    } catch (...) {
      writer.failure_ = std::current_exception();
      return -1;
    }
    return static_cast<la_ssize_t>(size_bytes);
  }

  void check(int status) {
    if (failure_) std::rethrow_exception(failure_);
    if (status == ARCHIVE_OK || status == ARCHIVE_WARN) return;
    const char* reason = archive_ ? archive_error_string(archive_.get()) : nullptr;
    failure_ = std::make_exception_ptr(
        Error(Errc::io, fmt::format("the archive cannot be written: {}",
                                    reason != nullptr ? reason : "libarchive gives no reason")));
    std::rethrow_exception(failure_);
  }

  void fill_entry(const std::string& path, const format::Node& node) {
    struct ::archive_entry* entry = archive_entry_clear(entry_.get());
    const bool directory = node.type == format::NodeType::dir;
    archive_entry_copy_pathname(entry, (directory ? path + "/" : path).c_str());
    archive_entry_set_mode(entry, file_type(node.type) | format::to_unix_permissions(node.mode));
    archive_entry_set_uid(entry, node.uid);
    archive_entry_set_gid(entry, node.gid);
    if (!node.user.empty()) archive_entry_copy_uname(entry, node.user.c_str());
    if (!node.group.empty()) archive_entry_copy_gname(entry, node.group.c_str());
    const TarTime mtime(node.mtime), atime(node.atime), ctime(node.ctime);
    archive_entry_set_mtime(entry, mtime.whole, mtime.nanoseconds);
    archive_entry_set_atime(entry, atime.whole, atime.nanoseconds);
    archive_entry_set_ctime(entry, ctime.whole, ctime.nanoseconds);
    archive_entry_set_size(entry, 0);
    if (node.type == format::NodeType::file) {
      archive_entry_set_size(entry, static_cast<la_int64_t>(node.size_bytes));
    } else if (node.type == format::NodeType::symlink) {
      archive_entry_copy_symlink(entry, node.link_target.c_str());
    } else if (node.type == format::NodeType::dev || node.type == format::NodeType::chardev) {
      archive_entry_set_rdev(entry, node.device);
    }
    if (format_ == DumpFormat::tar) add_extended_attributes(entry, node);
  }

  DumpFormat format_;
  ByteSink& sink_;
  std::exception_ptr failure_;
  Bytes buffer_;
  ArchiveHandle archive_;  // calls take() when it is freed, so it goes before what that uses
  EntryHandle entry_;
};

}  // namespace

DumpFormat parse_dump_format(std::string_view name) {
  if (name == "tar") return DumpFormat::tar;
  if (name == "zip") return DumpFormat::zip;
  Error error(Errc::usage, fmt::format("unknown archive format \"{}\"", name));
  error.set_hint("Use tar or zip.");
  throw error;
}

void dump_tree(repo::Repository& repository, const format::Id& tree, std::string_view root_path,
               DumpFormat format, ByteSink& sink, std::stop_token stop) {
  while (root_path.starts_with('/')) root_path.remove_prefix(1);
  while (root_path.ends_with('/')) root_path.remove_suffix(1);
  ArchiveWriter writer(format, sink);
  repo::Codec codec = repository.codec();
  walk_tree(
      repository, tree,
      [&](const std::string& path, const format::Node& node) {
        if (!can_hold(format, node.type)) return Walk::on;
        in_context("dumping " + path, [&] {
          const std::string name =
              root_path.empty() ? path.substr(1) : std::string(root_path) + path;
          std::unique_ptr<ByteSource> content;
          if (node.type == format::NodeType::file) content = open_file(repository, node, codec);
          writer.add(name, node, content.get(), stop);
        });
        return Walk::on;
      },
      stop);
  writer.finish();
}

}  // namespace holdfast::archive
