// SPDX-License-Identifier: Apache-2.0
// One owning handle for objects of C libraries.
#pragma once

#include <memory>

namespace holdfast {

template <auto free_function>
struct CDelete {
  template <typename T>
  void operator()(T* object) const noexcept {
    static_cast<void>(free_function(object));
  }
};

// CHandle<PGconn, PQfinish> calls PQfinish exactly once. Move-only, no larger than a pointer.
template <typename T, auto free_function>
using CHandle = std::unique_ptr<T, CDelete<free_function>>;

}  // namespace holdfast
