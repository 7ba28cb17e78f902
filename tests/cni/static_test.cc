#include <elf.h>
#include <gtest/gtest.h>

#include <fstream>

namespace {

TEST(Static, NeedsNoSharedLibrary) {
  std::ifstream file(FAIRLEAD_CNI_PROGRAM, std::ios::binary);
  Elf64_Ehdr header{};
  file.read(reinterpret_cast<char*>(&header), sizeof(header));
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    file.seekg(static_cast<std::streamoff>(header.e_phoff + i * sizeof(segment)));
    file.read(reinterpret_cast<char*>(&segment), sizeof(segment));
    EXPECT_NE(segment.p_type, static_cast<Elf64_Word>(PT_INTERP)) << "the plugin must be linked statically";
  }
  ASSERT_TRUE(file.good());
}

}  // namespace
