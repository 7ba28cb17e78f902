// The agent's end of the CNI socket for tests: answers from a script, remembers what it was asked.
//
//   FakeAgent agent({R"({"done":{}})"});
//   ... run the plugin ...
//   EXPECT_EQ(agent.requests().size(), 1);
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"

namespace fairlead::cni {

class FakeAgent {
 public:
  // Instead of an answer: hangs up, or says nothing until the plugin has gone.
  static constexpr char kHangUp[] = "<hang up>";
  static constexpr char kSayNothing[] = "<say nothing>";

  // Answers the n-th line that comes, over all connections, with the n-th of `answers`.
  explicit FakeAgent(std::vector<std::string> answers);
  ~FakeAgent();

  const std::string& path() const { return path_; }
  std::vector<std::string> requests() const;

 private:
  void Serve();
  void ServeOne(int fd);

  std::vector<std::string> answers_;
  std::string folder_, path_;
  UniqueFd listener_, stop_;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

}  // namespace fairlead::cni
