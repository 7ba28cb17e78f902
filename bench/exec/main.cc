// fairlead-exec: times calls of a CNI plugin's process, from before the fork to its end, as a container
// runtime sees them.
//
//   fairlead-exec --config bridge.json --command ADD --parallel 8 /usr/lib/cni/bridge <pods
//
// Each line of stdin is one call: CONTAINER_ID NETNS_PATH [CNI_ARGS]. Prints a JSON array, in that order:
//   [{"container":..,"ns":..,"began_ns":..,"ended_ns":..,"exit":0,"output":".."}, ...]
// Times are CLOCK_MONOTONIC. Runs in the network namespace that it is started in.
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "bench/load/endpoint.h"

namespace fairlead::bench {
namespace {

struct Job {
  std::string container, netns, arguments;
};

struct Outcome {
  int64_t began_ns = 0, ended_ns = 0;
  int exit_code = -1;
  std::string output;
};

struct Plugin {
  std::string program, command, config, path = "/usr/lib/cni", interface = "eth0";
};

UniqueFd MemoryFile(const std::string& content) {
  UniqueFd fd(memfd_create("fairlead-exec", MFD_CLOEXEC));
  if (!fd.valid() ||
      write(fd.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()) ||
      lseek(fd.get(), 0, SEEK_SET) != 0) {
    std::perror("fairlead-exec: fill a file in memory");
    std::exit(1);
  }
  return fd;
}

std::string ContentOf(int fd) {
  const off_t size = lseek(fd, 0, SEEK_END);
  std::string content(static_cast<size_t>(std::max<off_t>(size, 0)), '\0');
  if (pread(fd, content.data(), content.size(), 0) != static_cast<ssize_t>(content.size())) content.clear();
  return content;
}

Outcome Call(const Plugin& plugin, const Job& job) {
  std::vector<std::string> environment = {
      "CNI_COMMAND=" + plugin.command,     "CNI_CONTAINERID=" + job.container, "CNI_NETNS=" + job.netns,
      "CNI_IFNAME=" + plugin.interface,    "CNI_PATH=" + plugin.path,          "CNI_ARGS=" + job.arguments,
      "PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  std::vector<char*> pointers;
  pointers.reserve(environment.size() + 1);
  for (std::string& entry : environment) pointers.push_back(entry.data());
  pointers.push_back(nullptr);
  std::string program = plugin.program;
  char* arguments[] = {program.data(), nullptr};
  const UniqueFd input = MemoryFile(plugin.config), output = MemoryFile("");

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.get(), STDOUT_FILENO);
  Outcome outcome;
  pid_t pid = 0;
  outcome.began_ns = NowNs();
  const int error = posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments, pointers.data());
  int status = 0;
  if (error == 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status))
    outcome.exit_code = WEXITSTATUS(status);
  outcome.ended_ns = NowNs();
  posix_spawn_file_actions_destroy(&actions);
  outcome.output = error == 0 ? ContentOf(output.get()) : strerror(error);
  return outcome;
}

std::vector<Job> ReadJobs() {
  std::vector<Job> jobs;
  for (std::string line; std::getline(std::cin, line);) {
    Job job;
    std::istringstream words(line);
    if (words >> job.container >> job.netns) {
      words >> job.arguments;
      jobs.push_back(job);
    }
  }
  return jobs;
}

std::vector<Outcome> CallAll(const Plugin& plugin, const std::vector<Job>& jobs, int parallel) {
  std::vector<Outcome> outcomes(jobs.size());
  std::atomic<size_t> next = 0;
  std::vector<std::jthread> workers;
  workers.reserve(static_cast<size_t>(parallel));
  for (int i = 0; i < parallel; ++i) {
    workers.emplace_back([&] {
      for (size_t j = next++; j < jobs.size(); j = next++) outcomes[j] = Call(plugin, jobs[j]);
    });
  }
  workers.clear();
  return outcomes;
}

int Main(int argc, char** argv) {
  Plugin plugin;
  std::string config;
  int parallel = 1;
  CLI::App app("Time calls of a CNI plugin");
  app.add_option("program", plugin.program)->required()->check(CLI::ExistingFile);
  app.add_option("--config", config, "network configuration, the plugin's stdin")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("--command", plugin.command, "CNI_COMMAND")->required();
  app.add_option("--cni-path", plugin.path, "CNI_PATH");
  app.add_option("--parallel", parallel, "calls at a time")->check(CLI::Range(1, 256));
  CLI11_PARSE(app, argc, argv);
  std::ifstream file(config);
  plugin.config.assign(std::istreambuf_iterator<char>(file), {});

  const std::vector<Job> jobs = ReadJobs();
  const std::vector<Outcome> outcomes = CallAll(plugin, jobs, parallel);
  nlohmann::json all = nlohmann::json::array();
  for (size_t i = 0; i < jobs.size(); ++i) {
    const Outcome& o = outcomes[i];
    all.push_back({{"container", jobs[i].container},
                   {"ns", o.ended_ns - o.began_ns},
                   {"began_ns", o.began_ns},
                   {"ended_ns", o.ended_ns},
                   {"exit", o.exit_code},
                   {"output", o.output}});
  }
  std::cout << all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  return 0;
}

}  // namespace
}  // namespace fairlead::bench

int main(int argc, char** argv) try {
  return fairlead::bench::Main(argc, argv);
} catch (const std::exception& error) {
  std::cerr << "fairlead-exec: " << error.what() << "\n";
  return 1;
}
