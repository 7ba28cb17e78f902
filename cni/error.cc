#include "cni/error.h"

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace fairlead::cni {
namespace {

constexpr char kCodePayload[] = "fairlead/cni/code";
constexpr char kDetailsPayload[] = "fairlead/cni/details";

}  // namespace

absl::Status CniError(int code, absl::string_view message, absl::string_view details) {
  absl::Status status(absl::StatusCode::kUnknown, message);
  const std::string number = absl::StrCat(code);
  // By a view: clang and GCC spell the symbol of the constructor from std::string differently.
  status.SetPayload(kCodePayload, absl::Cord(absl::string_view(number)));
  if (!details.empty()) status.SetPayload(kDetailsPayload, absl::Cord(details));
  return status;
}

absl::Status CniError(ErrorCode code, absl::string_view message, absl::string_view details) {
  return CniError(static_cast<int>(code), message, details);
}

absl::Status WithCode(const absl::Status& status, ErrorCode code, absl::string_view details) {
  if (status.ok() || status.GetPayload(kCodePayload)) return status;
  return CniError(code, status.message(), details);
}

int CodeOf(const absl::Status& status) {
  int code = 0;
  auto payload = status.GetPayload(kCodePayload);
  if (payload && absl::SimpleAtoi(std::string(*payload), &code)) return code;
  return static_cast<int>(ErrorCode::kIo);
}

std::string DetailsOf(const absl::Status& status) {
  auto payload = status.GetPayload(kDetailsPayload);
  return payload ? std::string(*payload) : "";
}

std::string ErrorJson(const absl::Status& status, const std::string& cni_version) {
  nlohmann::json error = {
      {"cniVersion", cni_version}, {"code", CodeOf(status)}, {"msg", std::string(status.message())}};
  if (const std::string details = DetailsOf(status); !details.empty()) error["details"] = details;
  return error.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace fairlead::cni
