#include "tests/cni/fake_agent.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace fairlead::cni {

FakeAgent::FakeAgent(std::vector<std::string> answers) : answers_(std::move(answers)) {
  char folder[] = "/tmp/fairlead-cni-test-XXXXXX";
  if (mkdtemp(folder) == nullptr) std::abort();
  folder_ = folder;
  path_ = folder_ + "/cni.sock";
  sockaddr_un address{.sun_family = AF_UNIX};
  memcpy(address.sun_path, path_.data(), path_.size());
  listener_.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  stop_.reset(eventfd(0, EFD_CLOEXEC));
  if (bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(listener_.get(), 16) != 0) {
    std::perror("listen as a fake agent");
    std::abort();
  }
  thread_ = std::thread([this] { Serve(); });
}

FakeAgent::~FakeAgent() {
  eventfd_write(stop_.get(), 1);
  thread_.join();
  unlink(path_.c_str());
  rmdir(folder_.c_str());
}

std::vector<std::string> FakeAgent::requests() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return requests_;
}

void FakeAgent::Serve() {
  while (true) {
    pollfd fds[] = {{.fd = listener_.get(), .events = POLLIN}, {.fd = stop_.get(), .events = POLLIN}};
    poll(fds, 2, -1);
    if (fds[1].revents != 0) return;
    UniqueFd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection.valid()) ServeOne(connection.get());
  }
}

void FakeAgent::ServeOne(int fd) {
  std::string input;
  while (true) {
    pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = stop_.get(), .events = POLLIN}};
    poll(fds, 2, -1);
    if (fds[1].revents != 0) return;
    char buffer[4096];
    const ssize_t count = recv(fd, buffer, sizeof(buffer), 0);
    if (count <= 0) return;
    input.append(buffer, static_cast<size_t>(count));
    const size_t end = input.find('\n');
    if (end == std::string::npos) continue;
    std::string answer = kHangUp;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (requests_.size() < answers_.size()) answer = answers_[requests_.size()];
      requests_.push_back(input.substr(0, end));
    }
    input.clear();
    if (answer == kHangUp) return;
    if (answer == kSayNothing) continue;
    answer += "\n";
    if (send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return;
  }
}

}  // namespace fairlead::cni
