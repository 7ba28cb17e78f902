// The CNI socket: accepts root's connections, reads bounded lines, and carries the two halves of an
// ADD over one connection. What the commands do is Handler's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/cni/cni_request.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace fairlead::agent {

class CniServer {
 public:
  // All on the loop's thread.
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual absl::StatusOr<PreparedReply> Prepare(const CniRequest& request) = 0;
    // Answers once, at once or later.
    virtual void Commit(const std::string& key, uint32_t ifindex,
                        std::function<void(const absl::Status&)> done) = 0;
    // The connection of an ADD closed before it was answered with "done".
    virtual void Abandon(const std::string& key) = 0;
    // DEL, CHECK, STATUS, GC.
    virtual absl::Status Run(const CniRequest& request) = 0;
  };

  static constexpr size_t kMaxLine = size_t{64} << 10;
  static constexpr size_t kMaxConnections = 1024;

  // Replaces what lies at `path`; mode 0600. The plugin of a connection that says nothing for
  // `patience` is given up.
  static absl::StatusOr<std::unique_ptr<CniServer>> Listen(const std::string& path, EventLoop* loop,
                                                           Handler* handler,
                                                           std::chrono::milliseconds patience);
  // Abandons what is under way.
  ~CniServer();

 private:
  struct Connection {
    UniqueFd fd;
    std::string input;
    std::string key;  // of the ADD under way
    bool committing = false;
    EventLoop::TimerId timer = 0;
  };

  CniServer(UniqueFd listener, EventLoop* loop, Handler* handler, std::chrono::milliseconds patience)
      : listener_(std::move(listener)), loop_(loop), handler_(handler), patience_(patience) {}

  void Accept();
  void Read(uint64_t id);
  void Handle(uint64_t id, const std::string& line);
  void HandleRequest(uint64_t id, const CniRequest& request);
  void HandleCommit(uint64_t id, const CniCommit& commit);
  // False when the connection is gone.
  bool Send(uint64_t id, const std::string& line);
  void Close(uint64_t id);
  void RestartTimer(uint64_t id);
  bool IsUnderWay(const std::string& key) const;

  UniqueFd listener_;
  EventLoop* loop_;
  Handler* handler_;
  std::chrono::milliseconds patience_;
  std::map<uint64_t, Connection> connections_;
  uint64_t last_id_ = 0;
};

}  // namespace fairlead::agent
