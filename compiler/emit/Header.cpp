// Names come from a model file that may mean harm: none of them may end a comment or a line.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/emit/Header.h"
#include "hone/abi.h"
#include "support/Identifier.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/raw_ostream.h"

using namespace hone;

/// The C type of one element.
static llvm::StringRef elementType(int32_t dtype) {
  switch (dtype) {
  case HONE_FLOAT:
    return "float";
  case HONE_UINT8:
    return "uint8_t";
  case HONE_INT8:
    return "int8_t";
  case HONE_UINT16:
    return "uint16_t";
  case HONE_INT16:
    return "int16_t";
  case HONE_INT32:
    return "int32_t";
  case HONE_INT64:
    return "int64_t";
  case HONE_BOOL:
    return "uint8_t (bool)";
  case HONE_FLOAT16:
    return "uint16_t (float16)";
  case HONE_DOUBLE:
    return "double";
  case HONE_UINT32:
    return "uint32_t";
  case HONE_UINT64:
    return "uint64_t";
  case HONE_BFLOAT16:
    return "uint16_t (bfloat16)";
  case HONE_INT4:
    return "uint8_t (two int4)";
  case HONE_UINT4:
    return "uint8_t (two uint4)";
  default:
    return "?";
  }
}

/// `text` for a comment.
static std::string inComment(llvm::StringRef text) {
  std::string safe;
  for (char c : text) {
    if (!safe.empty() && ((safe.back() == '*' && c == '/') || (safe.back() == '/' && c == '*')))
      safe += ' ';
    safe += llvm::isPrint(c) ? c : '?';
  }
  return safe;
}

static void writeValues(llvm::raw_ostream &stream, llvm::StringRef model, llvm::StringRef kind,
                        llvm::ArrayRef<HeaderValue> values) {
  stream << "enum " << model << "_" << kind << " {\n";
  llvm::StringSet<> used;
  for (auto [index, value] : llvm::enumerate(values)) {
    // Different names may give one identifier: the position tells them apart.
    std::string identifier = toIdentifier(value.name);
    while (!used.insert(identifier).second)
      identifier += "_" + std::to_string(index);
    stream << "  " << model << "_" << kind << "_" << identifier << " = " << index << ", /* '" << inComment(value.name)
           << "': " << elementType(value.dtype) << " [" << inComment(llvm::join(value.dims, ", ")) << "] */\n";
  }
  stream << "  " << model << "_" << kind << "s = " << values.size() << " /* how many there are */\n};\n\n";
}

std::string hone::makeHeader(llvm::StringRef name, llvm::ArrayRef<HeaderValue> inputs,
                             llvm::ArrayRef<HeaderValue> outputs) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << "/* The model '" << name << "', compiled by Hone. Generated: changes will be lost. */\n"
         << "#ifndef HONE_MODEL_" << name << "_H\n#define HONE_MODEL_" << name << "_H\n\n"
         << "#include <hone/hone.h>\n\n"
         << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
         << "/* Never fails, allocates nothing, may be called by any thread. */\n"
         << "const hone_library *" << name << "_library(void);\n\n"
         << "/* What hone_run() can be asked for. */\nenum {\n  " << name
         << "_entry_main = 0, /* the model's graph */\n  " << name << "_entries = 1 /* how many there are */\n};\n\n"
         << "/* Positions in the arrays that hone_run() takes, with element type and dims. */\n";
  writeValues(stream, name, "input", inputs);
  writeValues(stream, name, "output", outputs);
  stream << "#ifdef __cplusplus\n}\n#endif\n\n#endif\n";
  return text;
}
