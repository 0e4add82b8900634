// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/receiver/s3_uploads.h"

#include <algorithm>
#include <exception>
#include <thread>

#include "base/error.h"

namespace holdfast::engine::sqlserver {

namespace {

S3Refusal no_such_upload() {
  return {404, "NoSuchUpload",
          "The specified upload does not exist. It may have been aborted, completed or failed."};
}
S3Refusal not_expected() {
  return {403, "AccessDenied", "Nothing is expected under this name."};
}
S3Refusal being_written() {
  return {409, "OperationAborted", "This object is being written already, by another upload."};
}
S3Refusal changed_part() {
  return {409, "OperationAborted",
          "The part was stored before with other content and cannot be replaced any more."};
}

std::exception_ptr incomplete(std::string_view name, std::string_view why) {
  return std::make_exception_ptr(
      Error(Errc::incomplete, "the backup " + std::string(name) + " " + std::string(why)));
}

std::string random_id() {
  std::array<std::byte, 16> bytes;
  fill_random(bytes);
  return to_hex(bytes);
}

}  // namespace

struct S3Uploads::Object {
  struct Part {
    std::vector<S3Pieces::Piece> pieces;  // none once it is given on
    Md5Digest md5{};
    std::uint64_t size_bytes = 0, on_disk_bytes = 0;
    bool is_given = false;  // to the sink, or just being so
  };
  enum class State : std::uint8_t { open, completing, complete, failed };

  std::string name;
  ByteSink* sink = nullptr;
  State state = State::open;
  std::exception_ptr failure;  // State::failed
  bool is_ours = false;        // the failure: not the client's doing
  std::string id;              // of the upload; empty: none has begun
  bool is_single = false;      // written by PutObject
  std::map<unsigned, Part> parts;
  std::vector<unsigned> order;  // from State::completing on: of its parts
  std::size_t given = 0;        // of the parts, in their order
  std::uint64_t given_bytes = 0, on_disk_bytes = 0;
  std::string etag;
  std::optional<S3Pieces::Moving> moving;
  std::jthread thread;

  // The part whose turn it is, if it is there.
  [[nodiscard]] Part* next() {
    if (state != State::open && state != State::completing) return nullptr;
    if (state == State::completing && given == order.size()) return nullptr;
    const auto number =
        state == State::completing ? order[given] : static_cast<unsigned>(given) + 1;
    const auto found = parts.find(number);
    return found == parts.end() ? nullptr : &found->second;
  }
  // To be called after every change: whether there is something to be given on.
  void look(S3Pieces& pieces) {
    if (next() == nullptr) {
      moving.reset();
    } else if (!moving) {
      moving.emplace(pieces);
    }
  }
  void fail(std::exception_ptr why, bool ours) {
    if (state == State::failed || state == State::complete) return;
    state = State::failed;
    failure = std::move(why);
    is_ours = ours;
    parts.clear();
    moving.reset();
  }
  [[nodiscard]] bool is_etag_of(const S3NamedPart& named) const {
    const auto found = parts.find(named.number);
    return found != parts.end() && s3_etag(found->second.md5) == named.etag;
  }
  [[nodiscard]] bool is_done_as(const std::vector<S3NamedPart>& named) const {
    return (state == State::completing || state == State::complete) && !is_single &&
           named.size() == order.size() &&
           std::all_of(named.begin(), named.end(),
                       [&](const S3NamedPart& each) { return is_etag_of(each); });
  }
  [[nodiscard]] std::string make_etag() const {
    std::vector<Md5Digest> all;
    for (const unsigned number : order) all.push_back(parts.at(number).md5);
    return is_single ? s3_etag(all.front()) : s3_etag(all);
  }
};

std::string s3_etag(const Md5Digest& md5) {
  return to_hex(md5);
}
std::string s3_etag(const std::vector<Md5Digest>& parts) {
  Md5 hash;
  for (const Md5Digest& each : parts) hash.update(each);
  return to_hex(hash.finish()) + "-" + std::to_string(parts.size());
}

S3Uploads::~S3Uploads() {
  close();
  // The threads end one after the other, outside the lock that they take.
  for (auto& [name, object] : objects_) object->thread = {};
}

S3Uploads::Found S3Uploads::find(std::string_view name) const {
  const auto found = objects_.find(name);
  return found == objects_.end() ? nullptr : found->second;
}

void S3Uploads::expect(const std::string& name, ByteSink& sink) {
  const std::lock_guard lock(mutex_);
  check_rule(find(name) == nullptr, "an object is expected once");
  auto object = std::make_shared<Object>();
  object->name = name;
  object->sink = &sink;
  if (is_closed_) {
    object->fail(std::make_exception_ptr(Error(Errc::cancelled, "the backup was stopped")), true);
  }
  object->thread = std::jthread([this, raw = object.get()] { pump(*raw); });
  objects_.emplace(name, std::move(object));
}

bool S3Uploads::is_expected(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  return find(name) != nullptr;
}

void S3Uploads::close() noexcept {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  for (auto& [name, object] : objects_) {
    object->fail(std::make_exception_ptr(Error(Errc::cancelled, "the backup was stopped")), true);
  }
  changed_.notify_all();
}

void S3Uploads::fail(std::string_view name, const std::exception_ptr& error) noexcept {
  const std::lock_guard lock(mutex_);
  if (const Found object = find(name)) object->fail(error, true);
  changed_.notify_all();
}

S3Uploads::Found S3Uploads::end(std::string_view name, const std::exception_ptr& reason) {
  Found object;
  {
    const std::lock_guard lock(mutex_);
    object = find(name);
    if (!object) return nullptr;
    object->fail(reason, false);
    changed_.notify_all();
    objects_.erase(object->name);
  }
  object->thread = {};  // waits for the sink
  return object;
}

S3Receiver::Received S3Uploads::finish(std::string_view name) {
  const Found object =
      end(name, incomplete(name, "was not written to its end: the server did not complete it"));
  check_rule(object != nullptr, "what is finished was expected");
  if (object->failure) std::rethrow_exception(object->failure);
  return {object->given_bytes, static_cast<unsigned>(object->given), object->on_disk_bytes};
}

void S3Uploads::withdraw(std::string_view name) noexcept {
  static_cast<void>(end(name, incomplete(name, "was given up")));
}

void S3Uploads::raise_failure(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const Found object = find(name);
  if (object && object->failure && object->is_ours) std::rethrow_exception(object->failure);
}

// The thread of one object: gives parts on as their turn comes.
void S3Uploads::pump(Object& object) {
  using State = Object::State;
  std::unique_lock lock(mutex_);
  while (object.state == State::open || object.state == State::completing) {
    Object::Part* const part = object.next();
    if (part == nullptr) {
      if (object.state == State::completing && object.given == object.order.size()) {
        object.state = State::complete;
        changed_.notify_all();
        return;
      }
      changed_.wait(lock);
      continue;
    }
    part->is_given = true;
    auto pieces = std::move(part->pieces);
    const std::uint64_t size_bytes = part->size_bytes;
    object.on_disk_bytes += part->on_disk_bytes;
    std::exception_ptr failure;
    lock.unlock();
    try {
      for (auto& piece : pieces) {
        const S3Pieces::Piece own = std::move(piece);  // its room is free after this turn
        own.give(*object.sink);
      }
    } catch (...) {  // told to whoever waits in finish()
      failure = std::current_exception();
    }
    pieces.clear();
    lock.lock();
    if (failure) {
      object.fail(failure, true);
    } else {
      ++object.given;
      object.given_bytes += size_bytes;
    }
    object.look(pieces_);
    changed_.notify_all();
  }
}

S3Uploads::Refused S3Uploads::create(std::string_view name, std::string& id) {
  const std::lock_guard lock(mutex_);
  const Found object = find(name);
  if (!object || object->state == Object::State::failed) return not_expected();
  // Whoever begins anew before anything was given on has lost the answer to the first time.
  const bool is_untouched = std::none_of(object->parts.begin(), object->parts.end(),
                                         [](const auto& part) { return part.second.is_given; });
  if (object->state != Object::State::open || !is_untouched) return being_written();
  object->parts.clear();
  object->id = id = random_id();
  return std::nullopt;
}

S3Uploads::Refused S3Uploads::check(std::string_view name, std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const Found object = find(name);
  if (!object || object->id.empty() || object->id != id || object->state == Object::State::failed) {
    return no_such_upload();
  }
  return std::nullopt;
}

S3Uploads::Refused S3Uploads::put_part(std::string_view name, std::string_view id, unsigned number,
                                       S3Content& content, const Md5Digest& md5,
                                       std::uint64_t size_bytes) {
  const std::lock_guard lock(mutex_);
  const Found object = find(name);
  if (!object || object->id != id || object->state == Object::State::failed) {
    return no_such_upload();
  }
  const auto found = object->parts.find(number);
  const bool is_there = found != object->parts.end();
  if (is_there && (found->second.is_given || object->state != Object::State::open)) {
    if (found->second.md5 == md5 && found->second.size_bytes == size_bytes) return std::nullopt;
    object->fail(std::make_exception_ptr(Error(
                     Errc::not_consistent, "part " + std::to_string(number) + " of the backup " +
                                               object->name + " came again with other content")),
                 true);
    changed_.notify_all();
    return changed_part();
  }
  if (object->state != Object::State::open) return no_such_upload();
  Object::Part part;
  part.md5 = md5;
  part.size_bytes = size_bytes;
  part.on_disk_bytes = content.on_disk_bytes();
  part.pieces = content.release();
  object->parts.insert_or_assign(number, std::move(part));
  object->look(pieces_);
  changed_.notify_all();
  return std::nullopt;
}

S3Uploads::Refused S3Uploads::wait_complete(std::unique_lock<std::mutex>& lock, Object& object,
                                            std::string& etag) {
  using State = Object::State;
  object.look(pieces_);
  changed_.notify_all();
  changed_.wait(lock,
                [&] { return object.state == State::complete || object.state == State::failed; });
  if (object.state == State::failed) return no_such_upload();
  etag = object.etag;
  return std::nullopt;
}

S3Uploads::Refused S3Uploads::complete(std::string_view name, std::string_view id,
                                       const std::vector<S3NamedPart>& parts, std::string& etag) {
  std::unique_lock lock(mutex_);
  const Found object = find(name);
  if (!object || object->id.empty() || object->id != id || object->state == Object::State::failed) {
    return no_such_upload();
  }
  if (object->is_done_as(parts)) return wait_complete(lock, *object, etag);
  if (object->state != Object::State::open) return no_such_upload();
  std::vector<unsigned> order;
  for (const S3NamedPart& named : parts) {
    if (!object->is_etag_of(named)) {
      return S3Refusal{400, "InvalidPart",
                       "Part " + std::to_string(named.number) +
                           " was not uploaded, or its entity tag is another one."};
    }
    order.push_back(named.number);
  }
  for (auto part = object->parts.begin(); part != object->parts.end();) {
    const bool is_named = std::binary_search(order.begin(), order.end(), part->first);
    if (!is_named && part->second.is_given) {
      object->fail(incomplete(name, "was completed without one of its parts"), false);
      changed_.notify_all();
      return S3Refusal{400, "InvalidPart", "A part that was stored already is left out."};
    }
    part = is_named ? std::next(part) : object->parts.erase(part);
  }
  object->order = std::move(order);
  object->etag = object->make_etag();
  object->state = Object::State::completing;
  return wait_complete(lock, *object, etag);
}

S3Uploads::Refused S3Uploads::abort(std::string_view name, std::string_view id) {
  const std::lock_guard lock(mutex_);
  const Found object = find(name);
  if (!object || object->id.empty() || object->id != id || object->state == Object::State::failed ||
      object->state == Object::State::complete) {
    return no_such_upload();
  }
  const bool is_untouched = std::none_of(object->parts.begin(), object->parts.end(),
                                         [](const auto& part) { return part.second.is_given; });
  if (is_untouched && object->state == Object::State::open) {
    object->parts.clear();
    object->id.clear();
  } else {
    object->fail(incomplete(name, "was aborted by the server"), false);
  }
  changed_.notify_all();
  return std::nullopt;
}

S3Uploads::Refused S3Uploads::put_object(std::string_view name, S3Content& content,
                                         const Md5Digest& md5, std::uint64_t size_bytes,
                                         std::string& etag) {
  std::unique_lock lock(mutex_);
  const Found object = find(name);
  if (!object || object->state == Object::State::failed) return not_expected();
  if (object->is_single && object->parts.at(1).md5 == md5) {
    return wait_complete(lock, *object, etag);  // the same again
  }
  if (object->state != Object::State::open || !object->parts.empty()) return being_written();
  Object::Part part;
  part.md5 = md5;
  part.size_bytes = size_bytes;
  part.on_disk_bytes = content.on_disk_bytes();
  part.pieces = content.release();
  object->parts.emplace(1, std::move(part));
  object->id.clear();
  object->is_single = true;
  object->order = {1};
  object->etag = object->make_etag();
  object->state = Object::State::completing;
  return wait_complete(lock, *object, etag);
}

S3Uploads::Refused S3Uploads::list(std::string_view name, std::string_view id,
                                   std::vector<ListedPart>& into) const {
  const std::lock_guard lock(mutex_);
  const Found object = find(name);
  if (!object || object->id.empty() || object->id != id || object->state == Object::State::failed) {
    return no_such_upload();
  }
  for (const auto& [number, part] : object->parts) {
    into.push_back({number, s3_etag(part.md5), part.size_bytes});
  }
  return std::nullopt;
}

std::vector<S3Uploads::Complete> S3Uploads::complete_objects() const {
  const std::lock_guard lock(mutex_);
  std::vector<Complete> result;
  for (const auto& [name, object] : objects_) {
    if (object->state == Object::State::complete) {
      result.push_back({name, object->etag, object->given_bytes});
    }
  }
  return result;
}

void S3Uploads::remove(std::string_view name) noexcept {
  const std::lock_guard lock(mutex_);
  const Found object = find(name);
  if (!object || object->state != Object::State::complete) return;
  object->state = Object::State::failed;
  object->failure = incomplete(name, "was deleted by the server");
}

}  // namespace holdfast::engine::sqlserver
