#include "tests/cni/plugin.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace fairlead::cni {

int PluginResult::code() const {
  const nlohmann::json object = json();
  return object.is_object() && object.contains("code") ? object["code"].get<int>() : 0;
}

PluginProcess::PluginProcess(const PluginRun& run) {
  // The input fits into a pipe's buffer or is drained by the plugin while it is written: a file is simpler.
  std::FILE* input = std::tmpfile();
  if (input == nullptr) std::abort();
  std::fwrite(run.input.data(), 1, run.input.size(), input);
  std::rewind(input);
  int output[2];
  if (pipe2(output, O_CLOEXEC) != 0) std::abort();

  std::vector<std::string> variables;
  for (const auto& [name, value] : run.environment) variables.push_back(name + "=" + value);
  std::vector<char*> environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  std::string program = FAIRLEAD_CNI_PROGRAM;
  char* arguments[] = {program.data(), nullptr};

  pid_ = fork();
  if (pid_ == 0) {
    dup2(fileno(input), STDIN_FILENO);
    dup2(output[1], STDOUT_FILENO);
    if (run.netns_fd >= 0 && setns(run.netns_fd, CLONE_NEWNET) != 0) _exit(120);
    execve(program.c_str(), arguments, environment.data());
    _exit(121);
  }
  std::fclose(input);
  close(output[1]);
  output_fd_ = output[0];
}

PluginProcess::~PluginProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    Wait();
  }
}

PluginResult PluginProcess::Wait() {
  PluginResult result;
  char buffer[4096];
  ssize_t count = 0;
  while ((count = read(output_fd_, buffer, sizeof(buffer))) > 0) {
    result.output.append(buffer, static_cast<size_t>(count));
  }
  close(output_fd_);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

PluginResult RunPlugin(const PluginRun& run) {
  return PluginProcess(run).Wait();
}

}  // namespace fairlead::cni
