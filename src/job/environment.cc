// SPDX-License-Identifier: Apache-2.0
#include "job/environment.h"

#include "base/error.h"
#include "base/separate.h"

namespace holdfast::job {

repo::Location make_location(const Environment& environment, const RepositoryAccess& access,
                             std::stop_token stop) {
  repo::Location location;
  location.url = access.location;
  location.storage.upload_bytes_per_second_max = access.limit_upload;
  location.storage.download_bytes_per_second_max = access.limit_download;
  location.storage.connections = access.connections;
  location.storage.stop = std::move(stop);
  location.cache_base = access.cache_directory;
  location.wrap = environment.wrap_storage;
  return location;
}

repo::WriterOptions make_writer_options(const Environment& environment,
                                        const RepositoryAccess& access, bool dry_run) {
  repo::WriterOptions options;
  options.pack_size_bytes = access.pack_size_bytes;
  options.verify = access.verify;
  options.dry_run = dry_run;
  options.clock = environment.clock;
  return options;
}

std::string program_version_text() {
  return "holdfast " HOLDFAST_VERSION;
}

OpenedRepository open_repository(const Environment& environment, const RepositoryAccess& access,
                                 LockMode mode, std::stop_source& stop) {
  if (access.failure) throw separate(*access.failure);
  check_rule(access.password != nullptr, "a repository is opened with a password");
  OpenedRepository opened;
  opened.repository = repo::open(make_location(environment, access, stop.get_token()),
                                 *access.password, access.key_hint);
  opened.repository->set_compression(access.compression);
  if (mode == LockMode::none || access.no_lock) return opened;
  repo::LockOptions options;
  options.exclusive = mode == LockMode::exclusive;
  options.retry = access.retry_lock;
  options.times = environment.lock_times;
  // A copy of the source shares its state, and outlives the caller's if the refreshing thread does.
  options.on_lost = [shared = stop]() mutable { shared.request_stop(); };
  opened.lock = repo::Lock::acquire(*opened.repository, options, stop.get_token());
  return opened;
}

}  // namespace holdfast::job
