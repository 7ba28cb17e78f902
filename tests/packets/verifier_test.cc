// What the verifier walks through for each program, against what is stored for this kernel: a growth of
// more than a tenth is to be noticed before a kernel's limit is.
//
// After a change that is meant to be: FAIRLEAD_RECORD_VERIFIER=tests/packets/verifier_budget.txt packet_test
// --gtest_filter=VerifierTest.*, on each kernel; in a virtual machine the lines are printed.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <sys/utsname.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "fairlead_bpf.skel.h"
#include "tests/packets/verifier_budget.h"
#include "tests/packets/world.h"

namespace fairlead::packets {
namespace {

using Counts = std::map<std::string, std::map<std::string, uint32_t>>;  // kernel -> program -> instructions

// "6.18" of "6.18.44-...".
std::string KernelLine() {
  utsname name{};
  uname(&name);
  std::string release = name.release;
  return release.substr(0, release.find('.', release.find('.') + 1));
}

Counts Stored() {
  Counts counts;
  std::istringstream lines(kVerifierBudget);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string kernel, program;
    uint32_t instructions = 0;
    if (line.empty() || line[0] == '#' || !(words >> kernel >> program >> instructions)) continue;
    counts[kernel][program] = instructions;
  }
  return counts;
}

std::map<std::string, uint32_t> Measured() {
  std::map<std::string, uint32_t> measured;
  bpf_program* program;
  bpf_object__for_each_program(program, World::Get().programs()->obj) {
    bpf_prog_info info{};
    uint32_t size = sizeof(info);
    if (bpf_prog_get_info_by_fd(bpf_program__fd(program), &info, &size) == 0)
      measured[bpf_program__name(program)] = info.verified_insns;
  }
  return measured;
}

void Record(const std::string& path, const std::string& kernel, const std::map<std::string, uint32_t>& now) {
  Counts counts = Stored();
  counts[kernel] = now;
  std::ofstream file(path);
  file << "# kernel program instructions that the verifier walked through; see verifier_test.cc\n";
  for (const auto& [line, programs] : counts)
    for (const auto& [program, instructions] : programs)
      file << line << " " << program << " " << instructions << "\n";
}

TEST(VerifierTest, NoProgramGrowsByMoreThanATenth) {
  std::string kernel = KernelLine();
  std::map<std::string, uint32_t> now = Measured();
  ASSERT_FALSE(now.empty());
  if (const char* path = std::getenv("FAIRLEAD_RECORD_VERIFIER")) Record(path, kernel, now);
  Counts stored = Stored();
  for (const auto& [program, instructions] : now) {
    std::printf("%s %s %u\n", kernel.c_str(), program.c_str(), instructions);
    // A kernel that nothing is stored for: the limit of all kernels is what counts.
    EXPECT_LT(instructions, 500000) << program;
    if (stored[kernel].empty()) continue;
    uint32_t allowed = stored[kernel].contains(program) ? stored[kernel][program] : 0;
    EXPECT_LE(instructions, allowed + allowed / 10)
        << program << " is not stored or has grown; record it if that is meant to be";
  }
}

}  // namespace
}  // namespace fairlead::packets
