// BLAKE3 digests.
//
// The one digest for models, weights and libraries. BLAKE3 and not SHA-256, because LLVM's SHA256 counts bytes in 32
// bits and is wrong from 512 MiB on.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_SUPPORT_DIGEST_H
#define HONE_SUPPORT_DIGEST_H

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/BLAKE3.h"
#include <string>

namespace hone {

/// 32 bytes of BLAKE3.
using Digest = llvm::BLAKE3Result<>;

/// The digest of `bytes`. For data that come in pieces, use llvm::BLAKE3 itself.
inline Digest digestOf(llvm::StringRef bytes) { return llvm::BLAKE3::hash(llvm::arrayRefFromStringRef(bytes)); }

/// `digest` as 64 lower-case hexadecimal digits, as `b3sum` prints it.
inline std::string toHex(const Digest &digest) { return llvm::toHex(digest, /*LowerCase=*/true); }

} // namespace hone

#endif
