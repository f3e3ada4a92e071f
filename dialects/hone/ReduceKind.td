// How reductions and windows combine elements.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_REDUCE_KIND_TD
#define HONE_REDUCE_KIND_TD

include "dialects/hone/HoneBase.td"

def Hone_ReduceKind : I32EnumAttr<"ReduceKind", "how elements are combined", [
    I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Prod", 1, "prod">, I32EnumAttrCase<"Max", 2, "max">,
    I32EnumAttrCase<"Min", 3, "min">]> {
  let cppNamespace = "::hone";
  let genSpecializedAttr = 0;
}
def Hone_ReduceKindAttr : EnumAttr<Hone_Dialect, Hone_ReduceKind, "reduce_kind">;

#endif
