// The probe's server: answers every line or datagram with "HOST CLIENT-ADDRESS LINE", so that a client
// learns who served it and how it was seen. A line that begins as an HTTP request gets an HTTP answer,
// so that curl works too. One thread, any number of connections.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "cli/probe/target.h"

namespace fairlead::probe {

class Server {
 public:
  // Listens on both families where the host has both. A protocol that the kernel lacks is left out and
  // named in `left_out()`; any other failure is an error that names the port.
  static absl::StatusOr<Server> Open(const std::vector<Listen>& listens, const std::string& host);

  Server(Server&&) noexcept;
  Server& operator=(Server&&) noexcept;
  ~Server();

  const std::vector<std::string>& left_out() const { return left_out_; }
  // Serves until `stop_fd` is readable.
  absl::Status Run(int stop_fd);

 private:
  struct Connection;

  explicit Server(std::string host);
  absl::Status AddListener(const Listen& listen);
  void Accept(int listener);
  void AnswerDatagram(int fd);
  // False when the connection is over.
  bool Serve(Connection& connection);
  std::string Answer(const std::string& client, const std::string& line) const;

  std::string host_;
  UniqueFd epoll_;
  struct Listener {
    UniqueFd fd;
    Protocol protocol;
  };
  std::map<int, Listener> listeners_;
  std::map<int, std::unique_ptr<Connection>> connections_;
  std::vector<std::string> left_out_;
};

}  // namespace fairlead::probe
