// SPDX-License-Identifier: Apache-2.0
// What pg_dump and pg_dumpall write, for servers and programs older than they are: without settings
// that the copied server does not know, and without \restrict, whose key is new each time.
#pragma once

#include <set>
#include <string>

#include "base/stream.h"
#include "engine/postgresql/copy_text.h"

namespace holdfast::engine::postgresql {

class PortableScript final : public ByteSink {
 public:
  // `settings`: the names that the server knows, in lower case. `into` outlives this.
  PortableScript(ByteSink& into, std::set<std::string> settings);
  void write(ByteView bytes) override { lines_.write(bytes); }
  void finish() { lines_.finish(); }

 private:
  void take(ByteView line);
  [[nodiscard]] bool is_left_out(std::string_view line);

  ByteSink& into_;
  std::set<std::string> settings_;
  bool in_front_ = true;  // before the first statement that is no setting
  std::string last_;      // the \unrestrict that belongs to the \restrict
  LineCutter lines_;
};

}  // namespace holdfast::engine::postgresql
