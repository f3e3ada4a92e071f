// Strided copies and element types.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "hone/hone.h"
extern "C" {
#include "hone/abi.h"
void hone_rt_copy_strided(char *to, const char *from, const int64_t *dims, const int64_t *strides, int32_t rank,
                          int64_t element_bytes, const int32_t *cancel);
hone_dtype hone_rt_dtype(int32_t dtype);
}
#include <gtest/gtest.h>
#include <random>
#include <vector>

TEST(Tensor, StridedCopyMatchesIndexArithmetic) {
  constexpr unsigned seed = 7;
  std::mt19937 random(seed);
  for (int round = 0; round < 2000; ++round) {
    int32_t rank = int32_t(random() % 5);
    int64_t element = int64_t(1) << random() % 4, count = 1;
    int64_t dims[5], strides[5], low = 0, high = 0;
    for (int32_t i = rank; i-- > 0;) {
      dims[i] = 1 + int64_t(random() % 4);
      // As often contiguous as not, so that folded ends are met as well.
      strides[i] = random() % 2 ? count : int64_t(random() % 9) - 4;
      count *= dims[i];
      int64_t end = strides[i] * (dims[i] - 1);
      (end < 0 ? low : high) += end;
    }
    std::vector<char> from(size_t((high - low + 1) * element)), to(size_t(count * element)), expected(to.size());
    for (char &byte : from)
      byte = char(random());
    const char *origin = from.data() - low * element;
    for (int64_t flat = 0; flat < count; ++flat) {
      int64_t rest = flat, offset = 0;
      for (int32_t i = rank; i-- > 0; rest /= dims[i])
        offset += rest % dims[i] * strides[i];
      for (int64_t b = 0; b < element; ++b)
        expected[size_t(flat * element + b)] = origin[offset * element + b];
    }
    int32_t never = 0;
    hone_rt_copy_strided(to.data(), origin, dims, strides, rank, element, &never);
    ASSERT_EQ(to, expected) << "seed " << seed << ", round " << round;
  }
}

TEST(Tensor, CancelledCopiesEnd) {
  const int32_t cancelled = 1;
  std::vector<char> from(64, 'x'), to(64);
  int64_t dims[] = {4, 4}, strides[] = {16, 2};
  for (int32_t rank : {0, 1, 2}) { // of a run of bytes, of elements, of rows of them
    hone_rt_copy_strided(to.data(), from.data(), dims, strides, rank, 4, &cancelled);
    EXPECT_EQ(to, std::vector<char>(64)) << rank;
  }
}

TEST(Tensor, ElementTypes) {
  struct {
    int32_t dtype;
    int code, bits;
  } rows[] = {
      {HONE_FLOAT, HONE_CODE_FLOAT, 32},     {HONE_DOUBLE, HONE_CODE_FLOAT, 64}, {HONE_FLOAT16, HONE_CODE_FLOAT, 16},
      {HONE_BFLOAT16, HONE_CODE_BFLOAT, 16}, {HONE_INT8, HONE_CODE_INT, 8},      {HONE_INT16, HONE_CODE_INT, 16},
      {HONE_INT32, HONE_CODE_INT, 32},       {HONE_INT64, HONE_CODE_INT, 64},    {HONE_UINT8, HONE_CODE_UINT, 8},
      {HONE_UINT16, HONE_CODE_UINT, 16},     {HONE_UINT32, HONE_CODE_UINT, 32},  {HONE_UINT64, HONE_CODE_UINT, 64},
      {HONE_BOOL, HONE_CODE_BOOL, 8},        {HONE_INT4, HONE_CODE_INT, 4},      {HONE_UINT4, HONE_CODE_UINT, 4}};
  for (auto &row : rows) {
    hone_dtype dtype = hone_rt_dtype(row.dtype);
    EXPECT_EQ(dtype.code, row.code) << row.dtype;
    EXPECT_EQ(dtype.bits, row.bits) << row.dtype;
    EXPECT_EQ(dtype.lanes, 1);
  }
}
