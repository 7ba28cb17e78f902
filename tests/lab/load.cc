#include "tests/lab/load.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <utility>

namespace fairlead::test {

Load::Load(const Lab& lab, const std::string& pod, std::string name, const std::vector<std::string>& target)
    : name_(std::move(name)) {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd input(ends[0]);
  running_ = UniqueFd(ends[1]);
  report_ = UniqueFd(::memfd_create("report", MFD_CLOEXEC));
  const std::string program = FAIRLEAD_BIN_DIR "/fairlead";
  lab::ProcessSpec spec{
      .argv = {program, "lab", "exec", "--name", lab.name(), pod, "--", "fairlead-probe", "stream",
               "--duration", "0", "--until-eof", "--interval-ms", "20", "--samples", "-o", "json"},
      .env = lab::CurrentEnvironment(),
      .stdin_fd = input.get(),
      .stdout_fd = report_.get()};
  spec.argv.insert(spec.argv.end(), target.begin(), target.end());
  auto process = lab::Process::Start(spec);
  EXPECT_TRUE(process.ok()) << process.status();
  if (process.ok()) process_ = *std::move(process);
}

void Load::Stop() {
  running_ = UniqueFd();
  int exit_code = 0;
  if (!process_.has_value() || !process_->WaitFor(30'000, &exit_code)) {
    ADD_FAILURE() << name_ << " does not end";
    return;
  }
  std::string text(static_cast<size_t>(::lseek(report_.get(), 0, SEEK_END)), ' ');
  EXPECT_EQ(::pread(report_.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  json_ = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json_.is_object()) json_ = nlohmann::json::object();
  for (const auto& sample : json_.value("samples", nlohmann::json::array()))
    latencies_.push_back({sample[0], sample[1]});
  json_.erase("samples");
}

}  // namespace fairlead::test
