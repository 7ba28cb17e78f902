#include "cli/lab/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "cli/lab/files.h"
#include "spdlog/spdlog.h"

namespace fairlead::lab {
namespace {

using nlohmann::json;

constexpr int kKilled = 128 + SIGKILL;
constexpr int64_t kQuickEndNs = 2000 * kNsPerMs;  // one that ran for less is started again more slowly

}  // namespace

std::string ComponentsToJsonText(const std::vector<ComponentStatus>& components) {
  json list = json::array();
  for (const ComponentStatus& component : components) {
    list.push_back({{"name", component.name},
                    {"pid", component.pid},
                    {"restarts", component.restarts},
                    {"message", component.message}});
  }
  return list.dump(1);
}

absl::StatusOr<std::vector<ComponentStatus>> ComponentsFromJsonText(const std::string& text) {
  std::vector<ComponentStatus> components;
  try {
    for (const json& entry : json::parse(text)) {
      components.push_back({.name = entry.at("name"),
                            .pid = entry.at("pid"),
                            .restarts = entry.at("restarts"),
                            .message = entry.at("message")});
    }
  } catch (const json::exception& error) {
    return absl::DataLossError(absl::StrCat("components.json: ", error.what()));
  }
  return components;
}

Supervisor::Supervisor(const Paths& paths, std::vector<ComponentSpec> specs)
    : paths_(paths), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  for (ComponentSpec& spec : specs) {
    Component component{.spec = std::move(spec)};
    component.status.name = component.spec.name;
    components_.push_back(std::move(component));
  }
  thread_ = std::thread([this] { Run(); });
}

Supervisor::~Supervisor() {
  ending_ = true;
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
}

void Supervisor::Run() {
  while (!ending_) {
    bool changed = false;
    for (Component& component : components_) changed = Advance(component) || changed;
    if (changed) Publish();
    WaitForWork();
  }
}

bool Supervisor::Advance(Component& component) {
  bool changed = false;
  int exit_code = 0;
  const int64_t now_ns = SystemClock().MonotonicNs();
  if (component.process.has_value() && component.process->WaitFor(0, &exit_code)) {
    component.process.reset();
    component.status.pid = 0;
    component.status.message = absl::StrCat("ended with ", exit_code);
    // One that was killed is started again at once; one that ends by itself, more and more slowly.
    const bool quick_end = exit_code != kKilled && now_ns - component.started_ns < kQuickEndNs;
    component.quick_ends = quick_end ? component.quick_ends + 1 : 0;
    component.start_at_ns =
        now_ns + std::min<int64_t>(5000, 50LL << std::min(component.quick_ends, 10)) * kNsPerMs;
    spdlog::warn("{} ended with {}; its log: {}", component.status.name, exit_code,
                 paths_.log(component.status.name));
    changed = true;
  }
  if (!component.process.has_value() && now_ns >= std::max(component.start_at_ns, HeldUntil(component))) {
    const absl::Status status = Start(component);
    if (!status.ok()) {
      component.status.message = std::string(status.message());
      component.start_at_ns = now_ns + 1000 * kNsPerMs;
      spdlog::error("{}: {}", component.status.name, component.status.message);
    }
    changed = true;
  }
  return changed;
}

absl::Status Supervisor::Start(Component& component) {
  const std::string log = paths_.log(component.spec.name);
  const UniqueFd output(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  const UniqueFd input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!output.valid()) return ErrnoError(errno, absl::StrCat("open ", log));
  ProcessSpec spec = component.spec.process;
  spec.stdin_fd = input.get();
  spec.stdout_fd = output.get();
  spec.stderr_fd = output.get();
  spec.new_session = true;
  ASSIGN_OR_RETURN(Process process, Process::Start(spec));
  if (component.started_ns != 0) component.status.restarts++;
  component.started_ns = SystemClock().MonotonicNs();
  component.status.pid = process.pid();
  component.process = std::move(process);
  return absl::OkStatus();
}

int64_t Supervisor::HeldUntil(const Component& component) const {
  const auto text = ReadFile(paths_.hold(component.spec.name));
  int64_t until_ns = 0;
  return text.ok() && absl::SimpleAtoi(*text, &until_ns) ? until_ns : 0;
}

void Supervisor::Publish() const {
  std::vector<ComponentStatus> statuses;
  for (const Component& component : components_) statuses.push_back(component.status);
  const absl::Status status =
      WriteFileAtomically(paths_.components(), ComponentsToJsonText(statuses), paths_.dir);
  if (!status.ok()) spdlog::error("publish components: {}", std::string(status.message()));
}

void Supervisor::WaitForWork() {
  std::vector<pollfd> interests{{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
  int64_t next_ns = INT64_MAX;
  for (const Component& component : components_) {
    if (component.process.has_value()) {
      interests.push_back({.fd = component.process->pidfd(), .events = POLLIN, .revents = 0});
    } else {
      next_ns = std::min(next_ns, std::max(component.start_at_ns, HeldUntil(component)));
    }
  }
  int timeout_ms = -1;
  if (next_ns != INT64_MAX) {
    const int64_t left_ns = next_ns - SystemClock().MonotonicNs();
    timeout_ms = static_cast<int>(std::clamp<int64_t>((left_ns + 999'999) / 1'000'000, 0, 1000));
  }
  ::poll(interests.data(), interests.size(), timeout_ms);
  eventfd_t count = 0;
  ::eventfd_read(wake_.get(), &count);
}

}  // namespace fairlead::lab
