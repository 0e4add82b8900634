// SPDX-License-Identifier: Apache-2.0
#include "cli/program.h"

int main(int count, char** words) {
  return holdfast::cli::run_program(count, words);
}
