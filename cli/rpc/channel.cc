#include "cli/rpc/channel.h"

#include <chrono>

#include "absl/strings/str_cat.h"

namespace fairlead::cli {

std::shared_ptr<grpc::Channel> OpenChannel(const std::string& target, int connect_timeout_ms) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(256 << 20);
  // A channel a server: nobody shares a broken subchannel's back-off with us.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, connect_timeout_ms);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

absl::Status FromGrpc(const grpc::Status& status, const std::string& operation, const std::string& target) {
  if (status.ok()) return absl::OkStatus();
  const std::string what = absl::StrCat(operation, " of ", target, ": ");
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      return absl::UnavailableError(
          absl::StrCat(what,
                       "nobody answers there. Is it running? For a lab: fairlead lab "
                       "list, fairlead lab logs (",
                       status.error_message(), ")"));
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return absl::DeadlineExceededError(
          absl::StrCat(what, "no answer in time; it may be overloaded or stopped"));
    case grpc::StatusCode::UNIMPLEMENTED:
      return absl::UnimplementedError(
          absl::StrCat(what, "it does not know this question; is it of another version?"));
    default:
      return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                          absl::StrCat(what, status.error_message()));
  }
}

void SetDeadline(grpc::ClientContext& context, int timeout_ms) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(timeout_ms));
}

}  // namespace fairlead::cli
