// The dialect, its interfaces, attributes and enums in one place for the generators.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

include "dialects/hone/HoneBase.td"
include "dialects/hone/Program.td"
include "dialects/hone/ReduceKind.td"
include "dialects/hone/Resize.td"
include "dialects/hone/Weights.td"
