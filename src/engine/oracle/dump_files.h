// SPDX-License-Identifier: Apache-2.0
// Files that Oracle's own tools made: classic dumps of exp, and dumps of Data Pump.
#pragma once

#include "engine/file_reader.h"

namespace holdfast::engine::oracle {

[[nodiscard]] const FileReader& dump_files() noexcept;

}  // namespace holdfast::engine::oracle
