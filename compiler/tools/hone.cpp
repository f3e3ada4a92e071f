// The `hone` program.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Commands.h"

int main(int argc, char **argv) { return hone::runHone(argc, argv); }
