// SPDX-License-Identifier: Apache-2.0
// RESTORE.md: how to restore one very snapshot with the engines' own tools and no Holdfast.
#pragma once

#include <string>

#include "model/manifest.h"

namespace holdfast::job {

[[nodiscard]] std::string restore_text(const model::Manifest& manifest);

}  // namespace holdfast::job
