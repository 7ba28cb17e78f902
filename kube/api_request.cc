#include "kube/api_request.h"

#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "kube/json.h"

namespace fairlead::kube {
namespace {

constexpr size_t kMaxShownBytes = 300;

absl::StatusCode CodeOf(int http_status, const std::string& reason) {
  switch (http_status) {
    case 401:
      return absl::StatusCode::kUnauthenticated;
    case 403:
      return absl::StatusCode::kPermissionDenied;
    case 404:
    case 410:
      return absl::StatusCode::kNotFound;
    case 409:
      return reason == "AlreadyExists" ? absl::StatusCode::kAlreadyExists : absl::StatusCode::kAborted;
    case 429:
      return absl::StatusCode::kResourceExhausted;
    default:
      return http_status >= 400 && http_status < 500 ? absl::StatusCode::kInvalidArgument
                                                     : absl::StatusCode::kUnavailable;
  }
}

const char* WayOut(int http_status) {
  if (http_status == 401) return "; renew the token or the client certificate";
  if (http_status == 403) return "; allow it by RBAC, as the chart's roles do";
  return "";
}

}  // namespace

absl::StatusOr<nlohmann::json> ReadReply(const ApiRequest& request, int http_status, absl::string_view body) {
  const std::string subject =
      absl::StrCat(request.method, " ", request.path.substr(0, request.path.find('?')));
  absl::StatusOr<nlohmann::json> object = ParseJson(body);
  if (http_status >= 200 && http_status < 300) {
    if (object.ok()) return object;
    return absl::InternalError(absl::StrCat(subject, ": ", object.status().message()));
  }
  // A load balancer's refusal is any text.
  const std::string reason = object.ok() ? TextField(*object, {"reason"}) : "";
  const std::string message = object.ok() ? TextField(*object, {"message"}) : "";
  return absl::Status(
      CodeOf(http_status, reason),
      absl::StrCat(subject, ": the API server answered ", http_status, message.empty() ? "" : ": ",
                   Shorten(message, kMaxShownBytes), WayOut(http_status)));
}

std::string UrlEscaped(absl::string_view text) {
  std::string escaped;
  for (char c : text) {
    const bool plain = absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_';
    absl::StrAppend(&escaped, plain ? std::string(1, c)
                                    : absl::StrCat("%", absl::Hex(static_cast<uint8_t>(c), absl::kZeroPad2)));
  }
  return escaped;
}

}  // namespace fairlead::kube
