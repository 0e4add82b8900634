// SPDX-License-Identifier: Apache-2.0
#include "base/upper_halves.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace holdfast {

#if defined(__x86_64__)

namespace {

__attribute__((target("avx"))) void zero_upper_halves() noexcept {
  _mm256_zeroupper();
}

}  // namespace

void forget_upper_halves() noexcept {
  static const bool has_avx = __builtin_cpu_supports("avx") != 0;  // and the system keeps them
  if (has_avx) zero_upper_halves();
}

#else

void forget_upper_halves() noexcept {}

#endif

}  // namespace holdfast
