// Computed weights in a scratch file.
//
// What is kept comes back; no name is left; errors keep nothing.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "support/WeightStore.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "gtest/gtest.h"
#include <cstdlib>

using namespace hone;

namespace {

/// A folder for temporary files of its own.
class WeightStoreTest : public ::testing::Test {
protected:
  void SetUp() override {
    if (const char *before = getenv("TMPDIR"))
      old = before;
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("hone-store", folder));
    setenv("TMPDIR", folder.c_str(), 1);
  }
  void TearDown() override {
    old.empty() ? unsetenv("TMPDIR") : setenv("TMPDIR", old.c_str(), 1);
    llvm::sys::fs::remove_directories(folder);
  }
  bool isFolderEmpty() {
    std::error_code error;
    return llvm::sys::fs::directory_iterator(folder, error) == llvm::sys::fs::directory_iterator();
  }
  static llvm::Expected<WeightStore::Place> keep(WeightStore &store, llvm::StringRef bytes) {
    return store.append([&](WeightStore::Append append) -> llvm::Error {
      size_t half = bytes.size() / 2;
      if (llvm::Error error = append(bytes.take_front(half)))
        return error;
      return append(bytes.drop_front(half));
    });
  }

  llvm::SmallString<128> folder;
  std::string old;
};

TEST_F(WeightStoreTest, GivesBackWhatItKeeps) {
  WeightStore store;
  std::vector<std::pair<WeightStore::Place, std::string>> kept;
  for (size_t size : {5, 0, 1 << 20, 64, 7, 70 << 20, 3}) { // the maps grow
    std::string bytes(size, char('a' + kept.size()));
    auto place = keep(store, bytes);
    ASSERT_TRUE(bool(place)) << toString(place.takeError());
    EXPECT_EQ(place->offset % 64, 0u);
    EXPECT_EQ(place->length, size);
    EXPECT_EQ(toHex(place->digest), toHex(digestOf(bytes)));
    kept.emplace_back(*place, std::move(bytes));
    for (auto &[where, wanted] : kept) {
      auto found = store.bytes(where.offset, where.length);
      ASSERT_TRUE(bool(found)) << toString(found.takeError());
      EXPECT_TRUE(*found == wanted) << size;
      store.release(where.offset, where.length);
      EXPECT_TRUE(*found == wanted) << "again, " << size;
    }
  }
  EXPECT_TRUE(isFolderEmpty()) << "the scratch file has a name";
  EXPECT_EQ(toString(store.bytes(store.size() - 1, 2).takeError()).find("bytes "), 0u);
}

TEST_F(WeightStoreTest, KeepsNothingOfWhatFails) {
  WeightStore store;
  EXPECT_EQ(store.size(), 0u);
  auto failed = store.append([](WeightStore::Append append) {
    llvm::cantFail(append("half"));
    return llvm::createStringError("no more");
  });
  EXPECT_EQ(toString(failed.takeError()), "no more");
  auto place = keep(store, "whole");
  ASSERT_TRUE(bool(place));
  EXPECT_EQ(llvm::cantFail(store.bytes(place->offset, place->length)), "whole");
}

TEST_F(WeightStoreTest, NamesAFolderThatIsNotThere) {
  llvm::SmallString<128> absent(folder);
  absent += "/absent";
  setenv("TMPDIR", absent.c_str(), 1);
  WeightStore store;
  auto failed = keep(store, "bytes");
  std::string text = toString(failed.takeError());
  EXPECT_NE(text.find(absent.str().str()), std::string::npos) << text;
  EXPECT_NE(text.find("TMPDIR=FOLDER"), std::string::npos) << text;
}

} // namespace
