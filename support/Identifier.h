// Model names as C identifiers.
//
// The prefix of everything a compiled model exports or declares.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_SUPPORT_IDENTIFIER_H
#define HONE_SUPPORT_IDENTIFIER_H

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace hone {

/// The C identifier for a model called `name`: every byte that is no ASCII letter, digit or `_` becomes `_`. A leading
/// digit gets `m_` in front, as does `hone`, whose hone_library is taken by the interface. An empty name becomes
/// `model`. Different names may give the same identifier.
inline std::string toIdentifier(llvm::StringRef name) {
  if (name.empty())
    return "model";
  std::string identifier = llvm::isDigit(name.front()) || name == "hone" ? "m_" : "";
  for (char c : name)
    identifier += llvm::isAlnum(c) ? c : '_';
  return identifier;
}

} // namespace hone

#endif
