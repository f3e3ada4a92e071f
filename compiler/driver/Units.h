// Numbers with their units, as users read them.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_DRIVER_UNITS_H
#define HONE_COMPILER_DRIVER_UNITS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FormatVariadic.h"
#include <string>

namespace hone {

/// A number in the greatest of `units` of which it has one, each of them a thousand of the one before: "1.2 MB".
inline std::string scaledText(double number, llvm::ArrayRef<llvm::StringRef> units) {
  size_t unit = 0;
  for (; number >= 1000 && unit + 1 < units.size(); ++unit)
    number /= 1000;
  return llvm::formatv(unit ? "{0:f1} {1}" : "{0:f0} {1}", number, units[unit]).str();
}
inline std::string sizeText(double bytes) { return scaledText(bytes, {"bytes", "kB", "MB", "GB", "TB"}); }
inline std::string timeText(double nanoseconds) { return scaledText(nanoseconds, {"ns", "us", "ms", "s"}); }

} // namespace hone

#endif
