// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/unit/reference/Elements.h"

using namespace mlir;
using namespace hone;

std::vector<std::string> hone::specialElements(StringRef type) {
  if (type == "i1")
    return {"true", "false"};
  if (type == "i4")
    return {"-8", "7", "-1", "0", "3"};
  if (type == "ui4")
    return {"0", "15", "8"};
  if (type.starts_with("ui"))
    return {"0", "255", "15", "16"};
  if (type.starts_with("i"))
    return {"-128", "127", "7", "8", "-9"};
  if (type == "f16")
    return {"0x0000", "0x8000", "0x0001", "0x03FF", "0x8400", "0x3BFF", "0x3C00", "0x4A8F", "0xCA8F",
            "0x57FF", "0xD800", "0x6800", "0x7BFF", "0xFBFF", "0x7C00", "0xFC00", "0x7E00"};
  if (type == "bf16")
    return {"0x0000", "0x8000", "0x0001", "0x007F", "0x3380", "0x3381", "0x3F80", "0xBF81", "0x4151", "0xC151",
            "0x477F", "0x4780", "0x5F00", "0xDF00", "0x5F80", "0x7F7F", "0xFF7F", "0x7F80", "0xFF80", "0x7FC0"};
  std::vector<std::string> numbers = {
      "-0.0", "1.0", "-1.0", "0.49", "1.0e-30", "300.7", "-300.7", "2147483648.0", "4294967296.0",
      "9.2233720368547758e18", "-9.2233720368547758e18", "1.8446744073709552e19", "1.7e19", "3.0e38", "16777217.0",
      "-0.9", "65535.5",
      // Around ties of f16 and bf16, the last number of f16 and the least ones, and of these the ties.
      "1.00048828125", "1.00048828126", "1.00146484375", "-1.00390625", "1.00390625001", "1.01171875", "65519.99",
      "-65520.0", "6.0e-8", "2.98023223876953125e-8", "2.9802324e-8", "6.103515625e-5", "6.1e-5", "3.3961775e38"};
  if (type == "f64") // what f32 rounds to a tie
    numbers.insert(numbers.end(), {"1.00048828125000001", "1.0004882812500001", "1.0014648437499999",
                                   "-1.0039062500001", "1.0117187499999", "65519.9999999", "2.98023223876953126e-8",
                                   "1.0e300", "-1.0e-300", "0x7FF8000000000000", "0x7FF0000000000000"});
  else
    numbers.insert(numbers.end(), {"0x7FC00000", "0xFF800000"});
  return numbers;
}

std::string hone::storedBytes(const HostTensor &tensor) {
  std::string bytes(tensor.bytes.begin(), tensor.bytes.end());
  if (!isNibble(tensor.element))
    return bytes;
  std::string packed((bytes.size() + 1) / 2, '\0');
  for (size_t i = 0; i < bytes.size(); ++i)
    packed[i / 2] |= char((bytes[i] & 15) << (i % 2 * 4));
  return packed;
}
